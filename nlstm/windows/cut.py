"""Cut a series into windows: what a model sees, and what it is to forecast."""

from typing import SupportsIndex

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike

from nlstm.arguments.checks import checked_integer
from nlstm.arguments.numbers import as_array
from nlstm.windows.frames import given_as
from nlstm.windows.gaps import check_order, warn_of_gaps

__all__ = ["windows"]


def windows(
    series: ArrayLike,
    input_steps: SupportsIndex,
    horizon: SupportsIndex,
    stride: SupportsIndex = 1,
    target: ArrayLike | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Cut a series into pairs of an input window and the steps that follow it.

    Parameters
    ----------
    series : array_like, shape (T,) or (T, F)
        What the model sees, oldest step first. Any dtype; dates can be cut the same way. Of a
        frame the one column of dates is left out.
    input_steps : int
        Steps in an input window.
    horizon : int
        Steps to forecast, counted from the first one after the input window.
    stride : int, default 1
        Steps from the start of one window to the start of the next.
    target : array_like, shape (T,) or (T, O), optional
        What is to be forecast, at the same times as `series`; `series` itself by default.
        For one column of it: ``target=series[:, 1]``.

    Returns
    -------
    x : ndarray, shape (M, input_steps, F)
        Window m holds the steps from ``m * stride`` on.
    y : ndarray, shape (M, horizon, O)
        The `horizon` steps after window m. M is
        ``(T - input_steps - horizon) // stride + 1``: windows that would reach past the end are
        left out.

    Raises
    ------
    TypeError
        A number of steps is no integer.
    ValueError
        A number of steps is below 1, a rank is wrong, `series` is shorter than one window or has
        dates that go back, or `target` is not as long as `series`.

    Notes
    -----
    x and y are read-only views: windows that overlap share memory, so that cutting costs no time
    and no space. Take ``x.copy()`` before writing into it. Where the dates of a frame have gaps
    there is a warning; `Windows` can leave out what goes across.

    Examples
    --------
    >>> x, y = windows([0, 1, 2, 3, 4], input_steps=3, horizon=1)
    >>> x[:, :, 0].tolist(), y[:, :, 0].tolist()
    ([[0, 1, 2], [1, 2, 3]], [[3], [4]])
    """
    input_steps = checked_integer("input_steps", input_steps, 1)
    horizon = checked_integer("horizon", horizon, 1)
    stride = checked_integer("stride", stride, 1)
    span = input_steps + horizon
    columns = _as_columns("series", series, span)
    targets = columns if target is None else _as_columns("target", target)
    if len(targets) != len(columns):
        raise ValueError(
            f"windows expects target to be as long as series, {len(columns)} steps; "
            f"got {len(targets)} steps."
        )
    if len(columns) < input_steps + horizon:
        raise ValueError(
            f"windows expects series to have at least input_steps + horizon = "
            f"{input_steps} + {horizon} steps; got {len(columns)} steps."
        )
    x = sliding_window_view(columns[: len(columns) - horizon], input_steps, axis=0)[::stride]
    y = sliding_window_view(targets[input_steps:], horizon, axis=0)[::stride]
    return x.transpose(0, 2, 1), y.transpose(0, 2, 1)


def _as_columns(name: str, series: ArrayLike, span: int = 0) -> np.ndarray:
    given = given_as(name, series)
    check_order(name, given.dates)
    warn_of_gaps(name, given.dates, span)
    columns = as_array(name, given.numbers)
    if columns.ndim == 1:
        return columns[:, None]
    if columns.ndim != 2:
        raise ValueError(
            f"windows expects {name} of shape (steps,) or (steps, features); got {columns.shape}."
        )
    return columns
