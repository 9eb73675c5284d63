"""Past the end of a series: what is known there, and forecasts in the form the series came in."""

from typing import Any

import numpy as np

from nlstm.sklearn.columns import Columns
from nlstm.windows.frames import framed
from nlstm.windows.series import as_several
from nlstm.windows.several import Several

__all__ = ["ends_of", "forecasts", "formed", "rows_ahead"]


def ends_of(several: Several, lags: int) -> list[np.ndarray]:
    """Return copies of the last `lags` rows of each series."""
    for name, one in zip(several.names, several.arrays, strict=True):
        if len(one) < lags:
            raise ValueError(f"{name} must have lags={lags} steps; got {len(one)}.")
    return [one[-lags:].copy() for one in several.arrays]


def rows_ahead(
    future: Any,
    several: Several,
    ends: list[np.ndarray],
    chosen: Columns,
    steps: int,
    freq: Any,
) -> list[np.ndarray]:
    """Return the rows past the end of each series, with what is known ahead.

    Parameters
    ----------
    future : array_like, frame, or several, or None
        Values of the columns known ahead.
    several : Several
        The series.
    ends : list of ndarray, shape (lags, columns)
        Their last rows, of which the last fills the other columns.
    chosen : Columns
    steps : int
    freq : Any
        See `Dates.after`.
    """
    columns, names = chosen.future, chosen.names(several, "future")
    rows = [np.repeat(one[-1:].astype(np.float64), steps, axis=0) for one in ends]
    if not columns.size:
        if future is not None:
            raise ValueError("future is for forecasters that were made with future columns.")
        return rows
    if future is None:
        raise ValueError(
            f"future must hold {steps} steps of the columns known ahead, "
            f"{names if names[0] is not None else columns.tolist()}; got None."
        )
    given = as_several(future, "future")
    if len(given.arrays) != len(rows):
        raise ValueError(f"future has {len(given.arrays)} series; there are {len(rows)}.")
    for number, row in enumerate(rows):
        values, title = given.arrays[number], given.names[number]
        own, found = several.given[number], given.given[number]
        known = found.names is not None and set(names) <= set(found.names)
        if known and found.names is not None:
            values = values[:, [found.names.index(name) for name in names]]
        elif names[0] is not None and found.names and isinstance(found.names[0], str):
            raise ValueError(f"{title} must have the columns {names}; got {found.names}.")
        if own.dates is not None and found.dates is not None:
            dates = own.dates.after(steps + 1, freq)
            begin, end = (found.dates.step_of(title, dates[n]) for n in (0, steps))
            values = values[begin:end]
        dated = own.dates is not None and found.dates is not None
        wrong = len(values) != steps if dated else len(values) < steps
        if values.shape[1] != columns.size or wrong:
            raise ValueError(
                f"{title} must hold {steps} steps past the end, of {columns.size} columns; "
                f"got shape {values.shape}."
            )
        row[:, columns] = values[:steps]
        if not np.isfinite(row[:, columns]).all():
            raise ValueError(f"{title} must be finite; it holds NaN or infinity.")
    return rows


def forecasts(forecaster: Any, histories: list[np.ndarray], ahead: list[np.ndarray]) -> np.ndarray:
    """Return forecasts in the series' units, (series, steps, targets, quantiles or 1).

    Parameters
    ----------
    forecaster : LSTMForecaster
    histories, ahead : list of ndarray
        Scaled: the last steps of each series, and the rows past its end, of whole horizons.
    """
    targets, horizon = forecaster.columns_.targets, forecaster.horizon
    several = len(forecaster.levels or (0,))
    found = []
    for begin in range(0, len(ahead[0]), horizon):
        rows = [one[begin : begin + horizon] for one in ahead]
        pairs = zip(histories, rows, strict=True)
        windows = forecaster.windows([np.concatenate(pair) for pair in pairs])
        made = forecaster.model_.predict(windows.x[:], verbose=0).astype(np.float64)
        made = made.reshape(len(made), several, horizon, -1).swapaxes(1, 2)
        made = windows.inverse_scaling(made.reshape(len(made), horizon, -1))
        found.append(made)
        for one, values in zip(rows, made, strict=True):
            one[:, targets] = values[:, : targets.size]
        pairs = zip(histories, rows, strict=True)
        histories = [np.concatenate(pair)[-forecaster.lags :] for pair in pairs]
    whole = np.concatenate(found, axis=1)
    whole = whole.reshape(*whole.shape[:2], several, targets.size)
    scaler = forecaster.scaler_
    if scaler is not None:
        whole = np.stack(scaler.inverse_transform(list(whole), targets.tolist()))
    return whole.swapaxes(2, 3)


def formed(
    found: np.ndarray,
    several: Several,
    lengths: list[int],
    names: list[Any],
    levels: tuple[float, ...] | None,
    freq: Any,
) -> Any:
    """Return forecasts (series, steps, targets, quantiles or 1) as the series came.

    `lengths` : of the series, from which the steps of undated ones count on.
    """
    results = []
    for number, values in enumerate(found):
        given = several.given[number]
        if given.library is None:
            made = values if levels else values[..., 0]
            results.append(made[:, 0] if given.flat else made)
            continue
        called = ["forecast" if name is None else name for name in names]
        table = {
            (f"{name}_{level}" if levels else name): values[:, place, n]
            for place, name in enumerate(called)
            for n, level in enumerate(levels or (0.0,))
        }
        if given.dates is None:
            frame = framed(given.library, table, lengths[number])
        else:
            frame = given.dates.frame(given.dates.after(len(values), freq), table)
        if given.flat and not levels:
            name = called[0] if names[0] is not None else None
            frame = frame[called[0]]
            frame = frame.rename(name) if given.library == "pandas" else frame
        results.append(frame)
    if several.keys is not None:
        return dict(zip(several.keys, results, strict=True))
    return results if several.listed else results[0]
