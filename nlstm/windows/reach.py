"""How far windows reach: the steps of its series that each takes, whatever form windows have."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from nlstm.windows.source import Windows

__all__ = ["Reach", "reach_of"]


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
    """

    rows: np.ndarray
    series: np.ndarray
    first: np.ndarray
    target: np.ndarray
    last: np.ndarray


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
