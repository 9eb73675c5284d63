"""Symbols and calls: a symbol stands for a value, a node for the call of a layer that makes it."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from nlstm.plan.parameters import Parameter

__all__ = [
    "Node",
    "Shape",
    "Symbol",
    "arithmetic",
    "check_mask",
    "connect",
    "flat_symbols",
    "node_of",
    "shapes_of",
]

Shape = tuple[int | None, ...]  # without the batch axis: (steps or None, features) or (features,)

# What symbols do by Python's operators, by the operator's name: the layers put it here.
arithmetic: dict[str, Callable[..., Any]] = {}


class GraphLayer(Protocol):
    """A layer, as far as graphs and those who walk them know it: see `nlstm.layers.Layer`."""

    name: str
    nodes: "list[Node]"
    parameters: list[Parameter]
    index_limit: int | None
    fuses_loss: bool
    built_shape: "Shape | None"

    @property
    def built(self) -> bool:
        """Whether the weights exist."""

    @property
    def output_shape(self) -> Callable[..., Any]:
        """What returns the shape of one output, or of several."""

    @property
    def build(self) -> Callable[..., Any]:
        """What makes the weights."""

    @property
    def unbuild(self) -> Callable[[], None]:
        """What forgets the weights."""

    @property
    def bind(self) -> Callable[..., Any]:
        """What appends the layer's calls to a plan."""

    @property
    def streamed(self) -> Callable[[], Any]:
        """What returns what one time step needs."""


class Symbol:
    """A value that a model will compute.

    Attributes
    ----------
    sample : tuple
        Shape of one sample, without the batch axis.
    node : Node
        The call that makes it.
    index : int
        Its place among the node's outputs.
    batch_size : int or None
    """

    def __init__(self, sample: Shape, node: "Node", index: int, batch_size: int | None) -> None:
        self.sample, self.node, self.index, self.batch_size = sample, node, index, batch_size

    @property
    def shape(self) -> Shape:
        """Shape with the batch axis, as in Keras."""
        return (self.batch_size, *self.sample)

    @property
    def name(self) -> str:
        """Name of the layer that makes it."""
        return self.node.layer.name

    def __repr__(self) -> str:
        return f"<Symbol {self.name!r} of shape {self.shape}>"

    # Operators make layers, as in Keras

    __array_ufunc__ = None  # NumPy's numbers leave the operation to the symbol

    def __add__(self, other: Any) -> "Symbol":
        return arithmetic["add"](self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> "Symbol":
        return arithmetic["subtract"](self, other)

    def __rsub__(self, other: Any) -> "Symbol":
        return arithmetic["subtract"](other, self)

    def __mul__(self, other: Any) -> "Symbol":
        return arithmetic["multiply"](self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> "Symbol":
        return arithmetic["divide"](self, other)

    def __neg__(self) -> "Symbol":
        return arithmetic["multiply"](self, -1)

    def __getitem__(self, key: Any) -> "Symbol":
        """Take steps and features: ``x[:, -1]``, ``x[:, 2:5]``, ``x[:, :, :3]``."""
        return arithmetic["getitem"](self, key)

    def __iter__(self) -> Any:
        raise TypeError(f"{self!r} cannot be gone through; x[:, 1] takes one step.")


class Node:
    """One call of a layer.

    Attributes
    ----------
    layer : Layer
    inputs, outputs : tuple of Symbol
    mask : Symbol or None
        The mask that the caller gave; else that of the first input counts.
    """

    def __init__(
        self,
        layer: GraphLayer,
        inputs: Sequence[Symbol],
        shapes: Iterable[Shape],
        mask: Symbol | None = None,
        batch_size: int | None = None,
    ) -> None:
        self.layer, self.inputs, self.mask = layer, tuple(inputs), mask
        size = inputs[0].batch_size if inputs else batch_size
        self.outputs = tuple(Symbol(shape, self, i, size) for i, shape in enumerate(shapes))

    @property
    def sources(self) -> tuple[Symbol, ...]:
        """All symbols that must be there first."""
        return self.inputs if self.mask is None else (*self.inputs, self.mask)


def shapes_of(layer: GraphLayer, samples: Sequence[Shape]) -> list[Shape]:
    """Return the shapes of all outputs of a layer."""
    found = layer.output_shape(*samples)
    return list(found) if found and isinstance(found[0], tuple | list) else [found]


def check_mask(layer: GraphLayer, sample: Shape, mask: Shape) -> None:
    """Raise unless a mask of shape `mask` has a number for each step of an input `sample`."""
    fits = len(sample) == 2 and (len(mask) == 1 or mask[1:] == (1,))
    if not fits or None not in (sample[0], mask[0]) and sample[0] != mask[0]:
        raise ValueError(
            f"{layer.name} got a mask of shape {(None, *mask)} for an input of shape "
            f"{(None, *sample)}: a mask is (batch, steps), for the steps of a sequence."
        )


def node_of(layer: GraphLayer, symbols: Sequence[Symbol], mask: Symbol | None = None) -> Node:
    """Return a call of `layer`; raise a ValueError if the shapes do not fit."""
    if mask is not None:
        check_mask(layer, symbols[0].sample, mask.sample)
    return Node(layer, symbols, shapes_of(layer, [symbol.sample for symbol in symbols]), mask)


def connect(layer: GraphLayer, symbols: Sequence[Symbol], mask: Symbol | None = None) -> Any:
    """Call `layer` on `symbols`, and let it know; return its one symbol or a tuple of them."""
    for symbol in symbols if mask is None else (*symbols, mask):
        if not isinstance(symbol, Symbol):
            raise TypeError(
                f"{layer.name} is called on what Input or another layer returned; got "
                f"{type(symbol).__name__}. Arrays go to a model's predict."
            )
    if not symbols:
        raise TypeError(f"{layer.name} needs an input to be called on.")
    node = node_of(layer, symbols, mask)
    layer.nodes.append(node)
    return node.outputs if len(node.outputs) > 1 else node.outputs[0]


def flat_symbols(values: Iterable[Any]) -> list[Any]:
    """Return what is in `values` and in lists and tuples in it, in order; None is left out."""
    found: list[Any] = []
    for value in values:
        if isinstance(value, list | tuple):
            found += flat_symbols(value)
        elif value is not None:
            found.append(value)
    return found
