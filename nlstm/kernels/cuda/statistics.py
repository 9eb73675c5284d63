"""Metrics that are sums: a thread a sum, each over all rows in their order."""

import math

import numpy as np

from nlstm.kernels.cuda.arrays import nothing, to_device
from nlstm.kernels.cuda.each import each
from nlstm.kernels.cuda.launch import device_function
from nlstm.kernels.shared.losses import bins
from nlstm.kernels.shared.twins import compiled

__all__ = ["statistic"]

MOMENTS = 7
_bins = compiled(bins, device_function)
_among_top, _bin, _bin_of_even = _bins.among_top, _bins.bin_of, _bins.bin_of_even


@device_function
def weight_at(weighted, weight, t, n):
    """Return the weight of a row at a step."""
    if weighted:
        return float(weight[t % weight.shape[0], n, 0])
    return 1.0


@each
def _confusion(at, thresholds, even, only, top, by_label, y, p, features, weighted, weight, total):
    size = 2 * (thresholds.shape[0] + 1)
    own = at // size
    last_bin = thresholds.shape[0] - 1
    found_sum = 0.0
    for t in range(p.shape[0]):
        for n in range(p.shape[1]):
            for f in range(features):
                if (not by_label or f == own) and (only < 0 or f == only):
                    found = 0
                    if top == 0 or _among_top(p[t, n], features, f, top):
                        if even:
                            found = _bin_of_even(thresholds, p.dtype.type(last_bin), p[t, n, f])
                        else:
                            found = _bin(thresholds, p[t, n, f])
                    place = 2 * found + (1 if y[t % y.shape[0], n, f] != 0 else 0)
                    if place == at % size:
                        found_sum += weight_at(weighted, weight, t, n)
    total[at] += found_sum


@each
def _f_scores(at, threshold, y, p, features, weighted, weight, total):
    f, kind = at // 4, at % 4
    found = 0.0
    for t in range(p.shape[0]):
        for n in range(p.shape[1]):
            largest = p[t, n, 0]
            for k in range(1, features):
                largest = max(largest, p[t, n, k])
            value = p[t, n, f]
            if math.isnan(threshold):
                positive = value >= largest and abs(value) > 1e-9
            else:
                positive = value > threshold
            w = weight_at(weighted, weight, t, n)
            truth = float(y[t % y.shape[0], n, f])
            if kind == 3:
                found += w * truth
            elif kind == 2:
                if not positive:
                    found += w * truth
            elif positive:
                found += w * truth if kind == 0 else w * (1.0 - truth)
    total[at] += found


@each
def _moments(at, y, p, features, weighted, weight, total):
    f, kind = at // MOMENTS, at % MOMENTS
    if f == features:
        total[at] += p.shape[0] * p.shape[1] * features
    else:
        found = 0.0
        for t in range(p.shape[0]):
            for n in range(p.shape[1]):
                a, b = float(y[t % y.shape[0], n, f]), float(p[t, n, f])
                one = 1.0
                if kind == 1:
                    one = a
                elif kind == 2:
                    one = a * a
                elif kind == 3:
                    one = b
                elif kind == 4:
                    one = b * b
                elif kind == 5:
                    one = a * b
                elif kind == 6:
                    one = (a - b) * (a - b)
                found += weight_at(weighted, weight, t, n) * one
        total[at] += found


def confusion(thresholds, even, only, top, by_label, y, p, features, weight, total):
    """Count predictions by label and by the thresholds that they exceed; see the CPU's."""
    given = thresholds, bool(even), int(only), int(top), bool(by_label)
    _confusion(total.size, *given, y, p, features, *_weight(weight, p), total)


def f_scores(threshold, y, p, features, weight, total):
    """Sum true positives, false positives, false negatives and positives of each feature."""
    _f_scores(total.size, float(threshold), y, p, features, *_weight(weight, p), total)


def moments(y, p, features, weight, total):
    """Sum 1, y, y**2, p, p**2, y p and (y - p)**2 of each feature; last, the elements."""
    _moments(total.size, y, p, features, *_weight(weight, p), total)


def _weight(weight, p):
    return (False, nothing(p.dtype, 3)) if weight is None else (True, weight)


STATISTICS = {"confusion": confusion, "f_scores": f_scores, "moments": moments}


def statistic(name, *constants):
    """Return function(y, p, features, weight, dp, total) that adds up sums of a metric."""
    kernel = STATISTICS[name]
    constants = [to_device(one) if isinstance(one, np.ndarray) else one for one in constants]

    def function(y, p, features, weight, dp, total):
        kernel(*constants, y, p, features, weight, total)

    return function
