"""Metrics that are no means: sums from which AUC, precision, recall, F scores, R2 or KGE follow.

Signatures as in `reduction`, less dp and features where they have no use, with what the sums are
instead of a loss's settings. `total` is added to (+=); an absent weight is an empty array.
"""

import math

import numpy as np

from nlstm.kernels.cpu.losses.reduction import body
from nlstm.kernels.cpu.machine.jit import njit
from nlstm.kernels.shared.losses import bins
from nlstm.kernels.shared.twins import compiled

__all__ = ["confusion", "f_scores", "moments"]

MOMENTS = 7
_bins = compiled(bins, body)
_among_top, _bin, _bin_of_even = _bins.among_top, _bins.bin_of, _bins.bin_of_even


@body
def _weight_at(weight, t, n):
    if weight.size == 0:
        return 1.0
    return np.float64(weight[t if weight.shape[0] > 1 else 0, n, 0])


@njit
def confusion(thresholds, even, only, top, by_label, y, p, features, weight, total):
    """Count predictions by label and by the thresholds that they exceed.

    thresholds : ndarray(float64), ascending.
    even : bool. Whether they are 0 to 1 in equal steps, perhaps with an epsilon at the ends.
    only : int. The one feature that counts, or -1; nothing counts where there is no such feature.
    top : int. 0, or how many of each row's largest predictions count.
    by_label : bool. Whether each feature has counts of its own.
    total : shape (1 or features, thresholds + 1, 2) seen flat; [bin, 1] for positives.
    """
    T, N = p.shape[0], p.shape[1]
    size = 2 * (thresholds.size + 1)
    first, last = (0, features) if only < 0 else (only, min(only + 1, features))
    last_bin = p.dtype.type(thresholds.size - 1)
    for t in range(T):
        y_t = y[t if y.shape[0] > 1 else 0]
        for n in range(N):
            w = _weight_at(weight, t, n)
            for f in range(first, last):
                found = 0
                if top == 0 or _among_top(p[t, n], features, f, top):
                    value = p[t, n, f]
                    if even:
                        found = _bin_of_even(thresholds, last_bin, value)
                    else:
                        found = _bin(thresholds, value)
                place = 2 * found + (1 if y_t[n, f] != 0.0 else 0)
                total[place + (size * f if by_label else 0)] += w


@njit
def f_scores(threshold, y, p, features, weight, total):
    """Sum true positives, false positives, false negatives and positives of each feature.

    threshold : float. Predictions above it are positive; NaN: the largest of a row is.
    total : shape (features, 4) seen flat.
    """
    T, N = p.shape[0], p.shape[1]
    for t in range(T):
        y_t = y[t if y.shape[0] > 1 else 0]
        for n in range(N):
            w = _weight_at(weight, t, n)
            largest = p[t, n, 0]
            for f in range(1, features):
                largest = max(largest, p[t, n, f])
            for f in range(features):
                value = p[t, n, f]
                if math.isnan(threshold):
                    positive = value >= largest and abs(value) > 1e-9
                else:
                    positive = value > threshold
                truth = np.float64(y_t[n, f])
                if positive:
                    total[4 * f] += w * truth
                    total[4 * f + 1] += w * (1.0 - truth)
                else:
                    total[4 * f + 2] += w * truth
                total[4 * f + 3] += w * truth


@njit
def moments(y, p, features, weight, total):
    """Sum 1, y, y**2, p, p**2, y p and (y - p)**2 of each feature; last, the elements.

    total : shape (7 * features + 1,).
    """
    T, N = p.shape[0], p.shape[1]
    for t in range(T):
        y_t = y[t if y.shape[0] > 1 else 0]
        for n in range(N):
            w = _weight_at(weight, t, n)
            for f in range(features):
                a, b, at = np.float64(y_t[n, f]), np.float64(p[t, n, f]), MOMENTS * f
                total[at] += w
                total[at + 1] += w * a
                total[at + 2] += w * a * a
                total[at + 3] += w * b
                total[at + 4] += w * b * b
                total[at + 5] += w * a * b
                total[at + 6] += w * (a - b) * (a - b)
    total[MOMENTS * features] += T * N * features
