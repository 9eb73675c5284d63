"""Losses, their gradients and the metrics that are means: one scalar or row body each, two drivers.

A body gives the loss of one element (or of one row) and its slope with respect to the prediction.
The drivers own what all of them share: targets of one step that serve all steps, sample weights,
Keras's mean over rows and steps, and padded lanes. They run on one thread in a fixed order, so the
bits never depend on threads; beside the recurrence their work is small.

Every function of `loss` has one signature:

    function(y, p, features, weight, dp, total)

    y : ndarray, shape (Ty, N, >= C), Ty = 1 or T. Targets; C = 1 class index for the sparse losses,
        else features.
    p : ndarray, shape (T, N, S). Predictions.
    features : int. Columns of p that carry predictions.
    weight : ndarray, shape (Tw, N, >= 1), Tw = 1 or T, or None. Column 0 weighs row n at step t.
    dp : ndarray, shape (T, N, S), or None. Overwritten (=) with the gradient of the batch's loss,
        padding with 0.
    total : ndarray(float64), shape (2,). total[0] += batch loss * N, total[1] += N, so that
        total[0] / total[1] is Keras's running mean. The batch loss is
        ``sum(weight * row loss) / (T * N)``.

Names that end in ``_from_sigmoid`` and ``_from_softmax`` read probabilities but write the gradient
with respect to what went into the activation: ``p - y``, which neither overflows nor vanishes where
the activation saturates.
"""

import math

import numba
import numpy as np

from nlstm.kernels.cpu.jit import njit

__all__ = ["loss"]

EPSILON = 1e-7  # Keras's: probabilities are clipped to [EPSILON, 1 - EPSILON]

# Bodies are compiled into their callers only, so a cache file of their own would never be read.
# Drivers are inlined before compilation: a body handed to a compiled driver would be an address,
# which cannot be cached.
body = numba.njit(error_model="numpy")
driver = numba.njit(error_model="numpy", inline="always")


# Scalar bodies: (y, p) -> loss, slope


@body
def _squared_error(y, p):
    error = p - y
    return error * error, error + error


@body
def _absolute_error(y, p):
    error = p - y
    return abs(error), np.sign(error)


@body
def _binary_value(y, p):
    clipped = min(max(p, EPSILON), 1.0 - EPSILON)
    return -(y * math.log(clipped) + (1.0 - y) * math.log(1.0 - clipped))


@body
def _binary_crossentropy(y, p):
    # Where p is clipped the loss is flat. The comparison is written so that a NaN stays a NaN.
    slope = 0.0 if p < EPSILON or p > 1.0 - EPSILON else (p - y) / (p * (1.0 - p))
    return _binary_value(y, p), slope


@body
def _binary_crossentropy_from_sigmoid(y, p):
    return _binary_value(y, p), p - y


@body
def _binary_crossentropy_from_logits(y, p):
    small = math.exp(-abs(p))  # <= 1: neither form overflows
    probability = 1.0 / (1.0 + small) if p >= 0.0 else small / (1.0 + small)
    return max(p, 0.0) - p * y + math.log1p(small), probability - y


@body
def _binary_accuracy(y, p):
    return 1.0 if (p > 0.5) == (y > 0.5) else 0.0, 0.0


# Row bodies: (y row, p row, features, dp row, scale, need_gradient) -> loss of the row;
# dp = scale * slope


@body
def _clipped_log(p):
    return math.log(min(max(p, EPSILON), 1.0 - EPSILON))


@body
def _categorical_crossentropy(y, p, features, dp, scale, need_gradient):
    norm = 0.0
    for k in range(features):
        norm += p[k]
    value = 0.0
    weight_in_norm = 0.0
    for k in range(features):
        q = p[k] / norm
        value -= y[k] * _clipped_log(q)
        if not (q < EPSILON or q > 1.0 - EPSILON):
            weight_in_norm += y[k]
    if need_gradient:
        for k in range(features):
            q = p[k] / norm
            own = 0.0 if q < EPSILON or q > 1.0 - EPSILON else y[k] / q
            dp[k] = scale * (weight_in_norm - own) / norm
    return value


@body
def _categorical_crossentropy_from_softmax(y, p, features, dp, scale, need_gradient):
    value = 0.0
    weight = 0.0
    for k in range(features):
        if y[k] != 0.0:
            value -= y[k] * _clipped_log(p[k])
            weight += y[k]
    if need_gradient:
        for k in range(features):
            dp[k] = scale * (p[k] * weight - y[k])
    return value


@body
def _log_of_sum_of_exponentials(p, features):
    """Return (largest logit, log(sum(exp(logit - largest))))."""
    largest = p[0]
    for k in range(1, features):
        largest = max(largest, p[k])
    total = 0.0
    for k in range(features):
        total += math.exp(p[k] - largest)
    return largest, math.log(total)


@body
def _categorical_crossentropy_from_logits(y, p, features, dp, scale, need_gradient):
    largest, log_sum = _log_of_sum_of_exponentials(p, features)
    value = 0.0
    weight = 0.0
    for k in range(features):
        value -= y[k] * (p[k] - largest - log_sum)
        weight += y[k]
    if need_gradient:
        for k in range(features):
            dp[k] = scale * (math.exp(p[k] - largest - log_sum) * weight - y[k])
    return value


@body
def _sparse_categorical_crossentropy(y, p, features, dp, scale, need_gradient):
    label = int(y[0])
    norm = 0.0
    for k in range(features):
        norm += p[k]
    q = p[label] / norm
    if need_gradient:
        flat = q < EPSILON or q > 1.0 - EPSILON
        for k in range(features):
            dp[k] = 0.0 if flat else scale / norm
        if not flat:
            dp[label] = scale * (1.0 - 1.0 / q) / norm
    return -_clipped_log(q)


@body
def _sparse_categorical_crossentropy_from_softmax(y, p, features, dp, scale, need_gradient):
    label = int(y[0])
    if need_gradient:
        for k in range(features):
            dp[k] = scale * p[k]
        dp[label] = scale * (p[label] - 1.0)
    return -_clipped_log(p[label])


@body
def _sparse_categorical_crossentropy_from_logits(y, p, features, dp, scale, need_gradient):
    label = int(y[0])
    largest, log_sum = _log_of_sum_of_exponentials(p, features)
    if need_gradient:
        for k in range(features):
            dp[k] = scale * math.exp(p[k] - largest - log_sum)
        dp[label] = scale * (math.exp(p[label] - largest - log_sum) - 1.0)
    return -(p[label] - largest - log_sum)


@body
def _largest(row, features):
    best = 0
    for k in range(1, features):
        if row[k] > row[best]:
            best = k
    return best


@body
def _categorical_accuracy(y, p, features, dp, scale, need_gradient):
    return 1.0 if _largest(y, features) == _largest(p, features) else 0.0


@body
def _sparse_categorical_accuracy(y, p, features, dp, scale, need_gradient):
    return 1.0 if int(y[0]) == _largest(p, features) else 0.0


# Drivers


@body
def _weight_at(weight, t, n):
    return 1.0 if weight is None else weight[t % weight.shape[0], n, 0]


@driver
def _elementwise(loss_of, y, p, features, weight, dp, total):
    steps, rows, stride = p.shape
    mean = 1.0 / (steps * rows)
    loss = 0.0
    for t in range(steps):
        y_t = y[t % y.shape[0]]
        for n in range(rows):
            row_weight = _weight_at(weight, t, n)
            scale = p.dtype.type(row_weight * mean / features)
            value = 0.0
            for f in range(features):
                element, slope = loss_of(y_t[n, f], p[t, n, f])
                value += element
                if dp is not None:
                    dp[t, n, f] = scale * slope
            loss += row_weight * (value / features)
            if dp is not None:
                for f in range(features, stride):
                    dp[t, n, f] = 0.0
    total[0] += loss * mean * rows
    total[1] += rows


@driver
def _rowwise(loss_of, y, p, features, weight, dp, total):
    steps, rows, stride = p.shape
    mean = 1.0 / (steps * rows)
    loss = 0.0
    for t in range(steps):
        y_t = y[t % y.shape[0]]
        for n in range(rows):
            row_weight = _weight_at(weight, t, n)
            scale = p.dtype.type(row_weight * mean)
            if dp is not None:
                loss += row_weight * loss_of(y_t[n], p[t, n], features, dp[t, n], scale, True)
                for f in range(features, stride):
                    dp[t, n, f] = 0.0
            else:
                loss += row_weight * loss_of(y_t[n], p[t, n], features, p[t, n], scale, False)
    total[0] += loss * mean * rows
    total[1] += rows


# One compiled function per name. They are spelled out, not made in a loop: Numba's cache knows a
# function by its file and name, and would take closures made in a loop for one function.


@njit
def mean_squared_error(y, p, features, weight, dp, total):
    """Mean of (p - y)**2."""
    _elementwise(_squared_error, y, p, features, weight, dp, total)


@njit
def mean_absolute_error(y, p, features, weight, dp, total):
    """Mean of abs(p - y); slope 0 where they are equal."""
    _elementwise(_absolute_error, y, p, features, weight, dp, total)


@njit
def binary_crossentropy(y, p, features, weight, dp, total):
    """Cross-entropy of probabilities, each feature a question of its own."""
    _elementwise(_binary_crossentropy, y, p, features, weight, dp, total)


@njit
def binary_crossentropy_from_sigmoid(y, p, features, weight, dp, total):
    """As `binary_crossentropy`, with the gradient before the sigmoid."""
    _elementwise(_binary_crossentropy_from_sigmoid, y, p, features, weight, dp, total)


@njit
def binary_crossentropy_from_logits(y, p, features, weight, dp, total):
    """Cross-entropy of logits."""
    _elementwise(_binary_crossentropy_from_logits, y, p, features, weight, dp, total)


@njit
def categorical_crossentropy(y, p, features, weight, dp, total):
    """Cross-entropy of a distribution over the features; p is divided by its sum, as in Keras."""
    _rowwise(_categorical_crossentropy, y, p, features, weight, dp, total)


@njit
def categorical_crossentropy_from_softmax(y, p, features, weight, dp, total):
    """Cross-entropy of softmax outputs, with the gradient before the softmax."""
    _rowwise(_categorical_crossentropy_from_softmax, y, p, features, weight, dp, total)


@njit
def categorical_crossentropy_from_logits(y, p, features, weight, dp, total):
    """Cross-entropy of logits."""
    _rowwise(_categorical_crossentropy_from_logits, y, p, features, weight, dp, total)


@njit
def sparse_categorical_crossentropy(y, p, features, weight, dp, total):
    """As `categorical_crossentropy`, with the index of the one right class in y[..., 0]."""
    _rowwise(_sparse_categorical_crossentropy, y, p, features, weight, dp, total)


@njit
def sparse_categorical_crossentropy_from_softmax(y, p, features, weight, dp, total):
    """As `categorical_crossentropy_from_softmax`, with a class index."""
    _rowwise(_sparse_categorical_crossentropy_from_softmax, y, p, features, weight, dp, total)


@njit
def sparse_categorical_crossentropy_from_logits(y, p, features, weight, dp, total):
    """As `categorical_crossentropy_from_logits`, with a class index."""
    _rowwise(_sparse_categorical_crossentropy_from_logits, y, p, features, weight, dp, total)


@njit
def binary_accuracy(y, p, features, weight, dp, total):
    """Share of features on the right side of 0.5. `dp` must be None."""
    _elementwise(_binary_accuracy, y, p, features, weight, dp, total)


@njit
def categorical_accuracy(y, p, features, weight, dp, total):
    """Share of rows whose largest prediction and target stand together. `dp` must be None."""
    _rowwise(_categorical_accuracy, y, p, features, weight, dp, total)


@njit
def sparse_categorical_accuracy(y, p, features, weight, dp, total):
    """Share of rows whose largest prediction is the class in y[..., 0]. `dp` must be None."""
    _rowwise(_sparse_categorical_accuracy, y, p, features, weight, dp, total)


FUNCTIONS = {
    function.__name__: function
    for function in (
        mean_squared_error,
        mean_absolute_error,
        binary_crossentropy,
        binary_crossentropy_from_sigmoid,
        binary_crossentropy_from_logits,
        categorical_crossentropy,
        categorical_crossentropy_from_softmax,
        categorical_crossentropy_from_logits,
        sparse_categorical_crossentropy,
        sparse_categorical_crossentropy_from_softmax,
        sparse_categorical_crossentropy_from_logits,
        binary_accuracy,
        categorical_accuracy,
        sparse_categorical_accuracy,
    )
}


def loss(name):
    """Return the loss or metric function of that name."""
    return FUNCTIONS[name]
