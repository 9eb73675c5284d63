"""Scalars for TensorBoard, in the files that its own writer writes."""

import itertools
import os
import socket
import time
from collections.abc import Iterable, Mapping
from typing import Any

from nlstm.arguments.checks import checked_flag, checked_path, checked_size
from nlstm.files.doors import door_to
from nlstm.files.whole_file import naming
from nlstm.training.hooks import Callback, Logs

__all__ = ["TensorBoard"]

VERSION = "brain.Event:2"  # of the format, which begins each file
OF_TENSORFLOW = {
    "histogram_freq": 0, "write_images": False, "profile_batch": 0, "embeddings_freq": 0,
    "embeddings_metadata": None,
}  # fmt: skip
_files = itertools.count()


class TensorBoard(Callback):
    """Write loss and metrics for TensorBoard; ``tensorboard --logdir logs`` shows them.

    Takes tensorboard, and no TensorFlow: ``pip install 'nlstm[tensorboard]'``.

    Parameters
    ----------
    log_dir : path, default "logs"
        Curves of training are in its folder "train", those of validation in "validation".
    histogram_freq, write_images, profile_batch, embeddings_freq, embeddings_metadata
        Scalars alone are written: other values than Keras's defaults are an error.
    write_graph : bool
        Without effect: there is no graph of TensorFlow's.
    write_steps_per_second : bool, default False
        Whether the speed is a curve too.
    update_freq : "epoch", "batch" or int, default "epoch"
        Every so many batches of training write their running means too; "batch" is 1.

    Notes
    -----
    The curves have Keras's names: "epoch_loss", "epoch_learning_rate", "batch_loss",
    "evaluation_loss_vs_iterations". A fit that `BackupAndRestore` goes on with counts on.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:
        given = {
            "histogram_freq": histogram_freq, "write_images": write_images,
            "profile_batch": profile_batch, "embeddings_freq": embeddings_freq,
            "embeddings_metadata": embeddings_metadata,
        }  # fmt: skip
        for name, value in given.items():
            if value not in (OF_TENSORFLOW[name], None, False, 0):
                raise ValueError(
                    f"TensorBoard writes scalars: {name} must be {OF_TENSORFLOW[name]!r}; got "
                    f"{value!r}."
                )
        self.log_dir = checked_path("log_dir", log_dir, "folder")
        self.write_graph = checked_flag("write_graph", write_graph)
        self.write_steps_per_second = checked_flag("write_steps_per_second", write_steps_per_second)
        self.update_freq = _checked_freq(update_freq)
        if self.update_freq == "epoch":  # batches cost nothing
            self.idle_hooks = (TensorBoard.on_train_batch_end,)
        self._batches = 0
        self._since = self._batches_before = 0.0
        self._last = 0.0
        self._writers: dict[str, Any] = {}
        door_to("tensorboard")

    def __getstate__(self) -> dict[str, Any]:
        """Return what copies and pickles hold: none of the files."""
        return super().__getstate__() | {"_writers": {}}

    def on_train_begin(self, logs: Logs = None) -> None:
        """Begin new files."""
        self._writers = {}
        self._batches, self._last = 0, time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Write the running means, every `update_freq` batches."""
        self._batches += 1
        if self.update_freq == "epoch" or self._batches % int(self.update_freq):
            return
        found = {f"batch_{name}": value for name, value in (logs or {}).items()}
        now = time.perf_counter()
        if self.write_steps_per_second:
            found["batch_steps_per_second"] = int(self.update_freq) / max(now - self._last, 1e-9)
        self._last = now
        self._write("train", found, self._batches)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Look at the clock."""
        self._since, self._batches_before = time.perf_counter(), self._iterations()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Write the logs of the epoch, and see that they reach the files."""
        logs = dict(logs or {})
        validation = {name: value for name, value in logs.items() if name.startswith("val_")}
        training = {name: value for name, value in logs.items() if name not in validation}
        rate = self._rate()
        if rate is not None:
            training["learning_rate"] = rate
        if self.write_steps_per_second:
            seconds = max(time.perf_counter() - self._since, 1e-9)
            training["steps_per_second"] = (self._iterations() - self._batches_before) / seconds
        self._write("train", {f"epoch_{name}": one for name, one in training.items()}, epoch)
        named = {f"epoch_{name.removeprefix('val_')}": one for name, one in validation.items()}
        self._write("validation", named, epoch)

    def on_test_end(self, logs: Logs = None) -> None:
        """Write what an evaluation found, over the steps of training."""
        found = {f"evaluation_{name}_vs_iterations": value for name, value in (logs or {}).items()}
        self._write("validation", found, self._iterations())

    def get_state(self) -> dict[str, Any]:
        """Return how many batches have been seen."""
        return {"batches": self._batches}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Count on from there."""
        self._batches = int(state["batches"])

    def _iterations(self) -> int:
        found = getattr(getattr(self.model, "optimizer", None), "iterations", 0)
        return int(found)

    def _rate(self) -> float | None:
        found = getattr(getattr(self.model, "optimizer", None), "learning_rate", None)
        return None if found is None else float(found)

    def _write(self, part: str, scalars: Mapping[str, Any], step: int) -> None:
        """Write scalars to one of the files, which is made when there are any."""
        if not scalars:
            return
        if part not in self._writers:
            self._writers[part] = Writer(os.path.join(self.log_dir, part))
        self._writers[part].write(scalars, step)


class Writer:
    """One file of events, open while something is written; a fork begins its own."""

    def __init__(self, folder: str) -> None:
        self._folder, self._process, self._path = folder, 0, ""

    def write(self, scalars: Mapping[str, Any], step: int) -> None:
        """Write scalars of a step; a metric of several numbers is none."""
        event, scalar, _ = door_to("tensorboard")
        now = time.time()
        self._append(
            event(wall_time=now, step=step, summary=scalar(name, float(value)))
            for name, value in scalars.items()
            if not getattr(value, "ndim", 0)
        )

    def _append(self, events: Iterable[Any]) -> None:
        event, _, record_writer = door_to("tensorboard")
        begins = self._process != os.getpid()
        if begins:
            self._process, now = os.getpid(), time.time()
            name = f"{int(now):010d}.{socket.gethostname()}.{self._process}.{next(_files)}"
            self._path = os.path.join(self._folder, f"events.out.tfevents.{name}")
            os.makedirs(self._folder, exist_ok=True)
            events = itertools.chain([event(wall_time=now, file_version=VERSION)], events)
        with naming(self._path), open(self._path, "ab") as file:
            writer = record_writer(file)
            for one in events:
                writer.write(one.SerializeToString())


def _checked_freq(value: Any) -> str | int:
    if value == "epoch":
        return "epoch"
    return 1 if value == "batch" else checked_size("update_freq", value)
