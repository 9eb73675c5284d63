"""Which columns of a series a forecaster sees, forecasts, and knows ahead."""

from typing import Any, NamedTuple

import numpy as np

from nlstm.arguments.checks import checked_size
from nlstm.windows.series import checked_columns
from nlstm.windows.several import Several
from nlstm.windows.source import SCALINGS

__all__ = ["Columns", "check_spans"]


def check_spans(forecaster: Any) -> None:
    """Raise for steps that a forecaster sees or forecasts, or their scaling, out of range."""
    checked_size("lags", forecaster.lags)
    checked_size("horizon", forecaster.horizon)
    scaling = forecaster.window_scaling
    if not isinstance(scaling, str | None) or scaling not in SCALINGS:
        raise ValueError(f"window_scaling must be one of {SCALINGS}; got {scaling!r}.")


class Columns(NamedTuple):
    """Numbers of columns: what is forecast, what is only seen, what is known ahead."""

    targets: np.ndarray
    exogenous: np.ndarray
    future: np.ndarray

    @classmethod
    def of(cls, forecaster: Any, several: Several) -> "Columns":
        """Return those that a forecaster was given for such series."""
        width, names = several.arrays[0].shape[1], several.given[0].names
        if names and len(set(names)) < len(names):
            raise ValueError(f"series must have a name for each column; got {names}.")
        none = np.zeros(0, np.int64)
        exogenous = checked_columns("exogenous", forecaster.exogenous, width, none, names)
        future = checked_columns("future", forecaster.future, width, none, names)
        beside = np.union1d(exogenous, future)
        rest = np.setdiff1d(np.arange(width), beside)
        targets = checked_columns("targets", forecaster.targets, width, rest, names)
        if not targets.size:
            raise ValueError("targets names no column: exogenous and future leave none.")
        found = cls(targets, exogenous, future)
        every = np.concatenate(found)
        if np.unique(every).size < every.size:
            raise ValueError(
                "targets, exogenous and future must be different columns; got "
                f"{', '.join(str(one.tolist()) for one in found)}."
            )
        return found

    @property
    def inputs(self) -> np.ndarray:
        """What is seen up to the present."""
        return np.concatenate([self.targets, self.exogenous])

    def names(self, several: Several, kind: str) -> list[Any]:
        """Return the names of targets, or of others; None where they have none."""
        names = several.given[0].names
        return [names[c] if names else None for c in getattr(self, kind).tolist()]
