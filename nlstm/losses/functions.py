"""Keras's losses as functions: one value for each row, or for each row and step."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nlstm.losses import crossentropy as entropies
from nlstm.losses import regression

__all__ = ["FUNCTIONS"]


def mean_squared_error(y_true: Any, y_pred: Any) -> np.ndarray:
    """Return the values of `MeanSquaredError`."""
    return regression.MeanSquaredError().call(y_true, y_pred)


def mean_absolute_error(y_true: Any, y_pred: Any) -> np.ndarray:
    """Return the values of `MeanAbsoluteError`."""
    return regression.MeanAbsoluteError().call(y_true, y_pred)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> np.ndarray:
    """Return the values of `MeanAbsolutePercentageError`."""
    return regression.MeanAbsolutePercentageError().call(y_true, y_pred)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> np.ndarray:
    """Return the values of `MeanSquaredLogarithmicError`."""
    return regression.MeanSquaredLogarithmicError().call(y_true, y_pred)


def log_cosh(y_true: Any, y_pred: Any) -> np.ndarray:
    """Return the values of `LogCosh`."""
    return regression.LogCosh().call(y_true, y_pred)


def poisson(y_true: Any, y_pred: Any) -> np.ndarray:
    """Return the values of `Poisson`."""
    return regression.Poisson().call(y_true, y_pred)


def kl_divergence(y_true: Any, y_pred: Any) -> np.ndarray:
    """Return the values of `KLDivergence`."""
    return regression.KLDivergence().call(y_true, y_pred)


def hinge(y_true: Any, y_pred: Any) -> np.ndarray:
    """Return the values of `Hinge`."""
    return regression.Hinge().call(y_true, y_pred)


def squared_hinge(y_true: Any, y_pred: Any) -> np.ndarray:
    """Return the values of `SquaredHinge`."""
    return regression.SquaredHinge().call(y_true, y_pred)


def categorical_hinge(y_true: Any, y_pred: Any) -> np.ndarray:
    """Return the values of `CategoricalHinge`."""
    return regression.CategoricalHinge().call(y_true, y_pred)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> np.ndarray:
    """Return the values of `Huber`."""
    return regression.Huber(delta).call(y_true, y_pred)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> np.ndarray:
    """Return the values of `CosineSimilarity`."""
    return regression.CosineSimilarity(axis).call(y_true, y_pred)


def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> np.ndarray:
    """Return the values of `BinaryCrossentropy`."""
    loss = entropies.BinaryCrossentropy(from_logits, label_smoothing, axis)
    return loss.call(y_true, y_pred)


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
    return loss.call(y_true, y_pred)


def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> np.ndarray:
    """Return the values of `CategoricalCrossentropy`."""
    loss = entropies.CategoricalCrossentropy(from_logits, label_smoothing, axis)
    return loss.call(y_true, y_pred)


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
    return loss.call(y_true, y_pred)


def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> np.ndarray:
    """Return the values of `SparseCategoricalCrossentropy`."""
    loss = entropies.SparseCategoricalCrossentropy(from_logits, ignore_class, axis=axis)
    return loss.call(y_true, y_pred)


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
