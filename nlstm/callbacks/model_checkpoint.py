"""Keeping a model in files while it is trained."""

import errno
import os
from collections.abc import Mapping
from typing import Any

from nlstm.arguments.checks import checked_integer, checked_path
from nlstm.arguments.former import TakesFormerNames, warn_former
from nlstm.arguments.warned import warn_user
from nlstm.callbacks.batches import Epochs, EveryBatches, checked_save_freq
from nlstm.callbacks.monitor import Monitor, absent_from
from nlstm.files.doors import check_ending
from nlstm.training.epoch_logs import EpochLogs
from nlstm.training.hooks import Logs
from nlstm.training.output import say

__all__ = ["ModelCheckpoint"]


class ModelCheckpoint(Monitor, metaclass=TakesFormerNames):
    """Save the model, or its weights, after each epoch or some batches.

    Parameters
    ----------
    filepath : path
        May have places for "epoch", "batch" and the logs: "{epoch:02d}-{val_loss:.2f}.nlstm".
    monitor : str, default "val_loss"
        The log to watch, for `save_best_only`.
    verbose : int, default 0
        1 prints what is saved.
    save_best_only : bool, default False
        Save only where the monitored number is better than ever before.
    save_weights_only : bool, default False
        Call `model.save_weights` instead of `model.save`.
    mode : {"auto", "min", "max"}
        "auto" takes "max" for accuracies and the like, else "min".
    save_freq : "epoch" or int, default "epoch"
        A number counts batches, from epoch to epoch.
    initial_value_threshold : float, optional
        The value to beat at first.

    Notes
    -----
    Each file is written whole or not at all. Folders are made. The ending chooses the format, as in
    `save` and `save_weights`.
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode, initial_value_threshold)
        self.filepath, self.verbose = checked_path("filepath", filepath), verbose
        check_ending("filepath", self.filepath, "weights" if save_weights_only else "model")
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        period = checked_save_freq(save_freq)
        self.save_freq = "epoch" if isinstance(period, Epochs) else period
        self._period = period.number if isinstance(period, Epochs) else 1
        self._due = EveryBatches(self.save_freq)
        self._epoch = 0
        if self.save_freq == "epoch":
            self.idle_hooks = (ModelCheckpoint.on_train_batch_end,)

    @classmethod
    def former_arguments(
        cls, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return arguments with `save_freq` in the place of `period`."""
        if "period" not in kwargs:
            return args, kwargs
        others = {name: value for name, value in kwargs.items() if name != "period"}
        if others.get("save_freq", "epoch") != "epoch" or len(args) > 6:
            raise TypeError(f"{cls.__name__} takes save_freq or period, not both.")
        warn_former(f"period of {cls.__name__} is a name of Keras 2; save_freq counts batches.")
        return args, others | {"save_freq": Epochs(checked_integer("period", kwargs["period"], 1))}

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Remember the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Save where enough batches have passed."""
        if self._due(batch):
            self._save(self._epoch, batch, logs or {})

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Save, where epochs are counted."""
        if self.save_freq == "epoch" and (epoch + 1) % self._period == 0:
            self._save(epoch, None, logs or {})

    def _save(self, epoch: int, batch: int | None, logs: dict[str, Any]) -> None:
        path = self._path(epoch, batch, logs)
        if not self._wanted(epoch, path, logs):
            return
        folder = os.path.dirname(path)
        if folder:
            os.makedirs(folder, exist_ok=True)
        if os.path.isdir(path):
            raise IsADirectoryError(
                errno.EISDIR, "filepath of ModelCheckpoint is a folder; expected a file", path
            )
        if self.save_weights_only:
            self.model.save_weights(path)
        else:
            self.model.save(path)

    def _path(self, epoch: int, batch: int | None, logs: dict[str, Any]) -> str:
        places = {"epoch": epoch + 1} if batch is None else {"epoch": epoch + 1, "batch": batch + 1}
        try:
            return self.filepath.format_map(EpochLogs(places | logs))
        except KeyError as error:
            raise KeyError(
                f"filepath of ModelCheckpoint is {self.filepath!r}, but {error} is not among "
                f"{', '.join(places | logs)}."
            ) from None

    def _wanted(self, epoch: int, path: str, logs: dict[str, Any]) -> bool:
        start = f"\nEpoch {epoch + 1}: "
        if not self.save_best_only:
            self._say(f"{start}saving model to {path}")
            return True
        current = logs.get(self.monitor)
        if current is None:
            absent = f"{self.monitor!r} {absent_from(logs, self.monitor)}"
            warn_user(f"ModelCheckpoint saves without comparing: {absent}", UserWarning)
            return True
        best = "None" if self.best is None else f"{self.best:.5f}"
        if not self._is_improvement(current, self.best):
            self._say(f"{start}{self.monitor} did not improve from {best}")
            return False
        self._say(
            f"{start}{self.monitor} improved from {best} to {current:.5f}, saving model to {path}"
        )
        self.best = current
        return True

    def _say(self, text: str) -> None:
        if self.verbose:
            say(text)

    def get_state(self) -> dict[str, Any]:
        """Return the best value and the count of batches."""
        return {"best": self.best, "due": self._due.get_state()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Put them back."""
        self.best = state["best"]
        self._due.set_state(state["due"])
