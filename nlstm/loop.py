"""The loop inside training, evaluation and prediction: checked data, bound steps, batches."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nlstm import losses, metrics, optimizers
from nlstm.callbacks import CallbackList
from nlstm.data import Data, as_input, as_target, as_weight
from nlstm.plan import Call, Plan, run
from nlstm.plan_cache import PlanCache
from nlstm.progress import Progress
from nlstm.step import Goal, Step

__all__ = ["Loop"]


class Loop:
    """Runs batches. A model provides its shapes, its plans and its parameters."""

    name: str
    dtype: np.dtype
    ops: Any
    stop_training = False

    def __init__(self) -> None:
        self.optimizer: optimizers.Optimizer | None = None
        self.loss: losses.Loss | None = None
        self._metrics: list[Any] = []
        self._goal: Goal | None = None
        self._update: list[Call] | None = None
        self._epochs_shuffled = 0

    # What a model provides

    def build(self, input_shape: Any = None) -> None:
        """Make the weights."""
        raise NotImplementedError

    def _sample_shape(self, x: Any, before_build: str | None) -> tuple[int | None, ...]:
        raise NotImplementedError

    def _output_shape(self, sample: tuple[int | None, ...]) -> tuple[int | None, ...]:
        raise NotImplementedError

    def _input_name(self) -> str:
        raise NotImplementedError

    def _build(self, sample: tuple[int | None, ...]) -> None:
        raise NotImplementedError

    def _bind_step(self, plan: Plan, features: int, targets: Any, goal: Goal | None) -> Step:
        raise NotImplementedError

    def _plan_cache(self) -> PlanCache:
        raise NotImplementedError

    def _widest(self) -> int:
        raise NotImplementedError

    def _bind_optimizer(self, optimizer: optimizers.Optimizer) -> list[Call]:
        raise NotImplementedError

    def _shuffler(self, epoch: int) -> np.random.Generator:
        raise NotImplementedError

    def first_non_finite_weights(self) -> str | None:
        """Return "layer/weight" for the first that holds NaN or infinity, or None."""
        raise NotImplementedError

    # Data

    def _data(self, x: Any, y: Any, weight: Any, action: str) -> Data:
        """Check and convert one set of data; nothing of the model changes."""
        if self.loss is None:
            raise ValueError(f"{action} needs a loss: call compile(optimizer, loss) first.")
        if y is None:
            raise ValueError(f"{action} needs y; got None.")
        sample = self._sample_shape(x, before_build=None)
        inputs = as_input(x, sample, self._input_name(), self.dtype)
        seen = (inputs.shape[1], sample[1]) if len(sample) == 2 else sample
        output: Any = self._output_shape(seen)
        loss, rows = self.loss, inputs.shape[0]
        unit_range = not loss.sparse and loss.fused_activation is not None
        targets = as_target(y, rows, output, loss.sparse, unit_range, self.dtype)
        self._resolved_metrics(output[-1])
        if weight is None:
            return Data(inputs, sample, targets)
        steps = output[0] if len(output) == 2 else None
        return Data(inputs, sample, targets, as_weight(weight, rows, steps, self.dtype))

    # Steps

    def _ready(self, data: Data) -> None:
        """Build the model if it is not; data have been checked."""
        self._build(data.sample)
        self.ops.enter()

    def _resolved_metrics(self, features: int) -> list[metrics.Metric]:
        assert self.loss is not None
        found = [metrics.get(one, self.loss, features) for one in self._metrics]
        for metric in found:
            if metric.sparse != self.loss.sparse and features > 1:
                kind = "class indices" if metric.sparse else "one value per feature"
                raise ValueError(
                    f"Metric {metric.name!r} reads {kind} in y, but the loss {self.loss.name!r} "
                    "does not."
                )
        return found

    def _bound_goal(self) -> Goal:
        assert self.loss is not None
        if self._goal is None:
            features: Any = self._output_shape(self._sample_shape(None, None))[-1]
            self._goal = Goal(self.loss, self._resolved_metrics(features))
        return self._goal

    def _forget_steps(self) -> None:
        """Forget what was bound for an earlier loss or optimizer."""
        self._goal = self._update = None

    def _step(self, rows: int, data: Data, training: bool, goal: Goal | None) -> Step:
        steps, features = data.x.shape[1:]
        targets = None
        if goal is not None and data.y is not None:
            targets = (*data.y.shape[1:], 0 if data.weight is None else data.weight.shape[1])

        def bind(plan: Plan) -> Step:
            step = self._bind_step(plan, features, targets, goal)
            if training:
                assert self.optimizer is not None
                if self._update is None:
                    self._update = self._bind_optimizer(self.optimizer)
                step.calls = [*plan.forward, *plan.backward(), *self._update]
            else:
                step.calls = plan.forward
            return step

        key = (rows, steps, training, targets)
        return self._plan_cache().get(key, rows, steps, training, bind)

    def _batches(
        self, data: Data, rows: int, training: bool, goal: bool = True
    ) -> list[tuple[Step, list[Call]]]:
        """Return the step for whole batches, and the one for the rest where there is one."""
        sizes = [min(rows, data.rows)]
        if data.rows % rows and data.rows > rows:
            sizes.append(data.rows % rows)
        wanted = self._bound_goal() if goal else None
        # The largest comes first, so that the arena moves at most once.
        steps = [self._step(size, data, training, wanted) for size in sizes]
        return [(step, step.calls_on(self.ops, data)) for step in steps]

    def _order(self, rows: int, shuffle: bool) -> np.ndarray:
        if not shuffle:
            return np.arange(rows)
        self._epochs_shuffled += 1
        return self._shuffler(self._epochs_shuffled).permutation(rows)

    def _run_batches(
        self,
        batches: list[tuple[Step, list[Call]]],
        order: np.ndarray,
        rows: int,
        mode: str,
        hooks: CallbackList,
        progress: Progress | None,
        keep: Callable[[Step, int], None] | None = None,
    ) -> None:
        """Run the batches of one pass over the rows in `order`."""
        goal = None if mode == "predict" else self._bound_goal()
        if goal is not None:
            goal.reset()
        before = hooks.batch_hook(f"on_{mode}_batch_begin")
        after = hooks.batch_hook(f"on_{mode}_batch_end")
        draw = None if progress is None else progress.step_hook
        step, calls = batches[0]
        for batch, start in enumerate(range(0, order.size, rows)):
            if order.size - start < rows:
                step, calls = batches[-1]
            step.index[:] = order[start : start + rows]
            if before is not None:
                before(batch, {})
            run(calls)
            if keep is not None:
                keep(step, start)
            if after is not None:
                after(batch, {} if goal is None else goal.logs())
            if draw is not None:
                draw(batch)
            if self.stop_training and mode == "train":
                break
