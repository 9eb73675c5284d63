"""One call of fit, evaluate or train_on_batch while it runs."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nlstm.arguments.warned import warn_user
from nlstm.data.feed import Feed, unpacked
from nlstm.data.sources import Data
from nlstm.data.step import Step
from nlstm.network.binder import Bench, Binder
from nlstm.plan.sums import AddingUp
from nlstm.training.bptt import Bptt
from nlstm.training.epoch_logs import EpochLogs
from nlstm.training.feeds import Ready, Steps, array_feed
from nlstm.training.goal import Goal
from nlstm.training.hooks import CallbackList
from nlstm.training.long_predict import scored_in_pieces
from nlstm.training.pieces import Pieces
from nlstm.training.progress import Progress
from nlstm.training.reader import Reader
from nlstm.training.training import Training

__all__ = ["Run"]

NO_HOOKS = CallbackList(None, None, {})


class Run:
    """Runs batches on a bench that the binder lent.

    Parameters
    ----------
    binder : Binder
    bench : Bench
        What the run writes; lent for as long as it takes.
    training : Training
    hooks : CallbackList
    bptt : Bptt, optional
        How sequences are cut; by default they stay whole.

    Attributes
    ----------
    feed : Feed
        What fit runs on.
    resume : (int, int)
        The epoch and batch that fit starts at, which a callback may change as fit begins.
    going : bool
        Whether fit is between its first epoch and its last.
    """

    feed: Feed
    cuts = True  # long sequences that are evaluated

    def __init__(
        self,
        binder: Binder,
        bench: Bench,
        training: Training,
        hooks: CallbackList,
        bptt: Bptt | None = None,
    ) -> None:
        self.binder, self.training, self.hooks = binder, training, hooks
        self._bptt = bptt
        self.goal: Goal = bench.goal(binder.network)
        self.resume = (0, 0)
        self.going = False
        self._bench = bench
        hooks.begin(self)

    def _follow_model(self) -> None:
        """Take over what a callback's `compile` chose; raise where layers have come or gone."""
        if self.binder.weights.moved:
            raise RuntimeError(
                "The model's weights have gone elsewhere while it was running: a callback has "
                "added a layer to it, or to a model that shares its layers, or moved one of them "
                "to another device."
            )
        training = self.hooks.training
        if training is not None and training is not self.training and training.aims:
            self.training = training
            self._bench.serve(training)
            self.goal = self._bench.goal(self.binder.network)

    # Batches

    def array_feed(
        self,
        data: Data,
        rows: int,
        updates: bool,
        order: Callable[[int], np.ndarray] | None,
        steps: int | None,
    ) -> Feed:
        """Return the batches of arrays, by `order` anew at each pass."""
        return array_feed(self._cut_steps(data, rows, updates), rows, order, steps)

    def _cut_steps(self, data: Data, rows: int, updates: bool) -> Any:
        """Return the steps on rows of `data`: an evaluation of long sequences goes in pieces."""
        if not updates and self._bptt is None and self.cuts:
            gate = self.binder.weights.shared
            long = scored_in_pieces(self.binder, self._bench, data, rows, self.goal, gate)
            if long is not None:
                return long
        return self.steps_of(data, updates)

    def reading(self, updates: bool, class_weight: Any = None) -> Callable[[Any], Ready]:
        """Return what makes a step of a batch as it comes: checked and converted."""
        action = "fit" if updates else "evaluate"

        def read(batch: Any) -> Ready:
            reader = Reader(self.binder.network, self.training.aims)
            data = reader.data(*unpacked(batch), action, None, class_weight)
            return self._whole(data, updates)

        return read

    def _whole(self, data: Data, updates: bool) -> Ready:
        """Return the step for all rows of `data` as one batch."""
        return self._cut_steps(data, data.rows, updates)(np.arange(data.rows))

    def steps_of(self, data: Data, updates: bool) -> Any:
        """Return the steps on rows of `data`: `Steps`, or `Pieces`."""
        if self._bptt is not None:
            return self._pieces_of(self._bptt, data, updates)
        weights = self.binder.weights
        gate = weights.exclusive if updates else weights.shared

        def step_of(rows: int, data: Data) -> Step:
            training = self.training if updates else None
            return self.binder.step(self._bench, rows, data, self.goal, training)

        return Steps(step_of, self.binder.network, self._bench, data, gate)

    def _pieces_of(
        self, bptt: Bptt, data: Data, updates: bool, team: AddingUp | None = None
    ) -> Pieces:
        weights = self.binder.weights
        gate = weights.exclusive if updates else weights.shared

        def aimed() -> tuple[Goal, Training | None]:
            return self.goal, self.training if updates else None

        return bptt.pieces(self.binder, self._bench, data, aimed, gate, updates, team)

    # Logs

    def logs(self) -> dict[str, float]:
        """Return the running means of loss and metrics."""
        return self.goal.logs()

    def warn_of_loss(self, loss: float, epoch: int | None = None) -> None:
        """Say once that the loss is not finite, and which weights are not."""
        broken = self.binder.weights.first_non_finite()
        where = "" if epoch is None else f" in epoch {epoch + 1}"
        weights = (
            f"the first weights that are not finite are {broken}"
            if broken
            else "all weights are still finite"
        )
        warn_user(
            f"The loss became {loss}{where}; {weights}. "
            "A smaller learning rate or data of smaller values may help."
        )

    # Epochs

    def train(
        self,
        feed: Feed,
        epochs: int,
        initial_epoch: int,
        progress: Progress,
        validation: Feed | None,
        is_due: Callable[[int], bool],
    ) -> None:
        """Train until epoch `epochs`, or until a callback or the data end it."""
        hooks, model_logs, warned = self.hooks, EpochLogs(), False
        self.feed, self.resume = feed, (initial_epoch, 0)
        hooks.call("on_train_begin", {})
        initial_epoch, first = self.resume
        self.going = True
        try:
            for epoch in range(initial_epoch, epochs):
                hooks.call("on_epoch_begin", epoch, {})
                progress.begin(f"Epoch {epoch + 1}/{epochs}", feed.size)
                count, first = self._epoch(feed, "train", progress, first), 0
                if count == 0:
                    _warn_of_no_batches(epoch)
                    break
                progress.steps = count
                model_logs = EpochLogs(self.logs())
                if not (warned or math.isfinite(model_logs["loss"])):
                    self.warn_of_loss(model_logs["loss"], epoch)
                    warned = True
                if validation is not None and is_due(epoch):
                    validation = _with_batches(validation, epoch)
                if validation is not None and is_due(epoch):
                    found = self.evaluate(validation, None)
                    model_logs |= {f"val_{name}": value for name, value in found.items()}
                progress.end(model_logs)
                hooks.call("on_epoch_end", epoch, model_logs)
                ran_out = feed.once and feed.goes_on and count < (feed.size or 0)
                if hooks.stopped("train") or ran_out:
                    break
        except BaseException:
            hooks.give_up("train")
            raise
        finally:
            self.going = False
            progress.close()
        if self.training.optimizer is not None and epochs > 0:
            self.binder.weights.exclusive(self.training.optimizer.finalize)
        hooks.call("on_train_end", model_logs)

    def evaluate(self, feed: Feed, progress: Progress | None) -> dict[str, float]:
        """Return loss and metrics over an epoch of `feed`."""
        if progress is not None:
            progress.begin("evaluate", feed.size)
        else:
            feed.restart()
        self.hooks.begin_mode("test")
        try:
            self.hooks.call("on_test_begin", {})
            count = self._epoch(feed, "test", progress)
            if count == 0:
                raise ValueError("The data to evaluate gave no batch.")
            logs = self.logs()
            if progress is not None:
                progress.steps = count
                progress.end(logs)
                progress.close()
            self.hooks.call("on_test_end", logs)
        except BaseException:
            self.hooks.give_up("test")
            raise
        finally:
            if progress is not None:
                progress.close()
        return logs

    @classmethod
    def once(
        cls, binder: Binder, training: Training, data: Data, updates: bool
    ) -> dict[str, float]:
        """Run all rows of `data` as one batch; return its own loss and metrics."""
        with binder.turn(training.in_numpy), binder.bench(training) as bench:
            return cls(binder, bench, training, NO_HOOKS)._batch(data, updates)

    def _batch(self, data: Data, updates: bool) -> dict[str, float]:
        run = self._whole(data, updates)
        self.goal.reset()
        run()
        logs = self.goal.logs()
        if updates and not math.isfinite(logs["loss"]):
            self.warn_of_loss(logs["loss"])
        return logs

    def _epoch(self, feed: Feed, mode: str, progress: Progress | None, first: int = 0) -> int:
        """Run the batches of one epoch, from batch `first` on; return how many there were."""
        hooks = self.hooks
        self._follow_model()
        if not first:
            self.goal.reset()
        before = hooks.batch_hook(f"on_{mode}_batch_begin")
        after = hooks.batch_hook(f"on_{mode}_batch_end")
        draw = None if progress is None else progress.step_hook
        count = first
        if first and hooks.stopped(mode):
            return first
        for run in feed.epoch(first):
            if before is not None:
                before(count, {})
            run()
            if after is not None:
                after(count, self.logs())
            if draw is not None:
                draw(count)
            count += 1
            if hooks.stopped(mode):
                break
        return count


def _warn_of_no_batches(epoch: int) -> None:
    if epoch == 0:
        raise ValueError("x gave no batch.")
    warn_user(
        f"The data ran out before epoch {epoch + 1}: training stops. A generator can be gone "
        "through once; steps_per_epoch cuts it into epochs."
    )


def _with_batches(validation: Feed, epoch: int) -> Feed | None:
    """Return what to validate with; None, with a warning, where a generator is at its end."""
    if epoch == 0 or not validation.once or validation.peek() is not None:
        return validation
    warn_user(
        f"validation_data gave no batch for epoch {epoch + 1}: training goes on without. A "
        "generator can be gone through once; validation_steps cuts it into epochs."
    )
    return None
