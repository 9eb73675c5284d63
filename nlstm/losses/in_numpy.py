"""A loss that a user wrote in NumPy, as a kernel."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

__all__ = ["WEIGHED", "in_numpy"]

WEIGHED = "mean_with_sample_weight"


class Written(Protocol):
    """What a user's loss has."""

    name: str

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each row and step."""

    def gradient(self, y_true: Any, y_pred: Any) -> Any:
        """Return the slopes of `call`."""


def in_numpy(loss: Written, sequence: bool | None, reduction: str) -> Callable[..., None]:
    """Return function(y, p, features, weight, dp, total) for a loss that a user wrote."""

    def function(y: Any, p: Any, features: int, weight: Any, dp: Any, total: Any) -> None:
        steps, rows = p.shape[:2]
        y_pred = np.ascontiguousarray(p[:, :, :features].swapaxes(0, 1))
        y_true = np.ascontiguousarray(np.broadcast_to(y, (steps, *y.shape[1:])).swapaxes(0, 1))
        if not (steps > 1 if sequence is None else sequence):
            y_pred, y_true = y_pred[:, 0], y_true[:, 0]
        values, each = np.asarray(loss.call(y_true, y_pred), np.float64), 1
        if values.shape == y_pred.shape:
            values, each = values.sum(axis=-1), values.shape[-1]
        elif values.shape != y_pred.shape[:-1]:
            raise ValueError(
                f"{loss.name}: call must return values of shape {y_pred.shape[:-1]} or "
                f"{y_pred.shape}; got {values.shape}."
            )
        weights = np.ones((rows, steps))
        if weight is not None:
            weights = np.broadcast_to(weight[:, :, 0].T, (rows, steps)).astype(np.float64)
        summed = float((weights * values.reshape(rows, -1)).sum())
        share = _share(
            reduction, weights, 1 if weight is not None and reduction == WEIGHED else each
        )
        if reduction == "metric":
            total[0] += summed / (steps * each)
            total[1] += weights.sum() / steps
        else:
            total[0] += summed * share * rows
            total[1] += rows
        if dp is not None:
            slopes = np.asarray(loss.gradient(y_true, y_pred))
            if slopes.shape != y_pred.shape:
                raise ValueError(
                    f"{loss.name}: gradient must have y_pred's shape {y_pred.shape}; "
                    f"got {slopes.shape}."
                )
            scaled = slopes.reshape(rows, steps, -1) * (share * weights)[:, :, None]
            dp[:, :, :features] = scaled.swapaxes(0, 1)
            dp[:, :, features:] = 0.0

    return function


def _share(reduction: str, weights: np.ndarray, each: int) -> float:
    """Return what the sum is multiplied by; `each` is the number of values with one weight."""
    if reduction == "sum":
        return 1.0
    total = float(weights.sum()) if reduction == WEIGHED else weights.size
    return 1.0 / (total * each) if total else 0.0
