"""Backtests of a forecaster: of a copy that knows no more than what came before."""

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from nlstm.arguments.checks import checked_flag
from nlstm.sklearn.held_back import cut
from nlstm.windows import Backtest, backtest
from nlstm.windows.series import as_several, checked_steps

__all__ = ["backtested"]


def backtested(
    forecaster: Any, series: Any, start: Any, stride: int, fit: bool, refit_every: int | None
) -> Backtest:
    """Return what `LSTMForecaster.backtest` does, which says what the arguments are."""
    several = as_several(series)
    begin = checked_steps("start", start, several.given)
    used = forecaster
    if checked_flag("fit", fit):
        if refit_every is not None and (begin != begin[0]).any():
            raise ValueError(
                f"refit_every needs the same start in all series; it is step {begin.tolist()}."
            )
        used = clone(forecaster)
        if used.gaps == "warn":  # the backtest does, once
            used.set_params(gaps="ignore")
        used.learn(cut(several, begin))
    elif refit_every is not None:
        raise ValueError("refit_every trains a copy, which fit=False has not.")
    else:
        check_is_fitted(used)
        used.check_settings()
        used.check_columns(several)

    def refit(_: Any, origin: int) -> None:
        if (begin != origin).any():
            used.learn(cut(several, np.full(begin.size, origin)), used.scaler_)

    columns = used.columns_
    return backtest(
        _Model(used),
        several,
        start,
        used.horizon,
        stride,
        sequence_length=used.lags,
        inputs=columns.inputs.tolist(),
        targets=columns.targets.tolist(),
        future=columns.future.tolist(),
        scaler=used.scaler_,
        scaling=used.window_scaling,
        quantiles=used.levels,
        refit=None if refit_every is None else refit,
        refit_every=1 if refit_every is None else refit_every,
        drop_nan=used.drop_nan,
        gaps=forecaster.gaps,
    )


class _Model:
    """The model of a forecaster, whichever it has."""

    def __init__(self, forecaster: Any) -> None:
        self.forecaster = forecaster

    def predict(self, x: np.ndarray, **options: Any) -> np.ndarray:
        return self.forecaster.model_.predict(x, **options)
