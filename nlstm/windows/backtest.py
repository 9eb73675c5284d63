"""Backtests: what a model would have forecast at many times of the past, and how wrong it was."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nlstm.arguments.checks import checked_flag, checked_integer
from nlstm.windows.forecasts import Backtest
from nlstm.windows.predicted import (
    as_backtest,
    checked_levels,
    outputs,
    scaled,
    shaped,
)
from nlstm.windows.scalers import Scaler
from nlstm.windows.series import LONGEST, as_several, checked_steps
from nlstm.windows.source import Windows
from nlstm.windows.window_scaler import WindowScaler

__all__ = ["Backtest", "backtest"]

BLOCK = 1 << 24  # elements of windows that are in memory together


def backtest(
    model: Any,
    series: Any,
    start: Any,
    horizon: int,
    stride: int = 1,
    *,
    sequence_length: int | None = None,
    sampling_rate: int = 1,
    inputs: Sequence[int | str] | None = None,
    targets: Sequence[int | str] | None = None,
    future: Sequence[int | str] | None = None,
    static: ArrayLike | None = None,
    scaler: Scaler | None = None,
    scaling: str | None = None,
    quantiles: Sequence[float] | None = None,
    recursive: bool = False,
    refit: Callable[[Any, int], Any] | None = None,
    refit_every: int = 1,
    batch_size: int | None = None,
    drop_nan: bool = False,
    gaps: str = "warn",
) -> Backtest:
    """Forecast from every origin ``start, start + stride, ...`` whose targets are known.

    Parameters
    ----------
    model
        Anything with Keras's ``predict(x)`` whose outputs have shape (batch, horizon, targets) or
        (batch, horizon * targets).
    series : array_like, shape (steps,) or (steps, columns), or several
        As for `Windows`, in its own units. The forecast from an origin sees the steps before it,
        and `future`.
    start : int or date
        The first step to be forecast from. Steps before it are for training. A date is for frames
        that have some.
    horizon : int
        Steps to forecast from each origin.
    stride : int, default 1
        Steps from one origin to the next.
    sequence_length : int, optional
        Steps that the model sees; by default those it was built for.
    sampling_rate, inputs, targets, future, static, scaling
        As for `Windows`, and as the model was trained with.
    gaps : {"warn", "drop", "ignore"}
        As for `Windows`: of forecasts whose steps go across a gap in the dates.
    scaler : Scaler, optional
        The one that the model's series was scaled by; it scales `series`, and forecasts back.
    quantiles : sequence of float, optional
        The model gives a block of forecasts for each, one block after the other along the last
        axis, as `nlstm.losses.QuantileLoss` has it.
    recursive : bool, default False
        The model forecasts one step, and its forecasts are fed back for the next ones. Each input
        must be a target, to be filled with forecasts, or in `future`, one step ahead.
    refit : callable, optional
        ``refit(model, origin)`` is called before the forecasts from `origin`, to train the model on
        steps before it.
    refit_every : int, default 1
        Origins from one call of `refit` to the next.
    batch_size : int, optional
        For predict.
    drop_nan : bool, default False
        Leave out forecasts whose inputs or actuals hold NaN, and go on after them; otherwise NaN
        anywhere in the series is an error.

    Returns
    -------
    Backtest

    Raises
    ------
    TypeError, ValueError
        An argument is out of range, there is no origin, or the model gives another shape.

    Examples
    --------
    >>> class Naive:
    ...     def predict(self, x, **options):
    ...         return x[:, -1]
    >>> backtest(Naive(), np.arange(10.0), start=6, horizon=1, sequence_length=3).mae().tolist()
    [[1.0]]
    """
    _check_parts(model, scaler, refit)
    if refit is None and refit_every != 1:
        raise ValueError(f"refit_every is for refit, which is None; got {refit_every!r}.")
    length = sequence_length if sequence_length is not None else _steps_of(model)
    levels = None if quantiles is None else checked_levels(quantiles)
    recursive = checked_flag("recursive", recursive)
    several = as_several(series)
    tables = several if scaler is None else scaled(scaler, several)
    options: dict[str, Any] = {"sampling_rate": sampling_rate, "inputs": inputs}
    options |= {"targets": targets, "future": future, "static": static, "scaling": scaling}
    options |= {"drop_nan": drop_nan, "gaps": gaps}
    stride = min(checked_integer("stride", stride, 1), LONGEST)
    every = checked_integer("refit_every", refit_every, 1)
    checked_integer("horizon", horizon, 1)
    windows = Windows(tables, length, horizon, **options)
    if recursive:
        _check_recursive(windows, levels)
    first = checked_steps("start", start, several.given)[windows.series_index]
    rows = np.flatnonzero((windows.origins >= first) & ((windows.origins - first) % stride == 0))
    if not rows.size:
        raise ValueError(
            f"No forecast of {horizon} steps begins at start={start} or later: the origins that "
            f"{length} steps come before lie in {windows.origins.min()} to {windows.origins.max()}."
        )
    rows = rows[np.lexsort((windows.series_index[rows], windows.origins[rows]))]
    chosen = windows.part(rows)
    if recursive:
        options |= {"scaling": None, "gaps": "drop" if gaps == "drop" else "ignore"}
        whole = Windows(tables, length + horizon - 1, 1, **options)
        chosen, whole = _in_both(chosen, whole)

        def forecast(part: slice) -> np.ndarray:
            return _recurse(model, chosen, whole, part, batch_size)
    else:

        def forecast(part: slice) -> np.ndarray:
            predicted = outputs(model, chosen.x[part], batch_size)
            return chosen.inverse_scaling(shaped(predicted, chosen, horizon, levels), part)

    found = np.empty((len(chosen), horizon, chosen.targets.size * len(levels or (0,))))
    for part in _parts(chosen, refit, every, model):
        found[part] = forecast(part)
    return as_backtest(found, chosen, several, scaler, levels)


def _check_parts(model: Any, scaler: Any, refit: Any) -> None:
    if not callable(getattr(model, "predict", None)):
        raise TypeError(f"model must have predict(x); got {model!r}.")
    if scaler is not None and not isinstance(scaler, Scaler):
        raise TypeError(f"scaler must be a Scaler of nlstm.windows; got {scaler!r}.")
    if refit is not None and not callable(refit):
        raise TypeError(f"refit must be a function of (model, origin); got {refit!r}.")


def _steps_of(model: Any) -> int:
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 3 or shape[1] is None:
        raise ValueError("sequence_length must be given: the model takes any number of steps.")
    return shape[1]


def _check_recursive(windows: Windows, levels: Any) -> None:
    if levels is not None:
        raise ValueError("recursive=True needs one number for each target; quantiles give several.")
    known = {*windows.targets.tolist(), *windows.future.tolist()}
    unknown = [column for column in windows.inputs.tolist() if column not in known]
    if unknown:
        raise ValueError(
            f"recursive=True needs the inputs at steps to come, but columns {unknown} are neither "
            "targets nor known ahead (future)."
        )
    missing = sorted(set(windows.targets.tolist()) - set(windows.inputs.tolist()))
    if missing:
        raise ValueError(f"recursive=True feeds targets back, but {missing} are not among inputs.")


def _in_both(chosen: Windows, whole: Windows) -> tuple[Windows, Windows]:
    """Return those of both that begin at the same steps, in the order of `chosen`.

    NaN may break either one alone.
    """
    place = np.full(max(chosen.starts.max(), whole.starts.max()) + 1, -1)
    place[whole.starts] = np.arange(len(whole))
    found = place[chosen.starts]
    if not (found >= 0).any():
        raise ValueError("Every forecast's steps hold NaN or a gap: none is left.")
    return chosen.part(found >= 0), whole.part(found[found >= 0])


def _parts(chosen: Windows, refit: Any, every: int, model: Any) -> Iterator[slice]:
    """Give runs of windows to be forecast together, refitting in between."""
    origins = chosen.origins  # ascending
    times, firsts = np.unique(origins, return_index=True)
    cuts = [0] if refit is None else firsts[::every].tolist()
    most = max(1, BLOCK // (chosen.x.shape[1] * chosen.x.shape[2]))
    for first, end in zip(cuts, [*cuts[1:], len(chosen)], strict=True):
        if refit is not None:
            refit(model, int(origins[first]))
        for begin in range(first, end, most):
            yield slice(begin, min(begin + most, end))


def _recurse(model: Any, chosen: Windows, whole: Windows, part: slice, batch_size: Any) -> Any:
    length, horizon = chosen.sequence_length, chosen.horizon
    x = whole.x[part]
    fed_back = [chosen.inputs.tolist().index(column) for column in chosen.targets.tolist()]
    width = chosen.inputs.size
    known = np.isin(chosen.targets, chosen.future)
    unknown = [column for column, told in zip(fed_back, known, strict=True) if not told]
    x[:, length:, unknown] = np.nan  # what came must not be seen
    forecasts = np.empty((len(x), horizon, len(fed_back)))
    for step in range(horizon):
        window = x[:, step : step + length].copy()
        scaler = None
        if chosen.scaling is not None:
            scaler = WindowScaler(chosen.scaling)
            window[:, :, :width] = scaler.fit_transform(window[:, :, :width])
        predicted = shaped(outputs(model, window, batch_size), chosen, 1, None)
        if scaler is not None:
            predicted = scaler.inverse_transform(predicted, fed_back)
        forecasts[:, step] = predicted[:, 0]
        if step + 1 < horizon:
            for target, column in enumerate(fed_back):
                if not known[target]:
                    x[:, length + step, column] = predicted[:, 0, target]
    return forecasts
