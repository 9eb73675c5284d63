"""Passes over a model's data in training's form, and the way back, which change nothing."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from nlstm.arguments.checks import checked_size
from nlstm.data.feed import is_batches
from nlstm.data.sources import Data, Source
from nlstm.kernels.devices import HOST, is_gpu
from nlstm.kernels.operations import Array, Call, Operations
from nlstm.layers import LSTM, Embedding
from nlstm.models import Model
from nlstm.network.binder import Bench
from nlstm.network.network import Network
from nlstm.plan.graph import Graph
from nlstm.plan.plan import Plan, Tensor
from nlstm.plan.recurrence import Recurrence
from nlstm.plan.symbols import Symbol
from nlstm.training.reader import Reader

__all__ = ["Entry", "Observed", "Pass", "Places", "checked_model", "fetched", "looked_up"]

ELEMENTS = 1 << 19  # of the widest layer's output: what a pass leaves is several of them
ROWS = (32, 512)
Places = slice | np.ndarray  # of rows


class Entry(NamedTuple):
    """Where numbers go in: an input, or what an embedding has made of it.

    Attributes
    ----------
    symbol : Symbol
    number : int
        Of the model's input.
    embedding : Embedding or None
    moves : bool
        Whether it has a gradient: indices have none.
    """

    symbol: Symbol
    number: int
    embedding: Embedding | None
    moves: bool


@dataclass
class Pass:
    """The calls for some rows, bound once.

    Attributes
    ----------
    inputs, outputs : list of Tensor
    seeds : list of Array or None
        Where the gradient of each output goes (=) before the way back.
    recurrences : list of Recurrence
    calls, back : list of Call
    """

    ops: Operations
    inputs: list[Tensor]
    outputs: list[Tensor]
    seeds: list[Array | None]
    recurrences: list[Recurrence]
    calls: list[Call]
    back: list[Call]

    def forward(self) -> None:
        """Run all layers."""
        self.ops.program(self.calls)()

    def backward(self) -> None:
        """Take `seeds` back to the inputs."""
        self.ops.program(self.back)()

    def load(self, number: int, values: np.ndarray) -> None:
        """Write one input, (T, N, F)."""
        self.ops.write(self.inputs[number].value, values)

    def output(self, number: int) -> np.ndarray:
        """Return one output, (T, N, C), in memory that the next pass overwrites."""
        found = self.outputs[number]
        return self.ops.to_host(found.value)[..., : found.features]

    def seed(self, number: int, values: np.ndarray) -> None:
        """Write the gradient of one output, (T, N, C)."""
        to = self.seeds[number]
        assert to is not None
        self.ops.fill(to, 0)
        self.ops.write(to[..., : values.shape[-1]], values)

    def gradient(self, number: int) -> np.ndarray:
        """Return the gradient of one input, (T, N, F), in memory that is used again."""
        found = self.inputs[number]
        return self.ops.to_host(found.gradient)[..., : found.features]


class Observed:
    """A model with data: what is looked at.

    A model on a GPU is looked at in a copy on the CPU.

    Parameters
    ----------
    model : Sequential or Model
    x, lengths
        As in `predict`; not in batches.
    cut : bool
        Whether embeddings are left out, so that what they gave goes in.
    every : bool
        Whether `Pass.outputs` are those of all layers, the model's own first.
    y : optional
        Targets, which the losses of `compile` compare with.

    Attributes
    ----------
    entries : list of Entry
    """

    def __init__(
        self,
        model: Any,
        x: Any,
        lengths: Any = None,
        cut: bool = False,
        every: bool = False,
        y: Any = None,
    ) -> None:
        model = checked_model(model)
        if is_batches(x):
            raise TypeError(f"x must be arrays or windows, not batches; got {type(x).__name__}.")
        if is_gpu(model.device):
            model = copy.deepcopy(model).to(HOST)
        self.model = model
        network = model.design.network_for(x)
        self.data: Data = _read(model, network, x, y, lengths)
        self.binder = model.binder_for(*self.data.samples)
        self.network = network = self.binder.network
        self.ops = network.ops
        _check_zoneout(network.layers)
        graph = network.graph
        self.entries = _cut(graph) if cut else _whole(graph)
        outputs = list(graph.outputs)
        if every:
            outputs += [one for node in graph.nodes for one in node.outputs]
        inputs = [entry.symbol for entry in self.entries]
        self.graph = Graph(inputs, outputs) if cut or every else graph
        self._key = (cut, every, self.data.key)

    @property
    def rows(self) -> int:
        """Rows of the data."""
        return self.data.rows

    def shape(self, number: int) -> tuple[int, int]:
        """Return steps and features of an entry."""
        entry = self.entries[number]
        _, steps, features = self.data.x[entry.number].shape
        if entry.embedding is not None:
            return features, entry.embedding.output_dim
        return steps, features

    def batches(self, batch_size: Any = None, times: int = 1) -> Iterator[slice]:
        """Give the rows of each pass; of `times` as many rows each."""
        if batch_size is None:
            shapes = zip(map(self.shape, range(len(self.entries))), self.entries, strict=True)
            longest = max(steps if entry.moves else max(steps, f) for (steps, f), entry in shapes)
            rows = min(max(ROWS[0], ELEMENTS // (longest * self.network.widest)), ROWS[1])
        else:
            rows = checked_size("batch_size", batch_size)
        rows = max(1, rows // times)
        for first in range(0, self.rows, rows):
            yield slice(first, min(first + rows, self.rows))

    def watching(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return function(bench, ...): nobody changes the weights meanwhile."""
        binder = self.binder
        with binder.bench(self.model.training) as bench:
            return binder.weights.shared(function, bench, *arguments)

    def bound(self, bench: Bench, rows: int) -> Pass:
        """Return a pass over so many rows."""
        steps = self.data.x[0].shape[1]
        return self.binder.observed(bench, self._key, rows, steps, self._bind)

    def _bind(self, plan: Plan) -> Pass:
        inputs = self.bind_inputs(plan)
        outputs = self.graph.bind(plan, inputs)
        count = len(self.network.graph.outputs)
        seeds = [plan.input_gradient(one) for one in outputs[:count]]
        calls = [*plan.beforehand, *plan.forward]
        return Pass(self.ops, inputs, outputs, seeds, plan.recurrences, calls, plan.backward())

    def bind_inputs(self, plan: Plan) -> list[Tensor]:
        """Return the tensors of all entries."""
        found = []
        limits = self.network.graph.limits
        for place, entry in enumerate(self.entries):
            steps, features = self.shape(place)
            value = plan.array((steps, plan.rows, features))
            gradient = None
            if entry.moves:
                gradient = plan.array((steps, plan.rows, plan.ops.padded(features, plan.dtype)))
            masked = self._is_masked(entry)
            mask = plan.mask(steps, plan.rows) if masked else None
            tensor = Tensor(value, features, len(entry.symbol.sample) == 2, gradient, mask)
            tensor.limit = None if entry.embedding is not None else limits[entry.number]
            found.append(tensor)
        moving = tuple(one for one in found if one.gradient is not None)
        if moving:
            plan.call_back(moving)  # which adds what several layers give back
        return found

    def _is_masked(self, entry: Entry) -> bool:
        if entry.embedding is not None:
            return entry.embedding.mask_zero
        return bool(self.data.lengths) and self.data.lengths[entry.number] is not None

    def values(self, number: int, rows: Places) -> np.ndarray:
        """Return what goes in at an entry for some rows, (T, N, F)."""
        entry = self.entries[number]
        raw = fetched(self.data.x[entry.number], rows, self.ops)
        return raw if entry.embedding is None else looked_up(entry.embedding, raw[0])

    def load(self, one: Pass, rows: Places) -> list[np.ndarray]:
        """Write all inputs of some rows, and their masks; return the values."""
        found = []
        for number, entry in enumerate(self.entries):
            found.append(self.values(number, rows))
            one.load(number, found[-1])
            tensor = one.inputs[number]
            if tensor.mask is not None:
                self.ops.write(tensor.mask, self._mask(tensor.steps, entry, rows))
        return found

    def _mask(self, steps: int, entry: Entry, rows: Places) -> np.ndarray:
        """Return the mask of some rows, (T, N)."""
        if entry.embedding is not None:
            mask = fetched(self.data.x[entry.number], rows, self.ops)[0].T != 0
        else:
            lengths = self.data.lengths[entry.number]
            assert lengths is not None
            mask = np.arange(steps)[:, None] < lengths[rows]
        return mask.astype(np.uint8)


def checked_model(model: Any) -> Model:
    """Return a model of nlstm, or raise an error that says what came."""
    if not isinstance(model, Model):
        raise TypeError(f"model must be a Sequential or a Model of nlstm; got {model!r}.")
    return model


def _read(model: Model, network: Network, x: Any, y: Any, lengths: Any) -> Data:
    if y is None:
        return Reader(network).inputs(x, lengths)
    return Reader(network, model.training.aims).data(x, y, None, "health", lengths)


def fetched(source: Source, rows: Places, ops: Operations) -> np.ndarray:
    """Return some rows of a source as an array of its own, (T, N, F)."""
    places = np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows
    _, steps, features = source.shape
    index, out = ops.cell(np.int64, len(places)), ops.zeros((steps, len(places), features))
    index.host[:] = places
    index.push()
    for function, arguments in source.feed(ops, index.device, out):
        function(*arguments)
    return np.array(ops.to_host(out))


def looked_up(embedding: Embedding, tokens: np.ndarray) -> np.ndarray:
    """Return what an embedding makes of (N, T) tokens: (T, N, features)."""
    return embedding.embeddings.get()[tokens.astype(np.int64)].swapaxes(0, 1)


def _whole(graph: Graph) -> list[Entry]:
    limits = zip(graph.inputs, graph.limits, strict=True)
    return [Entry(one, n, None, limit is None) for n, (one, limit) in enumerate(limits)]


def _cut(graph: Graph) -> list[Entry]:
    """Return the inputs, and in the place of those of embeddings what these give."""
    found = []
    for number, symbol in enumerate(graph.inputs):
        users = [node for node in graph.nodes if symbol in node.sources]
        embeddings = [node for node in users if isinstance(node.layer, Embedding)]
        found += [Entry(node.outputs[0], number, node.layer, True) for node in embeddings]  # type: ignore[arg-type]
        others = [node for node in users if node not in embeddings]
        indexed = [node.layer.name for node in others if node.layer.index_limit is not None]
        if indexed:
            raise ValueError(
                f"{indexed[0]} takes indices, which no gradient reaches: method='occlusion' does "
                "without."
            )
        if others or not embeddings:
            found.append(Entry(symbol, number, None, not embeddings))
    return found


def _check_zoneout(layers: Sequence[Any]) -> None:
    for layer in (one for outer in layers for one in (outer, *outer.inside)):
        if isinstance(layer, LSTM) and any(layer.zoneout):
            raise ValueError(
                f"{layer.name} has zoneout, whose mean in prediction is no pass of training's: "
                "there is nothing to look at. The same weights in a layer without it can be seen."
            )
