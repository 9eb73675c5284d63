"""The loop inside training, evaluation and prediction: checked data, bound steps, batches."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from nlstm import optimizers
from nlstm.data.feed import Feed, number_of_batches, pass_over, unpacked
from nlstm.data.row_order import dealt
from nlstm.data.sources import Data
from nlstm.data.step import Step
from nlstm.plan.cache import PlanCache
from nlstm.plan.plan import Call, Plan
from nlstm.training.goal import Goal
from nlstm.training.hooks import CallbackList
from nlstm.training.progress import Progress
from nlstm.training.reader import Reader

__all__ = ["Loop", "arranged"]

Ready = tuple[Step, Callable[[], None]]


class Loop(Reader):
    """Runs batches. A model provides its graph, its plans and its parameters."""

    name: str
    ops: Any
    _layers: list[Any]
    stop_training = False

    def __init__(self) -> None:
        self.optimizer: optimizers.Optimizer | None = None
        self.loss: Any = None
        self._aims = []
        self._goal: Goal | None = None
        self._update: tuple[list[Call], list[Call]] | None = None
        self._epochs_shuffled = 0

    # What a model provides

    def build(self, input_shape: Any = None) -> None:
        """Make the weights."""
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

    # Steps

    def _ready(self, data: Data) -> None:
        """Build the model if it is not; data have been checked."""
        self._build(data.samples)
        self.ops.enter()

    def _bound_goal(self) -> Goal:
        if self._goal is None:
            graph = self._graph_for(None, None)
            features: Any = [symbol.sample[-1] for symbol in graph.outputs]
            self._goal = Goal(self._aims, features, self.ops)
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
                    (plan.ops.fill, (value, 0.0)),
                    *step.calls,
                    goal.penalty_count(plan),
                ]
            if training:
                assert self._update is not None and self.optimizer is not None
                before, update = self._update
                step.beforehand = [*step.beforehand, *self.optimizer.beforehand]
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
        return [(step, step.program(self.ops, data)) for step in steps]

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
            step.take(arranged(index, self._measured(data)))
            yield step, step.program(self.ops, data)

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
        step.take(arranged(np.arange(data.rows), self._measured(data)))
        return step, step.program(self.ops, data)

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
        for _, run in feed.epoch(first):
            if before is not None:
                before(count, {})
            run()
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
    step, run = batches[0]
    for start in range(0, order.size, rows):
        if order.size - start < rows:
            step, run = batches[-1]
        step.take(arranged(order[start : start + rows], lengths))
        yield step, run


def arranged(index: np.ndarray, lengths: np.ndarray | None) -> np.ndarray:
    """Return the rows of a batch in the order in which they are computed."""
    return index if lengths is None else index[dealt(lengths[index])]
