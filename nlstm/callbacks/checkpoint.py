"""What `fit(checkpoint=...)` keeps: a fit of one process or of several."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nlstm.callbacks.backup_and_restore import BackupAndRestore

__all__ = ["Checkpoint"]


class Checkpoint(BackupAndRestore):
    """Keep a fit after each epoch, and after every so many batches; the last two are there.

    Parameters
    ----------
    folder : path
        For this fit alone.
    every : int, optional
        Batches.
    engine : object
        What runs the fit: see `nlstm.training.machines.Alone`. With `shared_files` it says who
        writes and reads, and what the states of all rows are.
    """

    def __init__(self, folder: Any, every: int | None, engine: Any) -> None:
        super().__init__(folder, every or "epoch", double_checkpoint=True, delete_checkpoint=False)
        self._files = getattr(engine, "shared_files", None)

    def after(self, hook: str, *arguments: Any) -> None:
        """Restore and save as the one above does, and at the end of an epoch in any case."""
        super().after(hook, *arguments)
        if hook == "on_epoch_end" and self.save_freq != "epoch":
            self._save(arguments[0] + 1, 0)

    def _write(self, arrays: dict[str, np.ndarray], state: Mapping[str, Any]) -> None:
        if self._files is None:
            super()._write(arrays, state)
        else:
            self._files.write(super()._write, arrays, state)

    def _read(self) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
        if self._files is None:
            return super()._read()
        return self._files.read(super()._read)

    def _sweep(self) -> None:
        if self._files is None or self._files.first:
            super()._sweep()
