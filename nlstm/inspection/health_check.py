"""`health` during a fit: one sentence where something is wrong."""

from typing import Any

from nlstm.arguments.checks import checked_size
from nlstm.inspection.health import health
from nlstm.inspection.reports import Health
from nlstm.training.hooks import Callback, Logs
from nlstm.training.output import say

__all__ = ["HealthCheck"]


class HealthCheck(Callback):
    """Say in a sentence what is wrong with a model as it is trained, and what people do about it.

    Parameters
    ----------
    x, y : array_like, or Windows for both
        Some of the training data.
    every : int, default 1
        Epochs from one look to the next.
    rows : int, default 256
        Of x that are looked at: see `health`.
    verbose : int, default 1
        0 says nothing, 1 what is wrong when it has become another thing, 2 something at each look.

    Attributes
    ----------
    reports : dict of int to Health
        By epoch, counted from 0, for the last fit.
    """

    def __init__(
        self, x: Any, y: Any = None, every: int = 1, rows: int = 256, verbose: int = 1
    ) -> None:
        self.x, self.y = x, y
        self.every, self.rows = checked_size("every", every), checked_size("rows", rows)
        self.verbose = int(verbose)
        self.reports: dict[int, Health] = {}

    def on_train_begin(self, logs: Logs = None) -> None:
        """Forget an earlier fit."""
        self.reports = {}

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Look, and say what is wrong."""
        if (epoch + 1) % self.every:
            return
        before = next(reversed(self.reports.values()), None)
        found = self.reports[epoch] = health(self.model, self.x, self.y, rows=self.rows)
        kinds = [(one.kind, one.layer) for one in found.findings[:1]]
        known = [] if before is None else [(one.kind, one.layer) for one in before.findings[:1]]
        if self.verbose > 1 or (self.verbose and kinds and kinds != known):
            say(f"\nEpoch {epoch + 1}: {found.sentence}")
