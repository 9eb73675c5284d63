"""Going on with a fit whose process was killed, with the same final bits."""

import contextlib
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from nlstm.arguments.checks import checked_path
from nlstm.callbacks.batches import EveryBatches, checked_save_freq
from nlstm.files.arrays_file import (
    BACKUP,
    ForeignFile,
    check_arrays,
    read_arrays,
    write_arrays,
)
from nlstm.files.whole_file import left_behind, remove_if_free
from nlstm.training.hooks import Callback, LastCallback
from nlstm.training.output import say
from nlstm.training.same_fit import check_same, described, tell_of_rate
from nlstm.training.state import restore_state, state_of

__all__ = ["BackupAndRestore"]

NAME, PREVIOUS = "backup.nlstm", "backup.previous.nlstm"
ARRAY = "__array__"


class BackupAndRestore(LastCallback):
    """Keep a fit in a file, and go on from it when the same fit is started again.

    Parameters
    ----------
    backup_dir : path
        A folder for this fit alone.
    save_freq : "epoch" or int, default "epoch"
        A number counts batches, from epoch to epoch.
    double_checkpoint : bool, default False
        Keep the backup before the last one too, and fall back on it where the last is damaged.
    delete_checkpoint : bool, default True
        Delete the backup when fit is over. Without it the same fit, started again, finds that
        nothing is left to do, and says so in a line (unless ``verbose=0``).

    Notes
    -----
    The process may be killed at any moment: a backup is written whole or not at all. With the same
    model, data and arguments the weights at the end are, to the bit, those of a fit that was never
    interrupted. A backup holds the weights; the optimizer's state and learning rate; the seeds and
    counters of shuffling and dropout; the states of stateful layers; epoch and batch, with the
    running sums of loss and metrics; and the states of the fit's callbacks: History, EarlyStopping,
    ReduceLROnPlateau, ModelCheckpoint, CSVLogger, and of a user's callback that has `get_state` and
    `set_state`.

    Not kept: Python's and NumPy's global random numbers, sums that a user's own metric
    holds in mid-epoch, what an iterable of batches holds (batches that were trained are read again
    and thrown away), and files of others.

    A backup of another fit is a ValueError that names what differs: the layers and their arguments,
    how they are connected, the loss, the optimizer and its arguments. Batches, shuffling and data
    are not compared. The learning rate is the backup's; a warning says so where `compile` was given
    another one than the first time.

    A fit that goes on in mid-epoch calls `on_epoch_begin` again for that epoch.
    """

    _files: Any = None  # who writes and reads for several processes
    _each_epoch = False  # besides batches

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        self.backup_dir = checked_path("backup_dir", backup_dir, "folder")
        self.save_freq = checked_save_freq(save_freq)
        self.double_checkpoint, self.delete_checkpoint = double_checkpoint, delete_checkpoint
        self.batch_hooks = () if self.save_freq == "epoch" else ("on_train_batch_end",)
        self._due = EveryBatches(self.save_freq)
        self._epoch = 0
        self._fit: dict[str, Any] = {}  # what is trained, in words
        self._run: Any = None  # the fit that is kept; evaluate may be given this callback too
        self._pending: tuple[dict[str, Any], dict[str, np.ndarray]] | None = None

    @classmethod
    def of_fit(cls, folder: Any, every: int | None, engine: Any) -> Self:
        """Return what keeps a fit after each epoch, and every so many batches: `checkpoint`.

        `engine` is what runs the fit; it may say who writes and reads.
        """
        made = cls(checked_path("checkpoint", folder, "folder"), every or "epoch", True, False)
        made._each_epoch, made._files = True, getattr(engine, "shared_files", None)
        return made

    def after(self, hook: str, *arguments: Any) -> None:
        """Restore after the others have begun; save after they have seen the batch or epoch."""
        if hook == "on_train_begin":
            self._take(self.run)
            self._begin()
        elif hook == "on_epoch_begin":
            self._epoch = arguments[0]
            if self._pending is not None:
                self._go_on(*self._pending)
                self._pending = None
        elif hook == "on_train_batch_end":
            if self._due(arguments[0]):
                self._save(self._epoch, arguments[0] + 1)
        elif hook == "on_epoch_end":
            if self.save_freq == "epoch" or self._each_epoch:
                self._save(arguments[0] + 1, 0)
        elif hook == "on_train_end" and self.delete_checkpoint:
            self._delete()

    def __getstate__(self) -> dict[str, Any]:
        """Return what copies and pickles hold; what runs stays behind."""
        return super().__getstate__() | {"_run": None, "_companions": []}

    def _take(self, run: Any) -> None:
        if self._run is not None and self._run.going:
            raise RuntimeError(
                "This BackupAndRestore keeps a fit that is running; a fit inside it needs one of "
                "its own, with a folder of its own."
            )
        self._run, self._companions = run, self.companions

    # Saving

    def _save(self, epoch: int, batch: int) -> None:
        run = self._run
        numbers, arrays = state_of(run.binder, run.training)
        if batch:
            for name, sums in run.goal.get_state().items():
                arrays[f"/goal/{name}"] = sums
        for name, parameter in run.binder.weights.named.items():
            arrays[name] = parameter.get()
        state = {
            "epoch": epoch,
            "batch": batch,
            "steps": self.params.get("steps"),
            "passed": run.feed.passed if batch or run.feed.goes_on else 0,
            "stop_training": bool(self.model.stop_training),
            "training": numbers,
            "callbacks": {
                key: _without_arrays(one.get_state(), f"/callbacks/{key}", arrays)
                for key, one in self._keyed()
            },
            "due": self._due.get_state(),
            "fit": self._fit,
        }
        if self._files is None:
            self._write(arrays, state)
        else:
            self._files.write(self._write, arrays, state)

    def _write(self, arrays: dict[str, np.ndarray], state: Mapping[str, Any]) -> None:
        os.makedirs(self.backup_dir, exist_ok=True)
        if self.double_checkpoint and self._path.exists():
            os.replace(self._path, self._previous)  # read in its place until the next is whole
        write_arrays(self._path, BACKUP, arrays, {"state": json.dumps(state)})

    def _keyed(self) -> Iterator[tuple[str, Callback]]:
        """Give each callback with its class's name and its number among those of the class."""
        seen: Counter[str] = Counter()
        for callback in self._companions:
            name = type(callback).__name__
            seen[name] += 1
            yield f"{name}/{seen[name]}", callback

    @property
    def _path(self) -> Path:
        return Path(self.backup_dir, NAME)

    @property
    def _previous(self) -> Path:
        return Path(self.backup_dir, PREVIOUS)

    def _delete(self) -> None:
        for path in (self._previous, self._path):  # the last goes last
            path.unlink(missing_ok=True)
        self._sweep()
        with contextlib.suppress(OSError):  # somebody else's files are in it, or it never was
            os.rmdir(self.backup_dir)

    def _sweep(self) -> None:
        """Delete what a process that was killed left half-written."""
        if self._files is not None and not self._files.first:
            return
        for path in left_behind(str(self._path)):
            remove_if_free(path)

    # Restoring

    def _begin(self) -> None:
        self._due = EveryBatches(self.save_freq)
        self._pending = None
        self._fit = described(self._run.binder, self._run.training)
        self._sweep()
        found = self._read() if self._files is None else self._files.read(self._read)
        if found is None:
            return
        state, arrays = found
        epoch, batch = state["epoch"], state["batch"]
        steps = self.params.get("steps")
        if batch and state["steps"] != steps:
            raise ValueError(
                f"The backup in {self.backup_dir} is of a fit with {state['steps']} batches an "
                f"epoch; this fit has {steps}."
            )
        optimizer = self._run.training.optimizer
        new = optimizer.iterations == 0
        self._put_back(state, arrays)
        if new and "fit" in state:
            tell_of_rate(self.backup_dir, state["fit"], self._fit, optimizer.given_rate)
        stopped = state["stop_training"] and not batch
        if (stopped or epoch >= self.params["epochs"]) and self.params.get("verbose"):
            self._tell_of_end(epoch, stopped)
        if stopped:
            epoch = self.params["epochs"]
        self._due.set_state(state["due"])
        self._pending = found
        self._run.resume = (epoch, batch)

    def _tell_of_end(self, epoch: int, stopped: bool) -> None:
        """Say that nothing is left to train, and what to change."""
        how = "was stopped by a callback" if stopped else "had finished"
        ways = "" if stopped else "more epochs go on from there, "
        say(
            f"Training {how} at epoch {epoch}, as {self.backup_dir} has it, so that nothing is "
            f"left to do: {ways}another folder begins anew.",
            flush=True,
        )

    def _go_on(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Bring the data to where they were; in mid-epoch undo what callbacks did at its begin."""
        if state["batch"]:
            self._put_back(state, arrays)
        training, passed = self._run.training, state["passed"]
        shuffled = training.epochs_shuffled
        training.epochs_shuffled -= passed > 0  # a pass that had begun is shuffled again
        self._run.feed.resume(passed)
        training.epochs_shuffled = shuffled

    def _read(self) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
        for path in (self._path, self._previous):
            if not path.exists():
                continue
            try:
                metadata, arrays = read_arrays(path, BACKUP)
            except ForeignFile:
                raise  # somebody's own file, which a backup would replace
            except ValueError:
                if path == self._previous or not self._previous.exists():
                    raise
                continue
            return json.loads(metadata["state"]), arrays
        return None

    def _put_back(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        run = self._run
        parameters = run.binder.weights.named
        weights = {name: array for name, array in arrays.items() if not name.startswith("/")}
        shapes = {name: parameter.shape for name, parameter in parameters.items()}
        check_arrays(self._path, weights, shapes)
        if "fit" in state:  # 0.1's development wrote backups without
            check_same(self.backup_dir, state["fit"], self._fit)
        restore_state(run.binder, run.training, state["training"], arrays)
        for name, parameter in parameters.items():
            parameter.set(weights[name])
        if state["batch"]:
            sums = {name.removeprefix("/goal/"): array for name, array in arrays.items()}
            run.goal.set_state(sums)
        for key, callback in self._keyed():
            kept = state["callbacks"].get(key)
            if kept is not None:
                callback.set_state(_with_arrays(kept, arrays))
        self.model.stop_training = state["stop_training"]


def _without_arrays(value: Any, path: str, arrays: dict[str, np.ndarray]) -> Any:
    """Move the arrays in `value` to `arrays`, under names that start with `path`."""
    if isinstance(value, np.ndarray):
        arrays[path] = value
        return {ARRAY: path}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {key: _without_arrays(one, f"{path}/{key}", arrays) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_arrays(one, f"{path}/{i}", arrays) for i, one in enumerate(value)]
    return value


def _with_arrays(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    if isinstance(value, dict):
        if value.keys() == {ARRAY}:
            return arrays[value[ARRAY]].copy()
        return {key: _with_arrays(one, arrays) for key, one in value.items()}
    if isinstance(value, list):
        return [_with_arrays(one, arrays) for one in value]
    return value
