"""How far windows reach: the steps of its series that each takes, whatever form windows have."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from nlstm.windows.frames import given_as
from nlstm.windows.series import checked_steps
from nlstm.windows.source import Windows

__all__ = ["Reach", "counted_from", "reach_of"]


class Reach(NamedTuple):
    """Windows in the order of time; every array has shape (windows,).

    Attributes
    ----------
    rows : ndarray(int64)
        Their numbers, as they came.
    series : ndarray(int64)
        Which series each is of.
    first, last : ndarray(int64)
        The first step of that series that it takes, and the last, targets included.
    target : ndarray(int64)
        The first step that it is to forecast.
    times : ndarray(int64), optional
        How far that lies behind the step at which tests begin: the order of time is theirs then.
    """

    rows: np.ndarray
    series: np.ndarray
    first: np.ndarray
    target: np.ndarray
    last: np.ndarray
    times: np.ndarray | None = None


def counted_from(reach: Reach, x: Any, start: Any) -> Reach:
    """Return how far windows reach, in the order of time by the clock that `start` tells.

    start : int or date
        A step of `Windows`; of arrays a row, and of frames a row or one of their dates.
    """
    if isinstance(x, Windows):
        times = reach.target - x.steps_at(start, "test_start")[reach.rows]
    else:
        times = reach.rows - checked_steps("test_start", start, [given_as("X", x)])[0]
    order = np.argsort(times, kind="stable")
    return Reach(*(one[order] for one in (*reach[:5], times)))


def reach_of(x: Any, steps: int | None, horizon: int | None, stride: int | None) -> Reach:
    """Return how far the windows `x` reach.

    `Windows` know it. Else row n begins at step ``n * stride`` and takes `steps` and then `horizon`
    more; with neither of them given a row is one step, and what is asked of it belongs to it.
    """
    if isinstance(x, Windows):
        told = {"steps": steps, "horizon": horizon, "stride": stride}
        for name, value in told.items():
            if value is not None:
                raise ValueError(f"{name} is for arrays: Windows know it; got {value}.")
        return _of_windows(x)
    count = _rows_in(x)
    shape: tuple[int, ...] = getattr(x, "shape", ())
    if steps is None and len(shape) > 2 and shape[1] > 1:
        raise ValueError(
            f"steps must be given for X of shape {tuple(shape)}: steps={shape[1]}, with horizon "
            "and stride, where rows are windows of one series; steps=1 where they share nothing."
        )
    ahead = (0 if steps is None else 1) if horizon is None else horizon
    first = np.arange(count, dtype=np.int64) * (stride or 1)
    last = first + (steps or 1) + ahead - 1
    target = np.minimum(first + (steps or 1), last)
    return Reach(np.arange(count), np.zeros(count, np.int64), first, target, last)


def _rows_in(x: Any) -> int:
    shape = getattr(x, "shape", None)
    without = shape == () or (shape is None and not hasattr(x, "__len__"))
    if without or isinstance(x, str | bytes | Mapping):
        raise TypeError(f"X must be Windows, or have rows in the order of time; got {x!r}.")
    return int(shape[0]) if shape else len(x)


def _of_windows(windows: Windows) -> Reach:
    rate, series, origins = windows.sampling_rate, windows.series_index, windows.origins
    first = origins - windows.sequence_length * rate
    last = origins + (windows.horizon - 1) * rate
    target = np.minimum(origins, last)  # without targets: the last step that is seen
    rows = np.argsort(windows.shares, kind="stable")
    return Reach(rows, *(one[rows] for one in (series, first, target, last)))
