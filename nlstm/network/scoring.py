"""What binding asks of losses, metrics and training, which are rooms above."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from nlstm.kernels.operations import Array, Call, Cell, Operations
from nlstm.layers import Layer
from nlstm.losses import Loss
from nlstm.optimizers import Optimizer
from nlstm.plan.plan import Plan, Tensor
from nlstm.plan.recompute import Recomputing
from nlstm.plan.sums import Sums

__all__ = ["Aimed", "Scoring", "SumsOf", "Trained"]

SumsOf = Callable[[Plan], Sums]  # what adds up the batches of a plan over several processes


class Aimed(Protocol):
    """What an output is measured by, as far as binding asks."""

    loss: Loss | None


class Scoring(Protocol):
    """Losses and metrics with their running totals."""

    totals: Cell

    @property
    def aims(self) -> Sequence[Aimed]:
        """One for each output."""

    def bind(
        self,
        plan: Plan,
        targets: Sequence[Array | None],
        outputs: Sequence[Tensor],
        weights: Sequence[Array | None],
        activations: Sequence[str | None],
    ) -> None:
        """Append the calls of losses and metrics."""

    def penalty_count(self, plan: Plan) -> Call:
        """Return the call that counts the penalty of a batch."""


class Trained(Recomputing, Protocol):
    """How a network is trained."""

    optimizer: Optimizer | None
    frozen: tuple[Layer, ...]

    def goal(self, features: Sequence[int], ops: Operations) -> Any:
        """Return new totals, for outputs of so many features."""
