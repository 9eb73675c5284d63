"""Whether sequences can be run in pieces: what each value of a graph knows of the steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nlstm import layers
from nlstm.layers import arithmetic, mask_passing, parts
from nlstm.layers.merging import Merge
from nlstm.network.network import Network
from nlstm.plan.graph import Graph
from nlstm.plan.symbols import GraphLayer, Node, Symbol

__all__ = ["CannotCut", "Cut", "cut_of"]

# What a value is, to a piece. STEPS: as many steps as the piece, and each knows no later one.
# INDICES: the same, the steps where features lie, as `Embedding` takes them. END: it is right after
# the last piece. FIXED: it is the same in all pieces.
STEPS, INDICES, END, FIXED = "steps", "indices", "end", "fixed"

RECURRENT = layers.LSTM, layers.GRU, layers.SimpleRNN
# Layers that do with each step the same, without regard to others.
BY_STEP = (
    layers.Activation,
    layers.BatchNormalization,
    layers.Dense,
    layers.Dropout,
    layers.GaussianNoise,
    layers.LayerNormalization,
    layers.Masking,
    layers.SpatialDropout1D,
    layers.TimeDistributed,
    arithmetic.Linear,
    mask_passing.MaskOf,
    mask_passing.Unmasked,
    Merge,
)
NEEDS_ALL = "may need all steps of a sequence at once"
FLAT = layers.Flatten, layers.Reshape, layers.Permute, layers.PReLU, layers.Concatenate


class CannotCut(ValueError):
    """A layer does not allow that sequences are cut into pieces; the text says which, and why."""


@dataclass(frozen=True)
class Cut:
    """How a network's sequences can be cut.

    Attributes
    ----------
    inputs, outputs : tuple of str
        What each is: see this module.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def cut_inputs(self) -> list[bool]:
        """Which inputs are cut."""
        return [kind != FIXED for kind in self.inputs]

    @property
    def indices(self) -> list[bool]:
        """Which inputs have their steps where others have features."""
        return [kind == INDICES for kind in self.inputs]

    @property
    def cut_outputs(self) -> list[bool]:
        """Which outputs, and their targets, are cut."""
        return [kind == STEPS for kind in self.outputs]


def cut_of(network: Network, trains: bool = True) -> Cut:
    """Return how sequences can be cut; raise `CannotCut` where they cannot.

    Parameters
    ----------
    trains : bool
        Whether weights change from piece to piece.
    """
    graph = network.graph
    kinds = {symbol: _kind_of_input(symbol, graph) for symbol in graph.inputs}
    if not {STEPS, INDICES} & set(kinds.values()):
        raise CannotCut("The model's inputs have no steps.")
    for node in graph.nodes:
        if node.mask is not None and kinds[node.mask] not in (STEPS, INDICES):
            raise _fault(node.layer, "has a mask that is no input and has no steps")
        kind = _kind_made(node, [kinds[symbol] for symbol in node.inputs], trains)
        for symbol in node.outputs:
            ends = kind == STEPS and len(symbol.sample) == 1
            kinds[symbol] = END if ends else kind
    inputs, outputs = (
        tuple(kinds[symbol] for symbol in symbols) for symbols in (graph.inputs, graph.outputs)
    )
    if INDICES in outputs:
        raise CannotCut("An output is an input of indices.")
    return Cut(inputs, outputs)


def _kind_of_input(symbol: Symbol, graph: Graph) -> str:
    if len(symbol.sample) == 2:
        return STEPS
    for node in graph.nodes:
        reads = isinstance(node.layer, layers.Embedding) and symbol in node.inputs
        if reads or node.mask is symbol:
            return INDICES
    return FIXED


def _kind_made(node: Node, kinds: Sequence[str], trains: bool) -> str:
    """Return the kind of what a call makes of values of some kinds."""
    layer = node.layer
    if isinstance(layer, layers.Embedding) and kinds[0] == INDICES:
        return STEPS
    makes_steps = any(len(symbol.sample) == 2 for symbol in node.outputs)
    if INDICES in kinds:
        raise _fault(layer, "takes an input, as other layers do, whose values are steps to another")
    if not {STEPS, END} & set(kinds):
        if makes_steps:
            raise _fault(layer, "makes steps of what has none")
        return FIXED
    if isinstance(layer, RECURRENT):
        _check_recurrent(layer, kinds, trains)
        return STEPS
    if isinstance(layer, layers.Bidirectional):
        raise _fault(layer, "begins at both ends of a sequence")
    flat = STEPS not in kinds
    if END in kinds and makes_steps:
        raise _fault(layer, "takes to each step what is known after the last one")
    if isinstance(layer, BY_STEP):
        return END if flat else STEPS
    if isinstance(layer, FLAT) and flat and all(len(one.sample) == 1 for one in node.outputs):
        return END
    if isinstance(layer, layers.Concatenate):
        if _axis(layer, node) == 1:
            return STEPS
        raise _fault(layer, f"joins steps: axis={layer.axis}")
    return _kind_of_part(node, flat)


def _kind_of_part(node: Node, flat: bool) -> str:
    """Return the kind of what may leave steps as they are, by its arguments."""
    layer: Any = node.layer
    if isinstance(layer, layers.PReLU) and 1 in (layer.shared_axes or ()):
        return STEPS
    if isinstance(layer, layers.Permute) and layer.dims != (2, 1):
        return STEPS
    if isinstance(layer, parts.GetItem):
        steps = layer.taken_steps(node.inputs[0].sample)
        if flat:
            return END
        if steps == "all":
            return STEPS
        if steps == "last":
            return END
        raise _fault(layer, "takes some of the steps")
    if isinstance(layer, layers.Conv1D) and layer.kernel_size == layer.strides == (1,):
        return STEPS
    raise _fault(layer, NEEDS_ALL)


def _check_recurrent(one: Any, kinds: Sequence[str], trains: bool) -> None:
    if kinds[0] != STEPS:
        raise _fault(one, "takes steps that are no time")
    if one.go_backwards:
        raise _fault(one, "begins at the last step: go_backwards=True")
    if one.stateful:
        raise _fault(one, "keeps its states by itself: stateful=True")
    if len(kinds) > 1:
        raise _fault(one, "is given an initial_state, which later pieces do not start from")
    if trains and getattr(one, "proj_size", None):
        raise _fault(one, "has states that training changes between pieces: proj_size")


def _axis(layer: layers.Concatenate, node: Node) -> int:
    """Return the axis of a sample along which values are put: 0 for the steps of sequences."""
    rank = len(node.outputs[0].sample)
    return layer.axis + rank if layer.axis < 0 else layer.axis - 1


def _fault(layer: GraphLayer, reason: str) -> CannotCut:
    return CannotCut(f"{layer.name} ({type(layer).__name__}) {reason}.")
