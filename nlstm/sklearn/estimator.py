"""What the estimators of sequences have in common: parameters, and how they are trained."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _check_sample_weight, check_consistent_length, check_is_fitted

from nlstm.arguments.checks import (
    checked_choice,
    checked_flag,
    checked_integer,
    checked_number,
    checked_rate,
    checked_size,
)
from nlstm.sklearn.held_back import drawn
from nlstm.sklearn.sequences import Moments, Sequences, read
from nlstm.sklearn.training import check_made, make, train

__all__ = ["LSTMEstimator", "check_settings"]


def check_settings(estimator: Any) -> None:
    """Raise for a parameter that estimators and forecasters have and that is out of range."""
    for name in ("units", "num_layers", "epochs", "batch_size", "n_iter_no_change"):
        checked_size(name, getattr(estimator, name))
    checked_rate("dropout", estimator.dropout)
    checked_number("learning_rate", estimator.learning_rate, above=0)
    checked_number("validation_fraction", estimator.validation_fraction, above=0, below=1)
    checked_number("tol", estimator.tol, 0)
    checked_flag("early_stopping", estimator.early_stopping)
    checked_flag("warm_start", estimator.warm_start)
    if not isinstance(estimator.verbose, bool):
        checked_integer("verbose", estimator.verbose, 0)
    checked_choice("dtype", estimator.dtype, ("float32", "float64"))


class LSTMEstimator(BaseEstimator):
    """Sequences in, one answer for each out: see `LSTMRegressor` and `LSTMClassifier`."""

    def __init__(
        self,
        units: int = 32,
        *,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        epochs: int = 50,
        batch_size: int = 32,
        learning_rate: float = 0.005,
        optimizer: Any = "adam",
        scale: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        warm_start: bool = False,
        random_state: Any = None,
        verbose: int = 0,
        dtype: str = "float32",
    ) -> None:
        self.units = units
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.scale = scale
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self.dtype = dtype

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn may ask of it."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        return tags

    def _starts(self, goes_on: bool) -> bool:
        """Whether a model is to be made: there is none, or it is not to go on."""
        check_settings(self)
        goes_on = goes_on and hasattr(self, "model_")
        if goes_on:
            check_made(self)
        return not goes_on

    def _read(self, X: Any, y: Any, weight: Any, reset: bool) -> tuple[Sequences, Any]:
        """Return X as sequences, and weights whose mean is 1, or None."""
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        data = read(self, X, reset)
        check_consistent_length(data.array, y, weight)
        if weight is not None:
            weight = _check_sample_weight(weight, data.array, dtype=np.float64)
            if (weight < 0).any():
                raise ValueError(
                    "sample_weight must not be negative: row "
                    f"{int(np.argmax(weight < 0))} has {weight.min()}."
                )
            if not weight.any():
                raise ValueError("sample_weight must hold a number that is not zero.")
            with np.errstate(over="ignore"):
                if np.isinf(weight.sum()):
                    weight = weight / weight.max()
        return data, weight

    def _make(
        self, data: Sequences, weight: Any, heads: Sequence[tuple[int, str | None]], loss: Any
    ) -> None:
        """Make a new model, and learn the scale of its inputs."""
        features = data.array.shape[2]
        scale = checked_flag("scale", self.scale)
        self._moments = Moments.of("X", data, weight) if scale else Moments.none(features)
        make(self, features, heads, loss)

    def _train(
        self, data: Sequences, targets: list[np.ndarray], weight: Any, once: bool, labels: Any
    ) -> None:
        """Train for an epoch, or for all.

        Parameters
        ----------
        targets : list of ndarray
            One for each head.
        labels : ndarray or None
            Of which the rows held back have as many of each.
        """
        data = self._moments.scaled(data, self.dtype)
        rows = np.arange(len(data.array)) if weight is None else np.flatnonzero(weight)
        validation = None
        if self.early_stopping and not once:
            rows, held = drawn(rows, self.validation_fraction, labels, self.random_state)
            validation = self._part(data, targets, weight, held)
        part = self._part(data, targets, weight, rows)
        train(self, *part, validation_data=validation, epochs=1 if once else self.epochs)

    def _part(
        self, data: Sequences, targets: list[np.ndarray], weight: Any, rows: np.ndarray
    ) -> tuple[Sequences, Any, Any]:
        """Return some rows: x, y and weights whose mean is 1."""
        if rows.size < len(data.array):
            data, targets = data.part(rows), [one[rows] for one in targets]
            weight = None if weight is None else weight[rows]
        if weight is not None:  # ratios alone count, so that a loss stays of its size
            weight = weight / weight.mean()
        return data, targets if len(targets) > 1 else targets[0], weight

    def _predict(self, X: Any) -> list[np.ndarray]:
        """Return what the heads give, float64."""
        check_is_fitted(self)
        data = self._moments.scaled(read(self, X, reset=False), self.dtype)
        found = self.model_.predict(data.array, lengths=data.lengths, verbose=0)
        heads = found if isinstance(found, list) else [found]
        return [one.astype(np.float64) for one in heads]
