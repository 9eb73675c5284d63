"""The logs of every epoch in a file."""

import csv
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nlstm.arguments.checks import checked_path
from nlstm.files.whole_file import naming
from nlstm.training.hooks import Callback, Logs

__all__ = ["CSVLogger"]


class CSVLogger(Callback):
    """Write the logs of every epoch to a CSV file.

    Parameters
    ----------
    filename : path
    separator : str, default ","
    append : bool, default False
        Whether the lines of an earlier run stay in the file.

    Notes
    -----
    The columns are "epoch", then the logs of the first epoch in the order of their names; where it
    has no validation, each has a ``val_`` column too, which says NA until there is.
    """

    def __init__(
        self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False
    ) -> None:
        self.filename = checked_path("filename", filename)
        self.sep, self.append = separator, append
        self.keys: list[str] | None = None
        self.append_header = True

    def on_train_begin(self, logs: Logs = None) -> None:
        """Open the file."""
        path = Path(self.filename)
        if self.append:
            self.append_header = not (path.exists() and path.stat().st_size)
        else:
            self.append_header = True
            path.write_bytes(b"")
        self.keys = None

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Write a line, and see that it reaches the file."""
        logs = logs or {}
        first = self.keys is None
        if self.keys is None:
            self.keys = sorted(logs)
            if not any(key.startswith("val_") for key in self.keys):
                self.keys += [f"val_{key}" for key in self.keys]
        row = [epoch, *(_as_text(logs.get(key, "NA")) for key in self.keys)]
        with naming(self.filename), open(self.filename, "a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter=self.sep)
            if first and self.append_header:
                writer.writerow(["epoch", *self.keys])
            writer.writerow(row)

    def get_state(self) -> dict[str, Any]:
        """Return the columns and what the file says."""
        with naming(self.filename), open(self.filename, encoding="utf-8", newline="") as file:
            return {"keys": self.keys, "text": file.read()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Put them back: lines of epochs that are run again go."""
        self.keys = state["keys"]
        with naming(self.filename), open(self.filename, "w", encoding="utf-8", newline="") as file:
            file.write(state["text"])


def _as_text(value: Any) -> Any:
    if isinstance(value, str) or not hasattr(value, "__iter__") or getattr(value, "ndim", 1) == 0:
        return value
    return f'"[{", ".join(map(str, value))}]"'
