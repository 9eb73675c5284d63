"""What the two kinds of models are made from: layers of one dtype, as their user put them."""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from nlstm.layers import Layer
from nlstm.network.network import Network, checked_dtype
from nlstm.plan.graph import Graph
from nlstm.plan.symbols import Shape

__all__ = [
    "Design",
    "Nested",
    "Renamings",
    "checked_layer_dtype",
    "open_dtype",
    "rename",
    "taken",
]


class Renamings:
    """How many layers have come, gone or got another name in this process.

    Networks know them as they were.
    """

    count = 0


def rename(layer: "Layer | Nested", name: str) -> None:
    """Give a layer, or a model that serves as one, another name."""
    if layer.name != name:
        layer.name = name
        Renamings.count += 1


class Design(Protocol):
    """The layers of a model, and the network that they form once their input is known.

    Attributes
    ----------
    dtype : dtype or None
        None as long as nobody chose one: then it is float32, or that of a model around it.
    device : str
        Where it computes.
    matmul_precision : str
        What products multiply; in a model inside another one, that of the outer one holds.
    """

    dtype: np.dtype | None
    device: str
    matmul_precision: str

    @property
    def layers(self) -> list[Layer]:
        """The layers, those of models inside too, without `Input`."""

    @property
    def graph(self) -> Graph | None:
        """The graph; None as long as nothing is known of the input."""

    @property
    def sample(self) -> Shape | None:
        """Shape of one sample of the first input; None as long as nothing is known of it."""

    @property
    def input_names(self) -> tuple[str, ...]:
        """Keys of a dict of arrays."""

    @property
    def output_names(self) -> tuple[str, ...]:
        """Keys of a dict of targets."""

    def labelled(self) -> Iterator[tuple[str, Layer]]:
        """Give each layer with what it is called in files; no two are called the same."""

    def settle(self, dtype: np.dtype | None) -> None:
        """Take the dtype of the model around, if there is none yet."""

    def place(self, device: str) -> None:
        """Compute elsewhere from now on, models inside too; weights are moved by others."""

    def network(self, action: str) -> Network:
        """Return the network; raise a ValueError that names `action` where it is not known."""

    def network_for(self, x: Any) -> Network:
        """Return the network: as known, or as data `x` show it, without keeping it."""

    def keep(self, *samples: Shape) -> Network:
        """Return the network; from now on it is known to be for inputs of these shapes."""

    def graph_inside(self, sample: Shape, keep: bool) -> Graph:
        """Return the graph for an input of shape `sample` inside another model."""


class Nested(Protocol):
    """A model, as the model around it sees it."""

    name: str
    named_by_user: bool

    @property
    def design(self) -> Design:
        """Its layers."""

    @property
    def built(self) -> bool:
        """Whether its weights exist."""

    @property
    def dtype(self) -> np.dtype:
        """What it computes in."""


def checked_layer_dtype(layer: Layer, dtype: np.dtype | None) -> np.dtype | None:
    """Return the dtype that a model has once it has `layer`; raise if they differ."""
    if layer.dtype is None:
        return dtype
    checked_dtype(layer.dtype)
    if layer.dtype != (dtype or layer.dtype):
        raise ValueError(f"{layer.name} is {layer.dtype}, but the model is {dtype}.")
    return dtype or layer.dtype


def taken(layer: Layer, dtype: np.dtype | None) -> np.dtype | None:
    """Make `layer` a model's; return the dtype that the model then has."""
    found = checked_layer_dtype(layer, dtype)
    layer.taken = True
    return found


def open_dtype(model: Nested) -> np.dtype | None:
    """Return what a model computes in, None if that is still open."""
    return model.dtype if model.built else model.design.dtype
