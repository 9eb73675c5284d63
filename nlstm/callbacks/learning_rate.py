"""Changing the learning rate between epochs."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from nlstm.arguments.checks import checked_number, is_number
from nlstm.arguments.former import TakesFormerNames
from nlstm.arguments.warned import warn_user
from nlstm.callbacks.monitor import Monitor, absent_from
from nlstm.training.hooks import Callback, Logs

__all__ = ["LearningRateScheduler", "ReduceLROnPlateau"]


class LearningRateScheduler(Callback):
    """Set the learning rate before each epoch.

    Parameters
    ----------
    schedule : callable
        ``schedule(epoch, learning_rate)`` or ``schedule(epoch)``, epochs counted from 0; returns
        the learning rate.
    verbose : int, default 0
        1 prints it.

    Notes
    -----
    The logs get "learning_rate", so that the history has it. Where a `LearningRateSchedule` of the
    optimizer gives the learning rate, fit raises a TypeError before the first step.
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        if not callable(schedule):
            raise TypeError(f"schedule must be a function of the epoch; got {schedule!r}.")
        self.schedule, self.verbose = schedule, verbose

    def on_train_begin(self, logs: Logs = None) -> None:
        """Raise where a schedule of the optimizer gives the learning rate."""
        _check_settable(self)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Set the learning rate."""
        optimizer = self.model.optimizer
        before = (float(optimizer.learning_rate),) if _takes_two(self.schedule) else ()
        rate = self.schedule(epoch, *before)
        if not is_number(rate):
            raise ValueError(f"schedule must return a number; it returned {rate!r}.")
        optimizer.learning_rate = float(rate)
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: LearningRateScheduler sets the learning rate to {rate}.")

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Add the learning rate to the logs."""
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)


def _check_settable(callback: Callback) -> None:
    """Raise before the first step, and not only where the learning rate would be set."""
    what = f"{type(callback).__name__} sets the learning rate, which"
    callback.model.optimizer.check_settable(what)


def _takes_two(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind(0, 0.0)
    except TypeError:
        return False
    except ValueError:  # a built-in function that does not say what it takes
        return True
    return True


class ReduceLROnPlateau(Monitor, metaclass=TakesFormerNames):
    """Reduce the learning rate when a number has not become better for some epochs.

    Parameters
    ----------
    monitor : str, default "val_loss"
        The log to watch.
    factor : float, default 0.1
        Below 1; the learning rate is multiplied by it.
    patience : int, default 10
        Epochs without improvement after which it is.
    verbose : int, default 0
        1 prints it.
    mode : {"auto", "min", "max"}
        "auto" takes "max" for accuracies and the like, else "min".
    min_delta : float, default 1e-4
        A smaller change counts as none.
    cooldown : int, default 0
        Epochs after a reduction in which none is counted.
    min_lr : float, default 0
        The learning rate stays at least this.

    Notes
    -----
    The logs get "learning_rate", so that the history has it. Where a `LearningRateSchedule` of the
    optimizer gives the learning rate, fit raises a TypeError before the first step. With Keras 2's
    `decay` the number that is divided is reduced, as there.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        checked_number("factor", factor, below=1)
        self.factor, self.patience, self.verbose = factor, patience, verbose
        self.cooldown, self.min_lr = cooldown, min_lr
        self.cooldown_counter = self.wait = 0

    def on_train_begin(self, logs: Logs = None) -> None:
        """Forget an earlier fit; raise where a schedule gives the learning rate."""
        _check_settable(self)
        self.best = None
        self.cooldown_counter = self.wait = 0

    def in_cooldown(self) -> bool:
        """Whether a reduction was made not long ago."""
        return self.cooldown_counter > 0

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Compare, and reduce where patience has run out."""
        logs = {} if logs is None else logs
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        current = logs.get(self.monitor)
        if current is None:
            absent = absent_from(logs, self.monitor)
            warn_user(f"ReduceLROnPlateau watches {self.monitor!r}, which {absent}", UserWarning)
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self._is_improvement(current, self.best):
            self.best, self.wait = current, 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience and self._reduce(epoch):
                self.cooldown_counter, self.wait = self.cooldown, 0

    def _reduce(self, epoch: int) -> bool:
        optimizer = self.model.optimizer
        before = float(optimizer.learning_rate)
        if before <= self.min_lr:
            return False
        optimizer.learning_rate = rate = max(before * self.factor, self.min_lr)
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reduces the learning rate to {rate}.")
        return True

    def get_state(self) -> dict[str, Any]:
        """Return the counts and the best value."""
        return {"best": self.best, "wait": self.wait, "cooldown_counter": self.cooldown_counter}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Put them back."""
        self.best, self.wait = state["best"], state["wait"]
        self.cooldown_counter = state["cooldown_counter"]
