"""Losses as Keras 3 computes them, each with its gradient.

Every function takes the truth y, the prediction y_pred (N, ..., O) and optionally sample_weight of
shape (N,) or, one for each step, (N, T). It returns the loss and its gradient in y_pred's shape.

The loss of a row or step is the mean over O (the sum over classes for the categorical ones); it is
multiplied by its weight, and the mean is taken over rows and steps (not over the weights: Keras's
"sum_over_batch_size"). y of (N, 1) against y_pred of (N, T, 1) stands for each of the T steps.
"""

import numpy as np

from tests.reference.activations import sigmoid
from tests.reference.dense import softmax

EPSILON = 1e-7  # Keras keeps probabilities this far from 0 and 1


def mean_squared_error(y, y_pred, sample_weight=None):
    y, y_pred = _same_shape(y, y_pred)
    error = y_pred - y
    return _mean_over_outputs(error**2, 2.0 * error, sample_weight)


def mean_absolute_error(y, y_pred, sample_weight=None):
    y, y_pred = _same_shape(y, y_pred)
    error = y_pred - y
    return _mean_over_outputs(np.abs(error), np.sign(error), sample_weight)


def binary_crossentropy(y, y_pred, sample_weight=None, from_logits=False):
    y, y_pred = _same_shape(y, y_pred)
    if from_logits:
        values = np.logaddexp(0.0, y_pred) - y * y_pred
        return _mean_over_outputs(values, sigmoid(y_pred) - y, sample_weight)
    p = np.clip(y_pred, EPSILON, 1.0 - EPSILON)
    values = -(y * np.log(p) + (1.0 - y) * np.log(1.0 - p))
    slope = np.where(p == y_pred, (p - y) / (p * (1.0 - p)), 0.0)
    return _mean_over_outputs(values, slope, sample_weight)


def categorical_crossentropy(y, y_pred, sample_weight=None, from_logits=False):
    y, y_pred = _same_shape(y, y_pred)
    weight = _weight(y_pred, sample_weight)
    if from_logits:
        shifted = y_pred - y_pred.max(axis=-1, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
        slope = softmax(y_pred) * y.sum(axis=-1, keepdims=True) - y
        return -(weight * y * log_p).sum(), weight * slope
    total = y_pred.sum(axis=-1, keepdims=True)
    share = y_pred / total
    p = np.clip(share, EPSILON, 1.0 - EPSILON)
    share_slope = np.where(p == share, -y / p, 0.0)
    slope = (share_slope - (share_slope * share).sum(axis=-1, keepdims=True)) / total
    return -(weight * y * np.log(p)).sum(), weight * slope


def sparse_categorical_crossentropy(y, y_pred, sample_weight=None, from_logits=False):
    """Take labels y of shape (N, ...) or (N, ..., 1) where the other losses take one-hot rows."""
    y = np.asarray(y)
    labels = y[..., 0] if y.ndim == np.ndim(y_pred) else y
    one_hot = np.eye(np.shape(y_pred)[-1])[labels.astype(int)]
    return categorical_crossentropy(one_hot, y_pred, sample_weight, from_logits)


def _same_shape(y, y_pred):
    y, y_pred = np.asarray(y, dtype=np.float64), np.asarray(y_pred, dtype=np.float64)
    if y.ndim == 2 and y_pred.ndim == 3 and y.shape[1] == y_pred.shape[2] == 1:
        y = np.broadcast_to(y[:, None, :], y_pred.shape)
    assert y.shape == y_pred.shape, (y.shape, y_pred.shape)
    return y, y_pred


def _mean_over_outputs(values, slopes, sample_weight):
    weight = _weight(values, sample_weight) / values.shape[-1]
    return (weight * values).sum(), weight * slopes


def _weight(y_pred, sample_weight):
    """Share of each row or step in the loss, in a shape that broadcasts against y_pred."""
    rows_and_steps = np.prod(y_pred.shape[:-1])
    if sample_weight is None:
        return np.full((1,) * y_pred.ndim, 1.0 / rows_and_steps)
    weight = np.asarray(sample_weight, dtype=np.float64) / rows_and_steps
    return weight.reshape(weight.shape + (1,) * (y_pred.ndim - weight.ndim))
