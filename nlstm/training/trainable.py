"""A model, as far as fit, evaluate and predict know it."""

from typing import Any, Protocol

from nlstm.network.binder import Binder
from nlstm.network.design import Design
from nlstm.network.network import Network
from nlstm.plan.symbols import Shape
from nlstm.training.history import History
from nlstm.training.training import Training

__all__ = ["Trainable"]


class Trainable(Protocol):
    """What the functions that are a model's methods need of it."""

    stop_training: bool
    history: History | None

    @property
    def design(self) -> Design:
        """The layers, and the network that they form."""

    @property
    def training(self) -> Training:
        """What compile chose."""

    def binder_for(self, *samples: Shape) -> Binder:
        """Return what binds the network, for inputs of these shapes; weights are made."""

    def binder_of(self, network: Network) -> Binder:
        """Return what binds a network that the design has kept; weights are made."""

    def predict(self, x: Any, batch_size: int | None = None, verbose: Any = "auto") -> Any:
        """See `nlstm.training.predict`."""
