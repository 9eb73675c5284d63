"""`LSTMForecaster`: from a series to forecasts past its end, in one object."""

import copy
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from nlstm.arguments.checks import checked_choice, checked_size
from nlstm.losses import QuantileLoss
from nlstm.sklearn.backtesting import backtested
from nlstm.sklearn.columns import Columns, check_spans
from nlstm.sklearn.estimator import check_settings
from nlstm.sklearn.held_back import parted
from nlstm.sklearn.past_the_end import ends_of, forecasts, formed, rows_ahead
from nlstm.sklearn.training import check_made, make, train
from nlstm.windows import (
    Backtest,
    LogScaler,
    MinMaxScaler,
    RobustScaler,
    Scaler,
    StandardScaler,
    Windows,
)
from nlstm.windows.gaps import warn_of_ends
from nlstm.windows.series import as_several
from nlstm.windows.several import Several

__all__ = ["LSTMForecaster"]

SCALERS = {
    "standard": StandardScaler,
    "minmax": MinMaxScaler,
    "robust": RobustScaler,
    "log": LogScaler,
}


class LSTMForecaster(BaseEstimator):
    """Forecasts of one or several series, with the parameters and copies of scikit-learn.

    Parameters
    ----------
    lags : int, default 24
        Steps that the model sees.
    horizon : int, default 1
        Steps that it forecasts together.
    targets : sequence of int or str, optional
        Columns to forecast; by default all that are not `exogenous` or `future`. Columns of frames
        go by name too.
    exogenous : sequence of int or str, optional
        Columns that are seen beside them, and not known ahead.
    future : sequence of int or str, optional
        Columns that are known ahead, such as calendars and plans.
    quantiles : sequence of float, optional
        Forecast these instead of one number, with the quantile loss.
    scaling : {"standard", "minmax", "robust", "log"}, Scaler or None
        What the series is scaled by inside; what it learns comes from `fit`'s series.
    window_scaling : {"standard", "first", "last"}, optional
        Scale each window by its own steps besides: see `nlstm.windows.Windows`.
    drop_nan : bool, default False
        Leave out windows that hold NaN while training, instead of raising.
    gaps : {"warn", "drop", "ignore"}
        As of `Windows`, while training; a forecast from steps across a gap is told, too.
    freq : str or offset, optional
        What lies between two dates, as pandas or polars has it, where the dates of the series do
        not say it.
    epochs : int, default 100
        Passes over the windows, at most.
    units, num_layers, bidirectional, dropout, batch_size, learning_rate, optimizer
        As for `LSTMRegressor`.
    loss : str or Loss, default "mse"
        Without `quantiles`.
    early_stopping : bool, default True
        Hold the latest windows back, and stop when their loss does not fall any more.
    validation_fraction, n_iter_no_change, tol, warm_start, random_state, verbose, dtype
        As for `LSTMRegressor`.

    Attributes
    ----------
    model_ : Sequential
        From scaled windows to scaled forecasts.
    scaler_ : Scaler or None
    columns_ : tuple of ndarray(int64)
        Numbers of the columns of `targets`, `exogenous` and `future`.
    n_iter_ : int
        Epochs of the last fit.
    loss_curve_, validation_loss_curve_ : list of float

    Notes
    -----
    A series is an array (steps,) or (steps, columns), or a series or frame of pandas or polars,
    oldest step first; several are a list or a dict, and share a model. Dates are the index of
    pandas, or the one column of them.

    Examples
    --------
    >>> forecaster = LSTMForecaster(lags=12, horizon=4, epochs=5, random_state=0)
    >>> forecaster.fit(np.sin(np.arange(200) / 6)).predict().shape
    (4,)
    """

    def __init__(
        self,
        lags: int = 24,
        horizon: int = 1,
        *,
        targets: Any = None,
        exogenous: Any = None,
        future: Any = None,
        quantiles: Any = None,
        scaling: Any = "standard",
        window_scaling: str | None = None,
        drop_nan: bool = False,
        gaps: str = "warn",
        freq: Any = None,
        units: int = 32,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        epochs: int = 100,
        batch_size: int = 32,
        learning_rate: float = 0.005,
        optimizer: Any = "adam",
        loss: Any = "mse",
        early_stopping: bool = True,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        warm_start: bool = False,
        random_state: Any = None,
        verbose: int = 0,
        dtype: str = "float32",
    ) -> None:
        self.lags = lags
        self.horizon = horizon
        self.targets = targets
        self.exogenous = exogenous
        self.future = future
        self.quantiles = quantiles
        self.scaling = scaling
        self.window_scaling = window_scaling
        self.drop_nan = drop_nan
        self.gaps = gaps
        self.freq = freq
        self.units = units
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.loss = loss
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self.dtype = dtype

    def fit(self, series: Any, y: None = None) -> Self:
        """Learn from one or several series.

        Parameters
        ----------
        series : array_like, frame, or several
            See the class.
        y
            Not used; scikit-learn's tools pass it.

        Returns
        -------
        self
        """
        return self.learn(as_several(series))

    def predict(self, horizon: int | None = None, *, series: Any = None, future: Any = None) -> Any:
        """Return forecasts of the steps past the end of a series.

        Parameters
        ----------
        horizon : int, optional
            How many; by default those of the constructor. More are made by taking forecasts for
            what came, which needs `quantiles` and `exogenous` to be None.
        series : as of `fit`, optional
            Whose end it is; by default that of the series that `fit` got.
        future : array_like or frame, or several
            Where there are columns known ahead: their values past the end, for as many whole
            horizons as are needed. A frame with dates may hold other steps, and other columns, too.

        Returns
        -------
        ndarray, Series or DataFrame, or list or dict of them
            As the series came: frames and dated series have the dates that follow. Columns are the
            targets; with quantiles ``"target_0.1"`` and so on, and for arrays a last axis.
        """
        check_is_fitted(self)
        self.check_settings()
        steps = self.horizon if horizon is None else checked_size("horizon", horizon)
        several, ends, lengths = self._seen, self._ends, self._lengths
        if series is not None:
            several = as_several(series)
            self.check_columns(several)
            ends, lengths = ends_of(several, self.lags), list(map(len, several.arrays))
        if self.gaps != "ignore":
            warn_of_ends(several.given, self.lags)
        blocks = -(-steps // self.horizon)
        self._check_blocks(steps, blocks)
        total = blocks * self.horizon
        columns = self.columns_
        ahead = rows_ahead(future, several, ends, columns, total, self.freq)
        found = forecasts(self, self._scaled(ends), self._scaled(ahead))[:, :steps]
        names = columns.names(several, "targets")
        return formed(found, several, lengths, names, self.levels, self.freq)

    def backtest(
        self,
        series: Any,
        start: Any,
        stride: int = 1,
        *,
        fit: bool = True,
        refit_every: int | None = None,
    ) -> Backtest:
        """Forecast from many times of the past, and compare with what came.

        Parameters
        ----------
        series : as of `fit`
        start : int or date
            The first step that is forecast.
        stride : int, default 1
            Steps from one forecast to the next.
        fit : bool, default True
            Train a copy on the steps before `start`; this forecaster stays as it is. Otherwise it
            forecasts itself, which is honest if it was fitted on steps before `start`.
        refit_every : int, optional
            Train the copy anew, on all steps before, after every so many forecasts; the scaler
            stays.

        Returns
        -------
        nlstm.windows.Backtest
            `to_frame` makes a table with dates of it.
        """
        return backtested(self, series, start, stride, fit, refit_every)

    # Training

    def learn(self, several: Several, scaler: Scaler | None = None) -> Self:
        """Learn from series that were read, and keep a scaler if one is given."""
        check_settings(self)
        check_spans(self)
        goes_on = self.warm_start and hasattr(self, "model_")
        if goes_on:
            self.check_columns(several)
            self.check_settings()
            check_made(self)
        else:
            self.columns_ = Columns.of(self, several)
            self.n_features_in_ = several.arrays[0].shape[1]
            self.scaler_ = scaler if scaler is not None else self._new_scaler(several)
        scaled = several._replace(arrays=self._scaled(several.arrays))
        windows = self.windows(scaled, drop_nan=self.drop_nan, gaps=self.gaps)
        if not goes_on:
            outputs = self.horizon * self.columns_.targets.size * len(self.levels or (0,))
            loss = QuantileLoss(self.levels) if self.levels else self.loss
            make(self, windows.x.shape[2], [(outputs, None)], loss)
            self._made_for = self.lags, self.horizon, self.levels
        held = None
        if self.early_stopping:
            windows, held = parted(windows, self.validation_fraction)
        train(self, windows, validation_data=held)
        self._ends, self._lengths = ends_of(several, self.lags), list(map(len, several.arrays))
        names = [one._replace(numbers=None) for one in several.given]
        self._seen = several._replace(given=names, arrays=[])
        return self

    def _new_scaler(self, several: Several) -> Scaler | None:
        if self.scaling is None:
            return None
        if isinstance(self.scaling, Scaler):
            return copy.deepcopy(self.scaling).fit(several.arrays)
        return SCALERS[checked_choice("scaling", self.scaling, tuple(SCALERS))]().fit(
            several.arrays
        )

    @property
    def levels(self) -> tuple[float, ...] | None:
        """The quantiles, checked."""
        return None if self.quantiles is None else tuple(QuantileLoss(self.quantiles).quantiles)

    # Columns

    def check_settings(self) -> None:
        """Raise where the model was made for other steps or quantiles than are set now."""
        found = self.lags, self.horizon, self.levels
        if found != self._made_for:
            before, now = (", ".join(map(str, one)) for one in (self._made_for, found))
            raise ValueError(
                f"lags, horizon and quantiles were set anew after fit: {before} became {now}. "
                "Fit again."
            )

    def check_columns(self, several: Several) -> None:
        """Raise unless a series has the columns that were fitted."""
        width, before = several.arrays[0].shape[1], self._seen.given[0].names
        names = several.given[0].names
        if width != self.n_features_in_ or (names and before and names != before):
            raise ValueError(
                f"series has the columns {names or width}; the forecaster was fitted on "
                f"{before or self.n_features_in_}."
            )

    # Forecasting

    def windows(self, scaled: Any, **options: Any) -> Windows:
        """Return what the model sees and forecasts of scaled series."""
        columns = self.columns_
        return Windows(
            scaled,
            self.lags,
            self.horizon,
            inputs=columns.inputs.tolist(),
            targets=columns.targets.tolist(),
            future=columns.future.tolist(),
            scaling=self.window_scaling,
            **options,
        )

    def _scaled(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        return arrays if self.scaler_ is None else self.scaler_.transform(arrays)

    def _check_blocks(self, steps: int, blocks: int) -> None:
        if blocks == 1:
            return
        for name in ("quantiles", "exogenous"):
            if getattr(self, name) is not None:
                raise ValueError(
                    f"horizon must be at most {self.horizon}, which the forecaster was made for; "
                    f"got {steps}. Later steps are forecast from forecasts, which do not tell "
                    f"{name}."
                )
