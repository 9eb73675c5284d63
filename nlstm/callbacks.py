"""Callbacks: Keras's hooks, by Keras's names."""

import math
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

__all__ = [
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "TerminateOnNaN",
]

Logs = Mapping[str, float] | None


class Callback:
    """The interface: override the hooks you need.

    A hook that runs at each batch makes fit compute the logs at each batch; one that is not
    overridden costs nothing.

    Attributes
    ----------
    model : Sequential
        The model that calls.
    params : dict
        "epochs", "steps" and "verbose" of the fit.
    """

    model: Any = None
    params: dict[str, Any] = {}  # replaced as a whole, never changed

    def set_model(self, model: Any) -> None:
        """Tell the callback its model."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Tell the callback the fit's parameters."""
        self.params = params

    def on_train_begin(self, logs: Logs = None) -> None:
        """Run before the first epoch."""

    def on_train_end(self, logs: Logs = None) -> None:
        """Run after the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Run before epoch `epoch`, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Run after epoch `epoch`, with loss, metrics and their "val_" forms."""

    def on_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Old name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Old name of `on_train_batch_end`."""

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Run before a batch of training."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Run after a batch of training, with the epoch's running means."""
        self.on_batch_end(batch, logs)

    def on_test_begin(self, logs: Logs = None) -> None:
        """Run before an evaluation, or validation."""

    def on_test_end(self, logs: Logs = None) -> None:
        """Run after an evaluation, or validation."""

    def on_test_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Run before a batch of evaluation."""

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Run after a batch of evaluation."""

    def on_predict_begin(self, logs: Logs = None) -> None:
        """Run before a prediction."""

    def on_predict_end(self, logs: Logs = None) -> None:
        """Run after a prediction."""

    def on_predict_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Run before a batch of prediction."""

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Run after a batch of prediction."""


# A batch hook is asked for where a class overrides one of these.
BATCH_HOOKS = {
    "on_train_batch_begin": ("on_train_batch_begin", "on_batch_begin"),
    "on_train_batch_end": ("on_train_batch_end", "on_batch_end"),
    "on_test_batch_begin": ("on_test_batch_begin",),
    "on_test_batch_end": ("on_test_batch_end",),
    "on_predict_batch_begin": ("on_predict_batch_begin",),
    "on_predict_batch_end": ("on_predict_batch_end",),
}


def _overrides(callback: Callback, names: Iterable[str]) -> bool:
    """Whether a hook is not the empty one: overridden by the class, or set on the object."""
    return any(
        name in vars(callback) or getattr(type(callback), name, None) is not getattr(Callback, name)
        for name in names
    )


class CallbackList:
    """Several callbacks called as one.

    Parameters
    ----------
    callbacks : Callback, iterable of Callback, or None
    model : Sequential
    params : dict
        See `Callback`.

    Raises
    ------
    TypeError
        One of them is no Callback.
    """

    def __init__(self, callbacks: Any, model: Any, params: dict[str, Any]) -> None:
        if callbacks is None:
            callbacks = []
        elif isinstance(callbacks, Callback):
            callbacks = [callbacks]
        self.callbacks: list[Callback] = list(callbacks)
        for callback in self.callbacks:
            if not isinstance(callback, Callback):
                raise TypeError(
                    f"callbacks must be nlstm.callbacks.Callback objects; got {callback!r}."
                )
        for callback in self.callbacks:
            callback.set_model(model)
            callback.set_params(params)

    def call(self, hook: str, *arguments: Any) -> None:
        """Call a hook of every callback, in order."""
        for callback in self.callbacks:
            getattr(callback, hook)(*arguments)

    def batch_hook(self, hook: str) -> Callable[..., None] | None:
        """Return a function that calls a batch hook, or None where no callback has one."""
        names = BATCH_HOOKS[hook]
        hooks = [getattr(one, hook) for one in self.callbacks if _overrides(one, names)]
        if not hooks:
            return None

        def call(batch: int, logs: Logs = None) -> None:
            for function in hooks:
                function(batch, logs)

        return call


class History(Callback):
    """What fit returns: the logs of every epoch.

    Attributes
    ----------
    history : dict of str to list of float
        One list per loss and metric.
    epoch : list of int
        The epochs, counted from 0.
    """

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Append the logs."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)


class LambdaCallback(Callback):
    """A callback of functions.

    Parameters
    ----------
    on_epoch_begin, on_epoch_end, on_train_begin, on_train_end, on_train_batch_begin, \
on_train_batch_end : callable, optional
        The hooks; any other hook may be given by its name too.
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **hooks: Callable[..., Any],
    ) -> None:
        hooks |= {
            name: function
            for name, function in {
                "on_epoch_begin": on_epoch_begin,
                "on_epoch_end": on_epoch_end,
                "on_train_begin": on_train_begin,
                "on_train_end": on_train_end,
                "on_train_batch_begin": on_train_batch_begin,
                "on_train_batch_end": on_train_batch_end,
            }.items()
            if function is not None
        }
        for name, function in hooks.items():
            if not (name.startswith("on_") and hasattr(Callback, name)):
                raise TypeError(f"LambdaCallback knows no hook {name!r}.")
            setattr(self, name, function)


class TerminateOnNaN(Callback):
    """Stop at the batch where the loss is no longer finite, and name the weights that broke."""

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Look at the loss."""
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss):
            broken = self.model.first_non_finite_weights() or "none of the weights"
            print(f"Batch {batch}: loss is {loss}, training stops. Not finite: {broken}.")
            self.model.stop_training = True


class EarlyStopping(Callback):
    """Stop when a number has not become better for some epochs.

    Parameters
    ----------
    monitor : str, default "val_loss"
        The log to watch.
    min_delta : float, default 0
        A smaller change counts as none.
    patience : int, default 0
        Epochs without improvement that are let pass.
    verbose : int, default 0
    mode : {"auto", "min", "max"}
        "auto" takes "max" for accuracies and the like, else "min".
    baseline : float, optional
        What must be beaten for patience to be renewed.
    restore_best_weights : bool, default False
        Whether the model ends with the weights of its best epoch.
    start_from_epoch : int, default 0
        Epochs before it are not looked at.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"mode must be 'auto', 'min' or 'max'; got {mode!r}.")
        largest = mode == "max" or (mode == "auto" and monitor.endswith(("acc", "accuracy", "auc")))
        self.sign = -1.0 if largest else 1.0
        self.monitor, self.verbose = monitor, verbose
        self.min_delta, self.patience, self.baseline = abs(min_delta), patience, baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self._reset()

    def _reset(self) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best: float | None = None
        self.best_weights: list[np.ndarray] | None = None

    def on_train_begin(self, logs: Logs = None) -> None:
        """Forget an earlier fit."""
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Compare, and stop the model where patience has run out."""
        current = (logs or {}).get(self.monitor)
        if current is None:
            known = ", ".join(logs or {})
            warnings.warn(
                f"EarlyStopping watches {self.monitor!r}, which is not among {known}.", stacklevel=2
            )
            return
        if epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        self.wait += 1
        if self._is_better(current, self.best):
            self.best, self.best_epoch = current, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self._is_better(current, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def _is_better(self, current: float, reference: float | None) -> bool:
        if reference is None:
            return True
        return self.sign * current < self.sign * reference - self.min_delta

    def on_train_end(self, logs: Logs = None) -> None:
        """Restore the best weights."""
        if self.verbose and self.stopped_epoch:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                print(f"Restoring the weights of the best epoch, {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)
