"""Draws of a model's outputs with dropout on: what `predict(samples=...)` gives."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from nlstm.arguments.checks import checked_integer, checked_numbers, checked_size
from nlstm.arguments.seeds import SeedStream
from nlstm.data.sources import Data
from nlstm.data.step import Step
from nlstm.layers import Layer
from nlstm.network.binder import Bench, Binder
from nlstm.network.network import Network
from nlstm.plan.draws import BLOCK, Draws
from nlstm.plan.graph import Graph
from nlstm.plan.plan import Plan, Tensor
from nlstm.plan.symbols import Symbol
from nlstm.training.draws import ELEMENTS, Collected, DrawnStep, Sampling
from nlstm.training.feeds import Ready, Steps
from nlstm.training.hooks import CallbackList
from nlstm.training.progress import Progress

__all__ = ["Sampler", "Sampling", "checked_sampling"]

RATES = "rate", "dropout", "recurrent_dropout"  # of the layers that drop something
PLACES = 32, 1024


def checked_sampling(samples: Any, quantiles: Any, seed: Any) -> Sampling | None:
    """Return what `predict` was asked to draw; None for a prediction without dropout."""
    if samples is None:
        for name, value in (("quantiles", quantiles), ("seed", seed)):
            if value is not None:
                raise ValueError(
                    f"{name}={value!r} is for draws with dropout: give samples=100 or so with it."
                )
        return None
    count = checked_size("samples", samples)
    levels = None
    if quantiles is not None:
        alone = isinstance(quantiles, int | float | np.number)
        levels = tuple(checked_numbers("quantiles", [quantiles] if alone else quantiles))
        if not levels or not all(0 <= level <= 1 for level in levels):
            raise ValueError(f"quantiles must be numbers from 0 to 1; got {quantiles!r}.")
    stream = SeedStream(None if seed is None else checked_integer("seed", seed))
    return Sampling(count, levels, stream.key(0))


class Sampler:
    """Makes draws for the rows of one call of `predict`, in as many sets of data as they come in.

    Parameters
    ----------
    binder : Binder
    bench : Bench
    sampling : Sampling

    Raises
    ------
    ValueError
        Nothing in the model drops anything.
    """

    def __init__(self, binder: Binder, bench: Bench, sampling: Sampling) -> None:
        self._binder, self._bench, self.sampling = binder, bench, sampling
        self._head, self._tail = _parted(binder.network)
        self._first = 0  # row of the call that the next data begin with
        self._stateful = bool(binder.network.stateful)
        self._states: dict[int, Any] = {}  # after the last batch, by the first of its draws
        self._rows: int | None = None  # of a batch of a stateful model

    def all(
        self,
        data: Data,
        rows: int,
        places: int | None = None,
        hooks: CallbackList | None = None,
        progress: Progress | None = None,
    ) -> list[np.ndarray]:
        """Return `draw` of sizes as of `sizes`; without hooks nobody changes weights meanwhile."""
        sizes, shared = self.sizes(data, rows, places), self._binder.weights.shared
        if hooks is not None:
            return self.draw(data, sizes, shared, hooks, progress)
        return shared(self._together, data, sizes, progress)

    def _together(
        self, data: Data, sizes: tuple[int, int], progress: Progress | None
    ) -> list[np.ndarray]:
        """Return `draw`, on a share of the processors where other threads predict too."""
        ops, crowd = self._binder.network.ops, self._binder.weights.readers
        before = ops.enter(crowd)
        try:
            return self.draw(data, sizes, None, None, progress)
        finally:
            ops.leave(before)

    def sizes(self, data: Data, rows: int, places: int | None = None) -> tuple[int, int]:
        """Return the rows of a batch, and the draws of each.

        Parameters
        ----------
        data : Data
        rows : int
            Of a batch without draws: at most so many, and just as many in a stateful model.
        places : int, optional
            About how many draws run together; by default what suits the caches.
        """
        if places is None:
            most = ELEMENTS // self._size(data)
            places = max(PLACES[0], min(most, PLACES[1]))
        samples = self.sampling.samples
        parts = max(1, round(samples / max(1, places // rows if self._stateful else places)))
        draws = min(samples, -(-samples // (parts * BLOCK)) * BLOCK)
        return rows if self._stateful else min(max(1, places // draws), rows, data.rows), draws

    def _size(self, data: Data) -> int:
        """Return the numbers of the largest value that there is of each draw."""
        graph = self._binder.network.graph
        given = [
            one.shape[1:] if len(symbol.sample) == 2 else one.shape[2:]
            for one, symbol in zip(data.x, graph.inputs, strict=True)
        ]
        shapes = graph.shapes(given)
        made = [one for node in self._tail.nodes for one in node.outputs]
        return max(math.prod(size or 1 for size in shapes[one]) for one in made)

    def runs(self, data: Data, sizes: tuple[int, int]) -> int:
        """Return how many runs it takes."""
        rows, draws = sizes
        return -(-data.rows // rows) * -(-self.sampling.samples // draws)

    def draw(
        self,
        data: Data,
        sizes: tuple[int, int],
        gate: Callable[..., Any] | None = None,
        hooks: CallbackList | None = None,
        progress: Progress | None = None,
    ) -> list[np.ndarray]:
        """Return for each output (samples, M, ...), or quantiles in the place of samples.

        Parameters
        ----------
        data : Data
        sizes : (int, int)
            See `sizes`.
        gate : callable, optional
            What steps run through: see `Weights.shared`.
        hooks : CallbackList, optional
            Called around all, and around each run.
        progress : Progress, optional
        """
        before = after = line = None
        if hooks is not None:
            before = hooks.batch_hook("on_predict_batch_begin")
            after = hooks.batch_hook("on_predict_batch_end")
            hooks.begin_mode("predict")
        if progress is not None:
            progress.begin("predict", self.runs(data, sizes))
            line = progress.step_hook
        collected = None
        try:
            if hooks is not None:
                hooks.call("on_predict_begin", {})
            for number, (start, first, step, run) in enumerate(self._runs(data, sizes, gate)):
                if collected is None:
                    collected = Collected(step, data.rows, sizes[0], self.sampling)
                if first == 0 and hooks is not None and hooks.stopped("predict") and number:
                    break
                if before is not None:
                    before(number, {})
                run()
                collected.put(self._binder.network.ops, step, start, first)
                self._end(step, first)
                if after is not None:
                    after(number, {})
                if line is not None:
                    line(number)
            if hooks is not None:
                hooks.call("on_predict_end", {})
        except BaseException:
            if hooks is not None:
                hooks.give_up("predict")
            raise
        finally:
            if progress is not None:
                progress.close()
        assert collected is not None
        self._first += data.rows
        return collected.finished()

    def _runs(
        self, data: Data, sizes: tuple[int, int], gate: Callable[..., Any] | None
    ) -> Iterator[tuple[int, int, Any, Ready]]:
        """Give the first row and draw of each run, its step, and what runs it, ready to run."""
        (rows, draws), samples = sizes, self.sampling.samples
        steps_of = {
            count: self._steps_of(count, data, gate)
            for count in {min(draws, samples - first) for first in range(0, samples, draws)}
        }
        for start in range(0, data.rows, rows):
            index = np.arange(start, min(start + rows, data.rows))
            for first in range(0, samples, draws):
                step, run = steps_of[min(draws, samples - first)].bound(index.size)
                step.take(index)
                self._begin(step, index, first)
                yield start, first, step, run

    def _begin(self, step: Any, index: np.ndarray, first: int) -> None:
        """Choose the masks of the next run, and what stateful layers begin with."""
        rows = np.arange(index.size) if self._stateful else self._first + index
        step.draws.choose(self.sampling.seed, rows, first)
        if self._stateful:
            self._check_rows(index.size)
            step.draws.load(self._binder.network.ops, self._states.get(first))

    def _end(self, step: Any, first: int) -> None:
        """Keep the states of draws for their next batch."""
        if self._stateful:
            self._states[first] = step.draws.saved(self._binder.network.ops)

    def _check_rows(self, rows: int) -> None:
        for layer in self._binder.network.stateful:
            states: Any = getattr(layer, "states", None)
            before = self._rows or (len(states[0]) if states else rows)
            if before != rows:
                raise ValueError(
                    f"{layer.name} is stateful: a batch of {rows} rows cannot go on from states of "
                    f"{before}; call reset_state() to start anew."
                )
        self._rows = rows

    def _steps_of(self, draws: int, data: Data, gate: Callable[..., Any] | None) -> Steps:
        def step_of(rows: int, data: Data) -> Step:
            key = ("draws", rows, draws, data.key)
            found = self._bench.plans.kept(key)
            if found is not None:
                return found
            steps = data.x[0].shape[1]
            return self._binder.made(
                self._bench, key, rows, steps, lambda plan: self._bound(plan, draws, data.key)
            )

        return Steps(step_of, self._binder.network, self._bench, data, gate)

    def _bound(self, plan: Plan, draws: int, key: tuple[Any, ...]) -> DrawnStep:
        """Bind what comes before all dropout for rows, the rest for draws of them."""
        shapes, measured, _, _ = key
        rows, inputs = plan.rows, []
        given = zip(shapes, self._head.inputs, self._head.limits, strict=True)
        for number, ((steps, features), symbol, limit) in enumerate(given):
            mask = plan.mask(steps, rows) if measured and measured[number] else None
            value = plan.array((steps, rows, features))
            inputs.append(Tensor(value, features, len(symbol.sample) == 2, mask=mask))
            inputs[-1].limit = limit
        plan.draws = Draws(plan.ops, rows, draws)
        found = [_repeated(plan, one, draws) for one in self._head.bind(plan, inputs)]
        plan.drops = True
        outputs = self._tail.bind(plan, found)
        index = plan.ops.cell(np.int64, rows)
        calls, before = plan.forward, plan.beforehand
        return DrawnStep(index, inputs, outputs, [], [], calls, before, draws=plan.draws)


def _parted(network: Network) -> tuple[Graph, Graph]:
    """Return the part of a graph that no dropout reaches, and the rest, which takes what it gives.

    Raises a ValueError where there is no rest.
    """
    graph, random = network.graph, set[Symbol]()
    between: dict[Symbol, None] = {}  # in order
    dropping = {id(one) for one in network.layers if any(map(_drops, (one, *one.inside)))}
    for node in graph.nodes:
        if id(node.layer) in dropping or not random.isdisjoint(node.sources):
            random.update(node.outputs)
            between.update((one, None) for one in node.sources if one not in random)
    if not random:
        raise ValueError(
            "samples= draws with dropout, but the model has none: no Dropout or SpatialDropout1D, "
            "and no dropout or recurrent_dropout of a recurrent layer, with a rate above 0."
        )
    between.update((one, None) for one in graph.outputs if one not in random)
    return Graph(graph.inputs, list(between)), Graph(list(between), graph.outputs)


def _drops(layer: Layer) -> bool:
    return any(getattr(layer, name, None) for name in RATES)


def _repeated(plan: Plan, x: Tensor, times: int) -> Tensor:
    """Return a value with each row so many times, side by side; its mask likewise."""
    if times == 1:
        return x

    def copies(array: Any, features: int, out: Any) -> Any:
        count = x.steps * x.rows
        width = array.size // count
        given = (array.reshape(count, 1, width), times, features)
        plan.call(plan.ops.repeat_each_step, *given, out.reshape(count * times, 1, width))
        return out

    shape = (x.steps, x.rows * times, x.value.shape[2])
    y = Tensor(copies(x.value, x.features, plan.array(shape)), x.features, x.sequence)
    if x.mask is not None:
        y.mask = copies(x.mask, 1, plan.mask(*shape[:2]))
    y.limit = x.limit
    return y
