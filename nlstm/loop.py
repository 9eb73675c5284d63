"""The loop inside training, evaluation and prediction: checked data, bound steps, batches."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nlstm import losses, optimizers
from nlstm.batches import Feed, number_of_batches, pass_over, unpacked
from nlstm.callbacks import CallbackList
from nlstm.data import as_input, as_lengths, as_target, as_weight, class_weights, named
from nlstm.goal import Aim, Goal
from nlstm.graph import Graph
from nlstm.plan import Call, Plan, run
from nlstm.plan_cache import PlanCache
from nlstm.progress import Progress
from nlstm.row_order import dealt
from nlstm.sources import Data, Source, is_pair
from nlstm.step import Step

__all__ = ["Loop", "arranged"]

Ready = tuple[Step, list[Call]]


class Loop:
    """Runs batches. A model provides its graph, its plans and its parameters."""

    name: str
    dtype: np.dtype
    ops: Any
    _layers: list[Any]
    stop_training = False

    def __init__(self) -> None:
        self.optimizer: optimizers.Optimizer | None = None
        self.loss: Any = None
        self._aims: list[Aim] = []
        self._goal: Goal | None = None
        self._update: tuple[list[Call], list[Call]] | None = None
        self._epochs_shuffled = 0

    # What a model provides

    def build(self, input_shape: Any = None) -> None:
        """Make the weights."""
        raise NotImplementedError

    def _graph_for(self, x: Any, before_build: str | None) -> Graph:
        raise NotImplementedError

    def _input_labels(self) -> Sequence[str]:
        raise NotImplementedError

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs."""
        raise NotImplementedError

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs."""
        raise NotImplementedError

    def _build(self, samples: Sequence[tuple[int | None, ...]]) -> None:
        raise NotImplementedError

    def _bind_step(self, plan: Plan, key: tuple[Any, ...], goal: Goal | None) -> Step:
        raise NotImplementedError

    def _plan_cache(self) -> PlanCache:
        raise NotImplementedError

    def _bind_optimizer(self, optimizer: optimizers.Optimizer) -> tuple[list[Call], list[Call]]:
        raise NotImplementedError

    def _note_frozen(self) -> None:
        """Remember which layers are not to be trained."""
        raise NotImplementedError

    def _shuffler(self, epoch: int) -> np.random.Generator:
        raise NotImplementedError

    def first_non_finite_weights(self) -> str | None:
        """Return "layer/weight" for the first that holds NaN or infinity, or None."""
        raise NotImplementedError

    # Data

    def _inputs(self, x: Any, lengths: Any, before_build: str | None) -> tuple[Graph, Data]:
        """Check and convert inputs; nothing of the model changes."""
        if is_pair(x):
            x = x.x
        graph = self._graph_for(x, before_build)
        names = self.input_names
        samples = tuple(symbol.sample for symbol in graph.inputs)
        several = len(samples) > 1
        found: list[Source] = []
        given = zip(names, self._input_labels(), named("x", x, names), strict=True)
        for (name, label, value), sample, limit in zip(given, samples, graph.limits, strict=True):
            shown = f"x[{name!r}]" if several else "x"
            source = as_input(value, sample, label, self.dtype, shown, limit)
            if found and source.shape[0] != found[0].shape[0]:
                raise ValueError(
                    f"{shown} has {source.shape[0]} rows, but x[{names[0]!r}] has "
                    f"{found[0].shape[0]}."
                )
            found.append(source)
        if lengths is None:
            return graph, Data(samples, tuple(found))
        measured = tuple(
            None if one is None else as_lengths(one, source, sample)
            for one, source, sample in zip(
                self._lengths(lengths, names), found, samples, strict=True
            )
        )
        return graph, Data(samples, tuple(found), measured)

    def _lengths(self, lengths: Any, names: list[str]) -> list[Any]:
        if isinstance(lengths, dict):
            for name in lengths:
                if name not in names:
                    raise ValueError(f"lengths names {name!r}; the inputs are {', '.join(names)}.")
            return [lengths.get(name) for name in names]
        return [lengths] if len(names) == 1 else named("lengths", lengths, names)

    def _data(
        self,
        x: Any,
        y: Any,
        weight: Any,
        action: str,
        lengths: Any = None,
        class_weight: Any = None,
    ) -> Data:
        """Check and convert one set of data; nothing of the model changes."""
        if not any(aim.loss for aim in self._aims):
            raise ValueError(f"{action} needs a loss: call compile(optimizer, loss) first.")
        if y is None and is_pair(x):
            x, y = x.x, x.y
        if y is None:
            raise ValueError(f"{action} needs y; got None.")
        graph, data = self._inputs(x, lengths, None)
        shapes: Any = graph.output_shapes(
            [
                source.shape[1:] if len(sample) == 2 else source.shape[2:]
                for source, sample in zip(data.x, data.samples, strict=True)
            ]
        )
        names, rows = self.output_names, data.rows
        several = len(names) > 1
        if class_weight is not None:
            if several or weight is not None:
                raise ValueError(
                    "class_weight is for models of one output and without sample_weight."
                )
            weight = class_weights(y, class_weight)
        given = self._weights(weight, names)
        targets: list[Any] = []
        weights: list[Any] = []
        for aim, value, one, shape in zip(
            self._aims, self._targets(y, names), given, shapes, strict=True
        ):
            aim.resolved(shape[-1])
            if not aim.needs_target:
                targets.append(None)
                weights.append(None)
                continue
            tag = f"[{aim.name!r}]" if several else ""
            if value is None:
                raise ValueError(f"y{tag} is None, but {aim.name} has a loss or a metric.")
            loss = aim.loss or losses.MeanSquaredError()
            targets.append(as_target(value, rows, shape, loss, self.dtype, f"y{tag}"))
            steps = shape[0] if len(shape) == 2 else None
            title = f"sample_weight{tag}"
            weights.append(None if one is None else as_weight(one, rows, steps, self.dtype, title))
        return Data(data.samples, data.x, data.lengths, tuple(targets), tuple(weights))

    def _targets(self, y: Any, names: list[str]) -> list[Any]:
        """Return the targets of each output; those without a loss may be left out."""
        if isinstance(y, dict):
            used = zip(names, self._aims, strict=True)
            wanted = [name for name, aim in used if aim.needs_target]
            found = dict(zip(wanted, named("y", y, wanted), strict=True))
            return [found.get(name) for name in names]
        measured = [aim for aim in self._aims if aim.needs_target]
        if isinstance(y, list | tuple) and 1 < len(measured) == len(y) < len(names):
            values = iter(y)
            return [next(values) if aim.needs_target else None for aim in self._aims]
        if len(measured) == 1 < len(names) and not isinstance(y, list | tuple):
            return [y if aim.needs_target else None for aim in self._aims]
        return named("y", y, names)

    def _weights(self, weight: Any, names: list[str]) -> list[Any]:
        """Return the sample weights of each output; one array serves all."""
        if isinstance(weight, dict):
            for name in weight:
                if name not in names:
                    raise ValueError(
                        f"sample_weight names {name!r}; the outputs are {', '.join(names)}."
                    )
            return [weight.get(name) for name in names]
        entries = isinstance(weight, list | tuple) and len(names) > 1
        if entries and any(one is None or np.ndim(one) for one in weight):
            return named("sample_weight", weight, names)
        return [weight] * len(names)

    # Steps

    def _ready(self, data: Data) -> None:
        """Build the model if it is not; data have been checked."""
        self._build(data.samples)
        self.ops.enter()

    def _bound_goal(self) -> Goal:
        if self._goal is None:
            graph = self._graph_for(None, None)
            features: Any = [symbol.sample[-1] for symbol in graph.outputs]
            self._goal = Goal(self._aims, features)
        return self._goal

    def _running_logs(self) -> dict[str, float]:
        return {} if self._goal is None else self._goal.logs()

    def _forget_steps(self) -> None:
        """Forget what was bound for an earlier loss or optimizer."""
        self._goal = self._update = None

    def _step(self, rows: int, data: Data, training: bool, goal: Goal | None) -> Step:
        steps = data.x[0].shape[1]

        def bind(plan: Plan) -> Step:
            step = self._bind_step(plan, data.key, goal)
            step.calls = plan.forward
            if training:
                assert self.optimizer is not None
                if self._update is None:
                    self._update = self._bind_optimizer(self.optimizer)
                step.calls = [*plan.forward, *plan.backward()]
            if goal is not None:
                step.calls = step.calls + plan.penalties
            if goal is not None and plan.penalised:
                value = plan.penalty_value
                step.calls = [
                    (value.fill, (0.0,)),
                    *step.calls,
                    (goal.add_penalty, (value, plan.rows)),
                ]
            if training:
                assert self._update is not None
                before, update = self._update
                step.calls = [*step.calls, *before, *update, *plan.constraints]
            return step

        key = (rows, training, goal is not None, data.key)
        return self._plan_cache().get(key, rows, steps, training, bind)

    def _batches(self, data: Data, rows: int, training: bool, goal: Goal | None) -> list[Ready]:
        """Return the step for whole batches, and the one for the rest where there is one."""
        sizes = [min(rows, data.rows)]
        if data.rows % rows and data.rows > rows:
            sizes.append(data.rows % rows)
        # The largest comes first, so that the arena moves at most once.
        steps = [self._step(size, data, training, goal) for size in sizes]
        return [(step, step.calls_on(self.ops, data)) for step in steps]

    def _order(self, rows: int) -> np.ndarray:
        """Return a new random order of rows, or of batches."""
        self._epochs_shuffled += 1
        return self._shuffler(self._epochs_shuffled).permutation(rows)

    def _measured(self, data: Data) -> np.ndarray | None:
        """Return the lengths by which rows may be put in another order inside their batch."""
        if any(getattr(layer, "stateful", False) for layer in self._layers):
            return None
        return next((one for one in data.lengths if one is not None), None)

    def _check_rest(self, total: int, rows: int) -> None:
        """Raise if a stateful layer would meet a last batch of another size."""
        rest = total % rows if total > rows else 0
        for layer in self._layers if rest else ():
            if getattr(layer, "stateful", False):
                raise ValueError(
                    f"{layer.name} is stateful, so all batches need as many rows: {total} rows "
                    f"in batches of {rows} end with one of {rest}."
                )

    # Feeds: what an epoch runs

    def _array_feed(
        self, data: Data, rows: int, training: bool, shuffle: bool, steps: int | None
    ) -> Feed:
        """Return the batches of arrays: cut from the rows, in a new order at each pass."""
        rows = min(rows, data.rows)
        whole = data.rows - data.rows % rows
        if training or steps is None or steps * rows > whole:
            self._check_rest(data.rows, rows)

        def begin() -> Iterator[Ready]:
            # Bound at each pass: another one may have moved the arena.
            batches = self._batches(data, rows, training, self._bound_goal())
            order = self._order(data.rows) if shuffle else np.arange(data.rows)
            return _cut(batches, order, rows, self._measured(data))

        if steps is None:
            return Feed(begin, -(-data.rows // rows))
        return Feed(lambda: self._rebound(data, rows, training, shuffle), None, steps)

    def _rebound(self, data: Data, rows: int, training: bool, shuffle: bool) -> Iterator[Ready]:
        """As an array feed's pass, for one that goes on after a validation: bound at each batch."""
        order = self._order(data.rows) if shuffle else np.arange(data.rows)
        for start in range(0, data.rows, rows):
            index = order[start : start + rows]
            step = self._step(index.size, data, training, self._bound_goal())
            step.index[:] = arranged(index, self._measured(data))
            yield step, step.calls_on(self.ops, data)

    def _batch_feed(
        self, x: Any, training: bool, shuffle: bool, steps: int | None, class_weight: Any = None
    ) -> Feed:
        """Return batches that come one by one, each checked and converted as it comes."""
        action = "fit" if training else "evaluate"

        def begin() -> Iterator[Ready]:
            for batch in pass_over(x, self._order if shuffle else None):
                values = unpacked(batch)
                yield self._whole(self._data(*values, action, None, class_weight), training)

        feed = Feed(begin, number_of_batches(x), steps)
        feed.once = hasattr(x, "__next__")
        return feed

    def _whole(self, data: Data, training: bool) -> Ready:
        """Return the step for all rows of `data` as one batch."""
        self._ready(data)
        step = self._step(data.rows, data, training, self._bound_goal())
        step.index[:] = arranged(np.arange(data.rows), self._measured(data))
        return step, step.calls_on(self.ops, data)

    def _run(
        self,
        feed: Feed,
        mode: str,
        hooks: CallbackList,
        progress: Progress | None,
        first: int = 0,
    ) -> int:
        """Run the batches of one epoch, from batch `first` on; return how many there were."""
        goal = self._goal
        if goal is not None and not first:
            goal.reset()
        before = hooks.batch_hook(f"on_{mode}_batch_begin")
        after = hooks.batch_hook(f"on_{mode}_batch_end")
        draw = None if progress is None else progress.step_hook
        training = mode == "train"
        count = first
        if first and self.stop_training:
            return first
        for _, calls in feed.epoch(first):
            if before is not None:
                before(count, {})
            run(calls)
            if after is not None:
                after(count, self._running_logs())
            if draw is not None:
                draw(count)
            count += 1
            if training and self.stop_training:
                break
        return count


def _cut(
    batches: list[Ready], order: np.ndarray, rows: int, lengths: np.ndarray | None
) -> Iterator[Ready]:
    """Give the steps for the rows in `order`, with their indices written."""
    step, calls = batches[0]
    for start in range(0, order.size, rows):
        if order.size - start < rows:
            step, calls = batches[-1]
        step.index[:] = arranged(order[start : start + rows], lengths)
        yield step, calls


def arranged(index: np.ndarray, lengths: np.ndarray | None) -> np.ndarray:
    """Return the rows of a batch in the order in which they are computed."""
    return index if lengths is None else index[dealt(lengths[index])]
