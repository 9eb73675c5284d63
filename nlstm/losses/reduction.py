"""How the values of a loss become one number, in NumPy, as Keras does it."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nlstm.losses.apart import as_steps

__all__ = ["MEANS", "as_call_sees", "reduced"]

MEANS = ("sum_over_batch_size", "mean")


def as_call_sees(
    y_true: Any, y_pred: Any, width: Callable[[int], int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return y and p, checked, in the shapes that they were given in; y has p's axes."""
    y, p, _, _ = as_steps(y_true, y_pred, None, width)
    shape = np.shape(y_pred)
    y = np.broadcast_to(y, (*p.shape[:2], y.shape[2])).swapaxes(0, 1)
    return y.reshape(*shape[:-1], y.shape[2]), p.swapaxes(0, 1).reshape(shape)


def reduced(
    values: np.ndarray,
    weight: np.ndarray | None,
    counted: np.ndarray | None,
    reduction: str | None,
) -> Any:
    """Return values times weights as one number, or each where `reduction` is None.

    Parameters
    ----------
    values : ndarray
        One for each row, or each row and step, or each element.
    weight : ndarray, optional
        One number, one a row, or of the values' shape or one like it.
    counted : ndarray of bool, optional
        Which values count at all.
    """
    if counted is not None:
        scale = counted.size / max(int(counted.sum()), 1) if reduction in MEANS else 1.0
        mask = (counted * scale).astype(values.dtype)
        weight = mask if weight is None else np.multiply(*_fitted(mask, weight))
    if weight is not None:
        values, weight = _fitted(values, weight)
        values = (values * weight).astype(values.dtype)
    if reduction is None:
        return values
    total = float(values.sum(dtype=np.float64))
    if reduction == "sum" or not values.ndim:
        return total
    divisor: float = values.size
    if reduction == "mean_with_sample_weight" and weight is not None:
        divisor = float(weight.sum(dtype=np.float64))
    return total / divisor if divisor else 0.0


def _fitted(values: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return values and weights that can be multiplied: as in Keras, or one weight a row."""
    shown = weight.shape
    if weight.ndim == values.ndim + 1 and shown[-1] == 1:
        if values.ndim == 1:
            values = values[:, None]
        else:
            weight = weight[..., 0]
    elif 0 < weight.ndim < values.ndim:
        weight = weight.reshape(*shown, *(1,) * (values.ndim - weight.ndim))
    whole = values.ndim and weight.ndim
    fits = zip(weight.shape, values.shape, strict=False)
    if whole and (weight.ndim != values.ndim or any(n not in (1, most) for n, most in fits)):
        raise ValueError(
            f"sample_weight of shape {shown} does not fit values of shape {values.shape}: one "
            "number, one a row, or one for each value."
        )
    return values, weight
