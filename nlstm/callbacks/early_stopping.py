"""Stopping when training no longer helps."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nlstm.arguments.warned import warn_user
from nlstm.callbacks.monitor import Monitor, absent_from
from nlstm.training.hooks import Logs

__all__ = ["EarlyStopping"]


class EarlyStopping(Monitor):
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
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience, self.verbose, self.baseline = patience, verbose, baseline
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
            absent = absent_from(logs or {}, self.monitor)
            warn_user(f"EarlyStopping watches {self.monitor!r}, which {absent}", UserWarning)
            return
        if epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        self.wait += 1
        if self._is_improvement(current, self.best):
            self.best, self.best_epoch = current, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self._is_improvement(current, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs = None) -> None:
        """Restore the best weights."""
        if self.verbose and self.stopped_epoch:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                print(f"Restoring the weights of the best epoch, {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)

    def get_state(self) -> dict[str, Any]:
        """Return the counts and the best weights."""
        return {
            "wait": self.wait,
            "stopped_epoch": self.stopped_epoch,
            "best_epoch": self.best_epoch,
            "best": self.best,
            "best_weights": self.best_weights,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Put them back."""
        self.wait, self.stopped_epoch = state["wait"], state["stopped_epoch"]
        self.best_epoch, self.best = state["best_epoch"], state["best"]
        self.best_weights = state["best_weights"]
