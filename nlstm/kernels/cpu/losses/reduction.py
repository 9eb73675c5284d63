"""What all losses and metrics share: weights, Keras's reductions, padded lanes, running totals.

Every function that `losses.loss` returns has one signature:

    function(y, p, features, weight, dp, total)

    y : ndarray, shape (Ty, N, C), Ty = 1 or T. Targets.
    p : ndarray, shape (T, N, S). Predictions.
    features : int. Columns of p that carry predictions.
    weight : ndarray, shape (Tw, N, >= 1), Tw = 1 or T, or None. Column 0 weighs row n at step t.
    dp : ndarray, shape (T, N, S), or None. Overwritten (=) with the gradient of the batch's loss,
        padding with 0.
    total : ndarray(float64). "+=". For means total[0] += batch loss * N and total[1] += N, so that
        total[0] / total[1] is Keras's running mean.

Modes, Keras's reductions. With l the loss of a row at a step and w its weight the batch loss is

    MEAN      sum(w * l) / (T * N)      Keras's "sum_over_batch_size" and "mean"
    SUM       sum(w * l)
    WEIGHTED  sum(w * l) / sum(w)       Keras's "mean_with_sample_weight"
    METRIC    as WEIGHTED, but total[0] += sum(w * l) / T and total[1] += sum(w) / T

Kernels run on one thread in a fixed order, so the bits never depend on threads; beside the
recurrence their work is small. An absent weight or dp is an empty array, so that each family of
losses is compiled once per dtype.
"""

import numba
import numpy as np

from nlstm.kernels.cpu.machine.jit import vector_bytes
from nlstm.kernels.cpu.machine.simd import splat, store

__all__ = ["METRIC", "MODES", "body", "driver", "elementwise", "rowwise"]

MEAN, SUM, WEIGHTED, METRIC = range(4)
MODES = {
    "sum_over_batch_size": MEAN,
    "mean": MEAN,
    "sum": SUM,
    "mean_with_sample_weight": WEIGHTED,
    "metric": METRIC,
}
VECTOR_BYTES = vector_bytes()

# Bodies are compiled into their callers only, so a cache file of their own would never be read.
# Drivers are inlined before compilation: a body handed to a compiled driver would be an address,
# which cannot be cached.
body = numba.njit(error_model="numpy")
driver = numba.njit(error_model="numpy", inline="always")


@body
def total_weight(weight, T, N):
    """The sum of the weights of all rows and steps; T * N where there are none."""
    if weight.size == 0:
        return np.float64(T * N)
    found = 0.0
    for t in range(weight.shape[0]):
        for n in range(N):
            found += weight[t, n, 0]
    return found if weight.shape[0] == T else found * T


@body
def row_share(mode, weight, T, N):
    """What the weighted loss of a row at a step is multiplied by in the batch's loss."""
    if mode == SUM:
        return 1.0
    if mode == MEAN:
        return 1.0 / (T * N)
    found = total_weight(weight, T, N)
    return 0.0 if found == 0.0 else 1.0 / found


@body
def account(mode, loss, share, weight, T, N, total):
    """Add the sum of the weighted losses to the running total."""
    count = total_weight(weight, T, N) / T if mode == METRIC else np.float64(N)
    total[0] += loss * share * count
    total[1] += count


@body
def clear_padding(dp, t, n, first):
    """Zero a row of dp from its column `first` on, which begins a vector."""
    S, L = dp.shape[2], VECTOR_BYTES // dp.itemsize
    row, k = (t * dp.shape[1] + n) * S, first
    while k + L <= S:
        store(dp, row + k, splat(dp, 0.0))
        k += L
    while k < S:  # where rows are no whole number of vectors
        dp[t, n, k] = 0.0
        k += 1


@body
def last_vector(dp, features):
    """The column where the vector begins that holds the end of the features."""
    L = VECTOR_BYTES // dp.itemsize
    return features - features % L


@driver
def elementwise(element, code, mode, settings, y, p, features, weight, dp, total):
    """Drive a loss that is a mean over features: element(code, settings, y, p) -> loss, slope."""
    T, N = p.shape[0], p.shape[1]
    weighted, sloped = weight.size > 0, dp.size > 0
    share, per_feature = row_share(mode, weight, T, N), 1.0 / features
    padding = last_vector(dp, features)
    loss = 0.0
    for t in range(T):
        y_t = y[t if y.shape[0] > 1 else 0]
        for n in range(N):
            row_weight = 1.0
            if weighted:
                row_weight = np.float64(weight[t if weight.shape[0] > 1 else 0, n, 0])
            scale = p.dtype.type(row_weight * share * per_feature)
            value = 0.0
            if sloped:
                clear_padding(dp, t, n, padding)
            for f in range(features):
                one, slope = element(code, settings, y_t[n, f], p[t, n, f])
                value += one
                if sloped:
                    dp[t, n, f] = scale * slope
            loss += row_weight * (value * per_feature)
    account(mode, loss, share, weight, T, N, total)


@driver
def rowwise(row_loss, code, mode, settings, y, p, features, weight, dp, total):
    """Drive a loss of whole rows: row_loss(code, settings, y row, p row, features, dp row, scale,
    sloped) -> loss; it writes scale * slope to its row of dp where it is `sloped`.
    """
    T, N = p.shape[0], p.shape[1]
    weighted, sloped = weight.size > 0, dp.size > 0
    share, padding = row_share(mode, weight, T, N), last_vector(dp, features)
    loss = 0.0
    for t in range(T):
        y_t = y[t if y.shape[0] > 1 else 0]
        for n in range(N):
            row_weight = 1.0
            if weighted:
                row_weight = np.float64(weight[t if weight.shape[0] > 1 else 0, n, 0])
            out = p[t, n]
            if sloped:
                clear_padding(dp, t, n, padding)
                out = dp[t, n]
            scale = row_weight * share
            loss += row_weight * row_loss(
                code, settings, y_t[n], p[t, n], features, out, scale, sloped
            )
    account(mode, loss, share, weight, T, N, total)
