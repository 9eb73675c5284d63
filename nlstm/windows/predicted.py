"""From a model's outputs to a `Backtest`, and what a backtest needs before."""

import inspect
import math
from typing import Any

import numpy as np

from nlstm.arguments.checks import checked_number
from nlstm.windows.forecasts import Backtest
from nlstm.windows.scalers import Scaler
from nlstm.windows.several import Several
from nlstm.windows.source import Windows

__all__ = ["as_backtest", "checked_levels", "outputs", "scaled", "shaped"]


def checked_levels(quantiles: Any) -> tuple[float, ...]:
    """Return the levels of quantiles."""
    if not np.iterable(quantiles) or isinstance(quantiles, str):
        raise TypeError(f"quantiles must be a sequence of numbers; got {quantiles!r}.")
    return tuple(checked_number("quantiles", one, above=0, below=1) for one in quantiles)


def scaled(scaler: Scaler, several: Several) -> Several:
    """Return series as a scaler maps them."""
    found = scaler.transform(several._replace(keys=None, listed=True))
    return several._replace(arrays=found)


def outputs(model: Any, x: Any, batch_size: int | None = None) -> np.ndarray:
    """Return what ``model.predict(x)`` gives, without a bar where it has one."""
    options = {} if batch_size is None else {"batch_size": batch_size}
    if _takes_verbose(model.predict):
        options["verbose"] = 0
    return np.asarray(model.predict(x, **options))


def _takes_verbose(predict: Any) -> bool:
    try:
        known = inspect.signature(predict).parameters
    except (TypeError, ValueError):  # a function of C
        return False
    return "verbose" in known or any(one.kind is one.VAR_KEYWORD for one in known.values())


def shaped(predicted: np.ndarray, windows: Windows, horizon: int, levels: Any) -> np.ndarray:
    """Return outputs as (windows, horizon, quantiles * targets)."""
    targets, several = windows.targets.size, len(levels or (0,))
    shapes = [(horizon, several * targets), (several * horizon * targets,)]
    if predicted.shape[1:] not in shapes:
        fewer, rest = divmod(math.prod(predicted.shape[1:]), several * horizon)
        named = not rest and 0 < fewer < targets
        raise ValueError(
            f"The model's outputs have shape {predicted.shape}; expected "
            f"{_batch_of(shapes[0])} or {_batch_of(shapes[1])} for {horizon} steps of "
            f"{targets} targets"
            + (f" and {several} quantiles." if levels else ".")
            + " targets= names the columns that are forecast." * named
        )
    if predicted.ndim == 2:  # the quantiles come before the steps
        predicted = predicted.reshape(-1, several, horizon, targets).swapaxes(1, 2)
    return predicted.reshape(-1, horizon, several * targets).astype(np.float64)


def _batch_of(shape: tuple[int, ...]) -> str:
    return f"(batch, {', '.join(map(str, shape))})"


def as_backtest(
    found: np.ndarray, chosen: Windows, several: Several, scaler: Scaler | None, levels: Any
) -> Backtest:
    """Bring forecasts to the units of the series, and put the actuals beside them."""
    count, horizon = found.shape[:2]
    origins, owners, columns = chosen.origins, chosen.series_index, chosen.targets
    forecasts = found.reshape(count, -1, columns.size)
    actuals = np.empty((count, horizon, columns.size))
    ahead = np.arange(horizon) * chosen.sampling_rate
    for owner in np.unique(owners):
        rows = owners == owner
        if scaler is not None:
            which = int(owner) if scaler.per_series else None
            forecasts[rows] = scaler.inverse_transform(forecasts[rows], columns.tolist(), which)
        actuals[rows] = several.arrays[owner][origins[rows][:, None] + ahead][:, :, columns]
    split = forecasts.reshape(count, horizon, -1, columns.size).swapaxes(2, 3)
    given = several._replace(arrays=[], given=[one._replace(numbers=None) for one in several.given])
    split = split if levels else split[..., 0]
    places = (given, columns, chosen.sampling_rate)
    return Backtest(origins, owners, split, actuals, levels, places)
