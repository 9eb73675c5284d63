"""`WindowScaler`: every window by its own numbers, which are kept for the way back."""

import copy
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np

from nlstm.arguments.numbers import as_numbers
from nlstm.arguments.shown import by_attributes
from nlstm.windows.series import as_floats, checked_columns, store

__all__ = ["WindowScaler"]

KINDS = ("standard", "first", "last")


class WindowScaler:
    """Scale each window by its own steps.

    Parameters
    ----------
    kind : {"standard", "first", "last"}
        Subtract the mean and divide by the standard deviation (1 where that is 0), or subtract the
        first or the last value.

    Attributes
    ----------
    shift, scale : ndarray(float64), shape (windows, features)
        Of the windows given to `fit` last.

    Notes
    -----
    For windows that are too many to be in memory, `Windows` has the same as ``scaling=``.

    Examples
    --------
    >>> scaler = WindowScaler("last")
    >>> scaler.fit_transform([[[5.0], [7.0]]]).tolist()
    [[[-2.0], [0.0]]]
    >>> scaler.inverse_transform([[[1.0]]]).tolist()
    [[[8.0]]]
    """

    def __init__(self, kind: str = "standard") -> None:
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {KINDS}; got {kind!r}.")
        self.kind = kind
        self.shift: np.ndarray | None = None
        self.scale: np.ndarray | None = None

    def __repr__(self) -> str:
        return by_attributes(self)

    def __copy__(self) -> Self:
        return copy.deepcopy(self)

    def fit(self, x: Any) -> Self:
        """Keep the numbers of each window of `x` (windows, steps, features); NaN are skipped.

        A feature that is NaN at all steps of a window, or at the step that counts, is an error.
        """
        windows = _as_windows(x).astype(np.float64)
        _check_known(np.logical_not(np.isinf(windows).any(axis=1)), "a step", "infinity")
        if self.kind == "standard":
            known = ~np.isnan(windows)
            counts = known.sum(axis=1)
            _check_known(counts > 0, "all steps")
            # About a value of each window: the mean of many equal numbers need not be their value.
            shift = np.where(known, windows, -np.inf).max(axis=1)
            with np.errstate(over="ignore", invalid="ignore"):
                shift += np.where(known, windows - shift[:, None], 0.0).sum(axis=1) / counts
                squares = np.where(known, windows - shift[:, None], 0.0) ** 2
                deviation = np.sqrt(squares.sum(axis=1) / counts)
            held = np.isfinite(shift) & np.isfinite(deviation)
            _check_known(held, "its steps", "values whose squares float64 cannot hold")
            self.shift, self.scale = shift, np.where(deviation > 0.0, deviation, 1.0)
        else:
            step = 0 if self.kind == "first" else -1
            shift = windows[:, step].copy()
            _check_known(~np.isnan(shift), f"the {self.kind} step")
            self.shift, self.scale = shift, np.ones_like(shift)
        return self

    def transform(self, windows: Any, columns: Sequence[int] | None = None) -> np.ndarray:
        """Return the windows, or the targets that follow them, scaled by the kept numbers.

        Parameters
        ----------
        windows : array_like, shape (windows, steps, columns)
            In the order given to `fit`.
        columns : sequence of int, optional
            The features of `fit` that they hold; by default all.
        """
        array = _as_windows(windows)
        shift, scale = self._kept(array, columns)
        return _stored(array, shift, scale, lambda values, shift, scale: (values - shift) / scale)

    def fit_transform(self, x: Any) -> np.ndarray:
        """Fit, then transform the same windows."""
        return self.fit(x).transform(x)

    def inverse_transform(self, windows: Any, columns: Sequence[int] | None = None) -> np.ndarray:
        """Return windows or forecasts, given as to `transform`, in their own units."""
        array = _as_windows(windows)
        shift, scale = self._kept(array, columns)
        return _stored(array, shift, scale, lambda values, shift, scale: values * scale + shift)

    def _kept(self, array: np.ndarray, columns: Any) -> tuple[np.ndarray, np.ndarray]:
        if self.shift is None or self.scale is None:
            raise ValueError("WindowScaler knows no windows yet: call fit first.")
        width = self.shift.shape[1]
        chosen = checked_columns("columns", columns, width, np.arange(width))
        if array.shape[0] != len(self.shift) or array.shape[2] != chosen.size:
            raise ValueError(
                f"WindowScaler keeps {len(self.shift)} windows of {chosen.size} columns; "
                f"got an array of shape {array.shape}."
            )
        return self.shift[:, None, chosen], self.scale[:, None, chosen]

    def get_state(self) -> dict[str, Any]:
        """Return kind and kept numbers as plain numbers and lists, fit for JSON."""
        kept = {"shift": self.shift, "scale": self.scale}
        lists = {name: None if one is None else one.tolist() for name, one in kept.items()}
        return {"scaler": "WindowScaler", "kind": self.kind, **lists}

    def set_state(self, state: dict[str, Any]) -> Self:
        """Take over what `get_state` gave."""
        if set(state) != {"scaler", "kind", "shift", "scale"} or state["kind"] not in KINDS:
            raise ValueError(f"state is none of a WindowScaler: it has {sorted(state)}.")
        self.kind = state["kind"]
        for name in ("shift", "scale"):
            value = state[name]
            setattr(self, name, None if value is None else np.array(value, np.float64))
        return self


def _as_windows(windows: Any) -> np.ndarray:
    array = as_numbers("windows", windows)
    if array.ndim != 3 or array.size == 0:
        raise ValueError(
            f"WindowScaler expects shape (windows, steps, features); got {array.shape}."
        )
    return as_floats(array)


def _stored(
    array: np.ndarray, shift: np.ndarray, scale: np.ndarray, function: Callable[..., np.ndarray]
) -> np.ndarray:
    result = np.empty_like(array)
    store(function, array, result, shift, scale)
    return result


def _check_known(known: np.ndarray, where: str, what: str = "NaN") -> None:
    if not known.all():
        window, feature = (int(number) for number in np.argwhere(~known)[0])
        raise ValueError(f"Window {window} has {what} in feature {feature} at {where}.")
