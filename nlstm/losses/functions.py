"""Keras's losses as functions: one value for each row, or for each row and step."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nlstm.kernels.operations import Array
from nlstm.losses import crossentropy as entropies
from nlstm.losses import regression
from nlstm.losses.loss import Loss, as_steps, bound_apart
from nlstm.plan.plan import Plan

__all__ = ["FUNCTIONS", "by_row"]


def by_row(bind: Callable[..., None], width: int | None, y_true: Any, y_pred: Any) -> np.ndarray:
    """Return what a kernel gives for each row and step alone: y_pred.shape[:-1].

    Parameters
    ----------
    bind : callable
        Takes (plan, y, p, features, weight, total).
    width : int or None
        Columns of y; 1 for class indices, None for those of y_pred.
    y_true, y_pred : array_like
    """
    y, p, _, rows = as_steps(y_true, y_pred, None, width)
    y = np.broadcast_to(y, (*p.shape[:2], y.shape[2]))
    values = np.empty(p.shape[:2], p.dtype)
    one = y[:1, :1].copy(), p[:1, :1].copy()
    plan, there, total = bound_apart(bind, *one, None, 2)
    run = plan.ops.program(plan.forward)
    for t, i in np.ndindex(*values.shape):
        for array, whole in zip(there, (y, p), strict=True):
            plan.ops.write(array, whole[t : t + 1, i : i + 1])
        total.host[:] = 0.0
        total.push()
        run()
        total.pull()
        values[t, i] = total.host[0] / total.host[1]
    found = values.T if rows.ndim > 2 else values[0]
    return found.reshape(np.shape(y_pred)[:-1])


def _values(loss: Loss, y_true: Any, y_pred: Any) -> np.ndarray:
    width = loss.target_features(np.shape(y_pred)[-1])

    def bind(plan: Plan, y: Array, p: Array, features: int, weight: Any, total: Array) -> None:
        loss.bind(plan, y, p, features, weight, None, total, reduction="metric")

    return by_row(bind, width, y_true, y_pred)


def mean_squared_error(y_true: Any, y_pred: Any) -> np.ndarray:
    """Return the values of `MeanSquaredError`."""
    return _values(regression.MeanSquaredError(), y_true, y_pred)


def mean_absolute_error(y_true: Any, y_pred: Any) -> np.ndarray:
    """Return the values of `MeanAbsoluteError`."""
    return _values(regression.MeanAbsoluteError(), y_true, y_pred)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> np.ndarray:
    """Return the values of `MeanAbsolutePercentageError`."""
    return _values(regression.MeanAbsolutePercentageError(), y_true, y_pred)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> np.ndarray:
    """Return the values of `MeanSquaredLogarithmicError`."""
    return _values(regression.MeanSquaredLogarithmicError(), y_true, y_pred)


def log_cosh(y_true: Any, y_pred: Any) -> np.ndarray:
    """Return the values of `LogCosh`."""
    return _values(regression.LogCosh(), y_true, y_pred)


def poisson(y_true: Any, y_pred: Any) -> np.ndarray:
    """Return the values of `Poisson`."""
    return _values(regression.Poisson(), y_true, y_pred)


def kl_divergence(y_true: Any, y_pred: Any) -> np.ndarray:
    """Return the values of `KLDivergence`."""
    return _values(regression.KLDivergence(), y_true, y_pred)


def hinge(y_true: Any, y_pred: Any) -> np.ndarray:
    """Return the values of `Hinge`."""
    return _values(regression.Hinge(), y_true, y_pred)


def squared_hinge(y_true: Any, y_pred: Any) -> np.ndarray:
    """Return the values of `SquaredHinge`."""
    return _values(regression.SquaredHinge(), y_true, y_pred)


def categorical_hinge(y_true: Any, y_pred: Any) -> np.ndarray:
    """Return the values of `CategoricalHinge`."""
    return _values(regression.CategoricalHinge(), y_true, y_pred)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> np.ndarray:
    """Return the values of `Huber`."""
    return _values(regression.Huber(delta), y_true, y_pred)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> np.ndarray:
    """Return the values of `CosineSimilarity`."""
    return _values(regression.CosineSimilarity(axis), y_true, y_pred)


def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> np.ndarray:
    """Return the values of `BinaryCrossentropy`."""
    loss = entropies.BinaryCrossentropy(from_logits, label_smoothing, axis)
    return _values(loss, y_true, y_pred)


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> np.ndarray:
    """Return the values of `BinaryFocalCrossentropy`."""
    loss = entropies.BinaryFocalCrossentropy(
        apply_class_balancing, alpha, gamma, from_logits, label_smoothing, axis
    )
    return _values(loss, y_true, y_pred)


def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> np.ndarray:
    """Return the values of `CategoricalCrossentropy`."""
    loss = entropies.CategoricalCrossentropy(from_logits, label_smoothing, axis)
    return _values(loss, y_true, y_pred)


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> np.ndarray:
    """Return the values of `CategoricalFocalCrossentropy`."""
    loss = entropies.CategoricalFocalCrossentropy(alpha, gamma, from_logits, label_smoothing, axis)
    return _values(loss, y_true, y_pred)


def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> np.ndarray:
    """Return the values of `SparseCategoricalCrossentropy`."""
    loss = entropies.SparseCategoricalCrossentropy(from_logits, ignore_class, axis=axis)
    return _values(loss, y_true, y_pred)


# What `compile` makes of a function: the loss of its name, with a gradient.
FUNCTIONS: dict[Callable[..., np.ndarray], type[Any]] = {
    mean_squared_error: regression.MeanSquaredError,
    mean_absolute_error: regression.MeanAbsoluteError,
    mean_absolute_percentage_error: regression.MeanAbsolutePercentageError,
    mean_squared_logarithmic_error: regression.MeanSquaredLogarithmicError,
    log_cosh: regression.LogCosh,
    poisson: regression.Poisson,
    kl_divergence: regression.KLDivergence,
    hinge: regression.Hinge,
    squared_hinge: regression.SquaredHinge,
    categorical_hinge: regression.CategoricalHinge,
    huber: regression.Huber,
    cosine_similarity: regression.CosineSimilarity,
    binary_crossentropy: entropies.BinaryCrossentropy,
    binary_focal_crossentropy: entropies.BinaryFocalCrossentropy,
    categorical_crossentropy: entropies.CategoricalCrossentropy,
    categorical_focal_crossentropy: entropies.CategoricalFocalCrossentropy,
    sparse_categorical_crossentropy: entropies.SparseCategoricalCrossentropy,
}
