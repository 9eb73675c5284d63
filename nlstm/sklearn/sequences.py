"""What scikit-learn's users call X: rows of steps, or sequences of unlike length, as one array."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array, validate_data

from nlstm.arguments.numbers import as_numbers, is_arraylike

__all__ = ["Moments", "Sequences", "read"]

CHUNK = 1 << 16  # numbers that are float64 together, in a cache


class Sequences(NamedTuple):
    """Sequences of some features, one row each, padded behind where lengths differ.

    Attributes
    ----------
    array : ndarray, shape (rows, steps, features)
    lengths : ndarray(int64), shape (rows,), or None
        None where all rows have all steps.
    """

    array: np.ndarray
    lengths: np.ndarray | None

    def part(self, rows: np.ndarray) -> "Sequences":
        """Return some rows."""
        return Sequences(self.array[rows], None if self.lengths is None else self.lengths[rows])

    def known(self) -> np.ndarray | None:
        """Return, by row and step, whether it is there; None if all are."""
        if self.lengths is None:
            return None
        return np.arange(self.array.shape[1]) < self.lengths[:, None]


class Moments(NamedTuple):
    """Mean and deviation of each column, 1 where it is 0; float64, shape (columns,)."""

    shift: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, name: str, data: Sequences, weight: np.ndarray | None = None) -> "Moments":
        """Return those of all steps that are there, by the weight of each row.

        Raises
        ------
        ValueError
            The numbers, which are called `name`, reach too far for float64.
        """
        array = data.array
        rows, steps, columns = array.shape
        first = array[0, 0].astype(np.float64)  # so that equal values have themselves as mean
        shares = np.ones((rows, steps))
        if weight is not None:
            shares *= weight[:, None]
        known = data.known()
        if known is not None:
            shares *= known
        shares /= shares.sum()

        def mean(about: np.ndarray, power: int) -> np.ndarray:
            found = np.zeros(columns)
            for part in _parts(array):
                apart = (array[part] - about).reshape(-1, columns)
                found += shares[part].reshape(-1) @ (apart if power == 1 else apart * apart)
            return found

        with np.errstate(over="ignore", invalid="ignore"):
            shift = first + mean(first, 1)
            deviation = np.sqrt(mean(shift, 2))
        if not np.isfinite(deviation).all():
            raise ValueError(f"{name} reaches too far for float64 to hold its scale.")
        return cls(shift, np.where(deviation > 0.0, deviation, 1.0))

    @classmethod
    def none(cls, columns: int) -> "Moments":
        """Return those that leave numbers as they are."""
        return cls(np.zeros(columns), np.ones(columns))

    def scaled(self, data: Sequences, dtype: Any) -> Sequences:
        """Return the data scaled."""
        found = np.empty(data.array.shape, dtype)
        for part in _parts(data.array):
            values = data.array[part] - self.shift
            values /= self.scale
            found[part] = values
        return Sequences(found, data.lengths)


def _parts(array: np.ndarray) -> list[slice]:
    rows, steps, columns = array.shape
    size = max(1, CHUNK // (steps * columns))
    return [slice(start, start + size) for start in range(0, rows, size)]


def read(estimator: BaseEstimator, X: Any, reset: bool) -> Sequences:
    """Return X as sequences.

    Parameters
    ----------
    estimator : BaseEstimator
        Learns `n_features_in_` and the names of columns, or is asked whether they fit.
    X : array_like or list of array_like
    reset : bool
        Whether to learn them.
    """
    several = _several(X)
    if several is None and len(getattr(X, "shape", (0, 0))) != 3:
        # Columns are steps: a table is held to those that it had.
        if not reset and not estimator._of_table:
            table = check_array(X, dtype=(np.float64, np.float32), estimator=estimator)
            _check_features(estimator, 1)
        else:
            table = validate_data(estimator, X, reset=reset, dtype=(np.float64, np.float32))
        if reset:
            estimator._of_table = True
        return Sequences(table[:, :, None], None)
    if several is None:
        array = check_array(X, dtype=(np.float64, np.float32), allow_nd=True, estimator=estimator)
        found = Sequences(array, None)
        if 0 in array.shape:
            raise ValueError(f"X is empty: its shape is {array.shape}.")
    else:
        found = _padded(several)
    features = found.array.shape[2]
    if reset:
        estimator._of_table, estimator.n_features_in_ = False, features
        vars(estimator).pop("feature_names_in_", None)
    else:
        _check_features(estimator, features)
    return found


def _check_features(estimator: Any, features: int) -> None:
    expected = 1 if estimator._of_table else estimator.n_features_in_
    if features != expected:
        raise ValueError(
            f"X has {features} features, but {type(estimator).__name__} is expecting {expected} "
            "features as input."
        )


def _several(X: Any) -> list[Any] | None:
    """Return what holds a sequence in each place as a list; None for one array."""
    if hasattr(X, "dtype") and len(getattr(X, "shape", ())) == 1:  # a column of sequences
        X = list(X)
    if not isinstance(X, list | tuple) or not len(X):
        return None
    if all(map(is_arraylike, X)):
        return list(X)
    if all(isinstance(one, list | tuple) for one in X):
        nested = any(isinstance(one[0], list | tuple) for one in X if len(one))
        return list(X) if nested or len({len(one) for one in X}) > 1 else None
    return None


def _padded(several: list[Any]) -> Sequences:
    """Return sequences of shape (steps,) or (steps, features) as one array."""
    arrays: list[np.ndarray] = []
    for number, one in enumerate(several):
        name = f"X[{number}]"
        array = as_numbers(name, one)
        array = array[:, None] if array.ndim == 1 else array
        if array.ndim != 2:
            raise ValueError(
                f"{name} must have shape (steps,) or (steps, features); got {array.shape}."
            )
        if 0 in array.shape:
            raise ValueError(f"{name} is empty: its shape is {array.shape}.")
        if arrays and array.shape[1] != arrays[0].shape[1]:
            raise ValueError(
                f"{name} has {array.shape[1]} features, but X[0] has {arrays[0].shape[1]}."
            )
        if not np.isfinite(array).all():
            kind = "NaN" if np.isnan(array).any() else "infinity"
            raise ValueError(f"Input X contains {kind}, in {name}.")
        arrays.append(array)
    lengths = np.array([len(one) for one in arrays])
    dtype = np.result_type(np.float32, *{one.dtype for one in arrays})
    found = np.zeros((len(arrays), lengths.max(), arrays[0].shape[1]), dtype)
    for row, one in zip(found, arrays, strict=True):
        row[: len(one)] = one
    return Sequences(found, None if (lengths == lengths[0]).all() else lengths)
