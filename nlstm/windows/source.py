"""`Windows`: a data source that feeds fit from the series itself, however much windows overlap."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from nlstm.arguments.checks import checked_choice, checked_flag, checked_integer
from nlstm.arguments.html import as_html
from nlstm.arguments.numbers import as_numbers
from nlstm.windows.gaps import GAPS, whole_starts
from nlstm.windows.series import (
    LONGEST,
    as_panel,
    as_several,
    as_static,
    broken_rows,
    checked_columns,
    checked_steps,
)
from nlstm.windows.side import Scaling, Side
from nlstm.windows.starts import EvenStarts, any_within, smallest, starts_of, times

__all__ = ["Windows"]

SCALINGS = (None, "standard", "first", "last")
CHUNK = 1 << 20  # elements that are looked at together


class Windows:
    """Windows of one or several series, cut while a model trains, so that overlap costs no memory.

    Give it to fit, evaluate or predict in the place of x (and leave y out).

    Parameters
    ----------
    series : array_like, shape (steps,) or (steps, columns), or several
        Several are a list, a dict or a generator of arrays or frames, or a group-by. Oldest step
        first. Of a frame of pandas or polars a column of dates is no feature, and columns are
        counted without it. float32 and float64 arrays are used where they lie, so leave them as
        they are; several series are joined into one copy. The path of a .npy file, an np.memmap
        and what `from_parquet` gives stay files, of which batches are read when they are needed;
        several of them too, in any mixture.
    sequence_length : int
        Steps that the model sees.
    horizon : int, default 1
        Steps to forecast after those. 0 makes windows without targets, up to the end of the series.
    stride : int, default 1
        Steps from the start of one window to the start of the next.
    sampling_rate : int, default 1
        Steps of the series from one step of a window, or of its targets, to the next.
    inputs, targets : sequence of int or str, optional
        Columns that the model sees, and those it is to forecast; by default all. A frame's go by
        name too.
    future : sequence of int or str, optional
        Columns that are known ahead (calendar, plans). The model sees each of them `horizon` steps
        ahead: beside the inputs of step t stands their value of step t + horizon.
    static : array_like, shape (number of series, features), optional
        Features of each series, repeated at every step. (features,) for one; a dict for a dict.
    scaling : {None, "standard", "first", "last"}
        Scale each window by its own inputs: subtract the mean and divide by the standard deviation,
        or subtract the first or the last value. Targets are scaled by what their own columns were
        in the input steps; columns of `future` and `static` are not scaled.
    drop_nan : bool, default False
        Skip windows that would hold NaN; otherwise NaN in the series is an error. A file is read
        through for it; without it each batch is looked at as it comes.
    gaps : {"warn", "drop", "ignore"}
        What becomes of windows across a gap in the dates of a frame, whose steps on both sides are
        taken for neighbours: warn, leave those windows out, or take them in silence. A gap is where
        the most common step is not kept, but for weekends, holidays, nights and months.

    Attributes
    ----------
    x, y : Side
        Sources of shape (windows, sequence_length, features) and (windows, horizon, targets); y is
        None for ``horizon=0``.
    origins : ndarray(int64), shape (windows,)
        The step of its series at which the forecast of each window begins.
    series_index : ndarray(int64), shape (windows,)
        Which series each window is of.
    shares : ndarray(float64), shape (windows,)
        The part of its series that comes before each window.

    Raises
    ------
    TypeError, ValueError
        An argument is out of range, a value is not finite, or no window fits.

    Notes
    -----
    x has the columns `inputs`, then `future`, then `static`. Windows come in the order of time;
    with several series the first half of all windows is the first half of each series. So the last
    windows, which ``validation_split`` holds back, are the latest of every series. With a `horizon`
    above 1 the last training windows and the first held back share targets; `before` and `since`
    split without that.

    Examples
    --------
    >>> series = np.arange(20.0).reshape(10, 2)
    >>> windows = Windows(series, sequence_length=3, horizon=2, targets=[1])
    >>> windows.x.shape, windows.y.shape
    ((6, 3, 2), (6, 2, 1))
    >>> windows.y[0].tolist()
    [[7.0], [9.0]]
    """

    def __init__(
        self,
        series: Any,
        sequence_length: int,
        horizon: int = 1,
        stride: int = 1,
        sampling_rate: int = 1,
        *,
        inputs: Sequence[int | str] | None = None,
        targets: Sequence[int | str] | None = None,
        future: Sequence[int | str] | None = None,
        static: ArrayLike | None = None,
        scaling: str | None = None,
        drop_nan: bool = False,
        gaps: str = "warn",
    ) -> None:
        self.sequence_length = checked_integer("sequence_length", sequence_length, 1)
        self.horizon = checked_integer("horizon", horizon, 0)
        self.stride = checked_integer("stride", stride, 1)
        self.sampling_rate = checked_integer("sampling_rate", sampling_rate, 1, LONGEST)
        if not isinstance(scaling, str | None) or scaling not in SCALINGS:
            raise ValueError(f"scaling must be one of {SCALINGS}; got {scaling!r}.")
        self.scaling = scaling
        several = as_several(series)
        self._panel = panel = as_panel(several)
        every = np.arange(panel.columns)
        names = panel.given[0].names
        self.inputs = checked_columns("inputs", inputs, panel.columns, every, names)
        self.targets = checked_columns("targets", targets, panel.columns, every, names)
        self.future = checked_columns("future", future, panel.columns, every[:0], names)
        if self.inputs.size + self.future.size == 0:
            raise ValueError("inputs names no column, and future neither: the model sees nothing.")
        if self.future.size and not self.horizon:
            raise ValueError("future needs a horizon of at least 1; got 0.")
        self._static = None if static is None else as_static(static, several)
        self._cut_all(checked_flag("drop_nan", drop_nan), checked_choice("gaps", gaps, GAPS))
        for side in (self.x, self.y):
            if side is not None:
                side.check_size(panel.dtype)

    def _cut_all(self, drop_nan: bool, gaps: str) -> None:
        """Find where windows start."""
        panel, span, longest = self._panel, self._span(), int(self._panel.lengths.max())
        stride = min(self.stride, longest)  # a longer one leaves as many windows: one
        if span > longest:
            raise ValueError(
                f"series must have at least {span} steps for sequence_length="
                f"{self.sequence_length}, horizon={self.horizon} and sampling_rate="
                f"{self.sampling_rate}; the longest has {longest}."
            )
        counts = self._counts()
        dtype = smallest(panel.rows * panel.columns)
        starts = starts_of(panel.firsts, counts, stride, dtype, even=panel.on_file)
        # A file is looked at batch by batch, or read through where windows are to be left out.
        broken = None if panel.on_file and not drop_nan else self._check_values(drop_nan)
        if broken is not None:
            starts = np.asarray(starts, dtype)
            starts = starts[~broken[starts]]
            if not starts.size:
                raise ValueError("Every window holds NaN, so drop_nan leaves none.")
        self._take(times(whole_starts(panel, starts, span, gaps), panel.columns))

    def _counts(self) -> np.ndarray:
        """Return how many windows each series has room for."""
        stride = min(self.stride, int(self._panel.lengths.max()))
        return np.maximum(0, (self._panel.lengths - self._span() + stride) // stride)

    def _span(self) -> int:
        """Return the steps of the series from a window's first to the last of its targets."""
        return (self.sequence_length + self.horizon - 1) * self.sampling_rate + 1

    def _check_values(self, drop_nan: bool) -> np.ndarray | None:
        """Return, by row, whether the window that starts there holds NaN; None if none does."""
        used = (self.inputs, self.targets if self.horizon else self.targets[:0], self.future)
        panel, length, horizon = self._panel, self.sequence_length, self.horizon
        if not broken_rows(panel, np.unique(np.concatenate(used)), nan_is_error=not drop_nan).any():
            return None
        reaches = ((0, length), (length, horizon), (horizon, length))
        broken = np.zeros(panel.rows, bool)
        for columns, (ahead, steps) in zip(used, reaches, strict=True):
            if columns.size:
                rows = broken_rows(panel, columns, nan_is_error=False)
                broken |= any_within(rows, ahead, steps, self.sampling_rate)
        return broken

    def _offsets(self, ahead: int, steps: int, columns: np.ndarray) -> np.ndarray:
        rows = (ahead + np.arange(steps)) * self.sampling_rate
        return rows[:, None] * self._panel.columns + columns

    def _take(self, starts: Any) -> None:
        """Make the sides for windows that begin at `starts`."""
        self._starts = starts
        panel, length, horizon = self._panel, self.sequence_length, self.horizon
        sees = self._offsets(0, length, self.inputs)
        ahead = self._offsets(horizon, length, self.future)
        group = None if self._static is None else self.series_index.astype(np.int32)
        self.x = Side(
            panel,
            starts,
            np.concatenate([sees, ahead], axis=1),
            self._window_scaling(self.inputs),
            self.inputs.size,
            self._static,
            group,
        )
        self.y = None
        if horizon:
            table = self._offsets(length, horizon, self.targets)
            scaling = self._window_scaling(self.targets)
            self.y = Side(panel, starts, table, scaling, self.targets.size)

    def _window_scaling(self, columns: np.ndarray) -> Scaling | None:
        if self.scaling is None or not columns.size:
            return None
        offsets = self._offsets(0, self.sequence_length, columns)
        part = {"first": slice(1), "last": slice(-1, None), "standard": slice(None)}[self.scaling]
        return Scaling(self.scaling, offsets[part])

    @property
    def starts(self) -> np.ndarray:
        """The row of the joined series at which each window begins."""
        return np.asarray(self._starts) // self._panel.columns

    @property
    def series_index(self) -> np.ndarray:
        """The series of each window, counted from 0."""
        rows = self.starts
        return np.searchsorted(self._panel.firsts, rows, side="right") - 1

    @property
    def origins(self) -> np.ndarray:
        """The step of its own series at which each window's forecast begins."""
        rows = np.asarray(self._starts, np.int64) // self._panel.columns
        if len(self._panel.firsts) > 1:
            rows -= self._panel.firsts[self.series_index]
        return rows + self.sequence_length * self.sampling_rate

    @property
    def shares(self) -> np.ndarray:
        """The part of its series that comes before each window: the order of time."""
        series, length = self.series_index, self.sequence_length * self.sampling_rate
        return ((self.origins - length) // self.stride + 0.5) / self._counts()[series]

    def __repr__(self) -> str:
        count, *sample = self.x.shape
        targets = "" if self.y is None else f", targets {self.y.shape[1:]}"
        several = len(self._panel.lengths)
        of = f" of {several} series" if several > 1 else ""
        return f"<{count:,} Windows{of}: inputs {tuple(sample)}{targets}>"

    def _repr_html_(self) -> str:
        """Return the table that notebooks show."""
        names, count = self._panel.given[0].names, len(self._panel.lengths)

        def shown(columns: np.ndarray) -> str:
            return ", ".join(str(names[one] if names else one) for one in columns[:12].tolist()) + (
                ", ..." * (columns.size > 12)
            )

        rows = [("x", str(self.x.shape), shown(self.inputs))]
        if self.future.size:
            rows.append(("known ahead", "", shown(self.future)))
        if self.y is not None:
            rows.append(("y", str(self.y.shape), shown(self.targets)))
        steps = f"{count} series of " * (count > 1) + f"{int(self._panel.lengths.sum()):,} steps"
        return as_html(f"{len(self):,} Windows", ("", "shape", "columns"), rows, [f"From {steps}"])

    def __len__(self) -> int:
        """Return the number of windows."""
        return self._starts.size

    def __getitem__(self, rows: Any) -> Any:
        """Return (x, y) of some windows as arrays, or x alone where there are no targets."""
        return self.x[rows] if self.y is None else (self.x[rows], self.y[rows])

    def part(self, rows: Any) -> Self:
        """Return some windows: a slice, row numbers, or a boolean for each."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._take(self._starts[rows])
        return other

    def before(self, step: Any) -> Self:
        """Return the windows whose targets all lie before `step`, or a date, of their series."""
        reach = (self.horizon - 1) * self.sampling_rate
        if isinstance(self._starts, EvenStarts):
            return self.part(slice(self._even_at(step, reach)))
        return self.part(self.origins + reach < self.steps_at(step))

    def since(self, step: Any) -> Self:
        """Return the windows whose targets all lie at `step`, or a date, or later."""
        if isinstance(self._starts, EvenStarts):
            return self.part(slice(self._even_at(step, 0), None))
        return self.part(self.origins >= self.steps_at(step))

    def _even_at(self, step: Any, reach: int) -> int:
        """Return the first window, of those evenly apart, with a step `reach` past its origin."""
        number = int(checked_steps("step", step, self._panel.given)[0])
        first = number - reach - self.sequence_length * self.sampling_rate
        return self._starts.at_least(first * self._panel.columns)

    def steps_at(self, step: Any, called: str = "step") -> np.ndarray:
        """Return the step of its series that a step or a date is, for each window.

        Parameters
        ----------
        step : int or date
            A date is the first step at it or later.
        called : str, optional
            What errors call it.
        """
        return checked_steps(called, step, self._panel.given)[self.series_index]

    def inverse_scaling(self, forecasts: np.ndarray, rows: Any = slice(None)) -> np.ndarray:
        """Undo `scaling` on forecasts of windows `rows`, given in their order.

        Parameters
        ----------
        forecasts : ndarray, shape (windows, horizon, targets) or (windows, horizon * targets)
        rows : slice or array of int, optional
            The windows; by default all.
        """
        forecasts = as_numbers("forecasts", forecasts)
        scaling = self._window_scaling(self.targets)
        if scaling is None:
            return forecasts
        starts = np.asarray(self._starts[rows], np.int64)
        width = self.targets.size
        if len(forecasts) != starts.size or forecasts.shape[-1] % width:
            raise ValueError(
                f"forecasts must have {starts.size} windows and a last axis of {width} targets or "
                f"a multiple; got shape {forecasts.shape}."
            )
        result = np.empty_like(forecasts)
        block = max(1, CHUNK // scaling.offsets.size)
        for first in range(0, starts.size, block):
            part = slice(first, first + block)
            shift, scale = scaling.moments(self._panel, starts[part])
            values = forecasts[part].reshape(len(shift), -1, width)
            values = values * scale[:, None] + shift[:, None]
            result[part] = values.reshape(forecasts[part].shape)
        return result
