"""Losses by name, by one block of threads: each takes every so-manieth row, sums meet by halves.

Formulas are those of `nlstm.kernels.shared.losses`; modes, totals and signatures as on the CPU.
"""

from functools import cache

import numpy as np

from nlstm.kernels.cuda.arrays import nothing, to_device
from nlstm.kernels.cuda.each import each
from nlstm.kernels.cuda.launch import SIMULATED, Kernel, cuda, device_function
from nlstm.kernels.shared.losses import crossentropy, likelihoods, regression, similarity
from nlstm.kernels.shared.twins import compiled

__all__ = ["class_weights", "count_penalty", "loss"]

THREADS = 4 if SIMULATED else 256
MEAN, SUM, WEIGHTED, METRIC = range(4)
MODES = {
    "sum_over_batch_size": MEAN,
    "mean": MEAN,
    "sum": SUM,
    "mean_with_sample_weight": WEIGHTED,
    "metric": METRIC,
}
_regression, _crossentropy = (compiled(one, device_function) for one in (regression, crossentropy))
_similarity, _likelihoods = (compiled(one, device_function) for one in (similarity, likelihoods))
# Formula, whether it is of whole rows, codes by name.
FAMILIES = (
    (_regression.squared_error, False, {"mean_squared_error": 0}),
    (_regression.absolute_error, False, {"mean_absolute_error": 0}),
    (_regression.huber, False, {"huber": 0}),
    (_regression.element, False, regression.CODES),
    (_crossentropy.binary, False, crossentropy.BINARY_CODES),
    (_crossentropy.dense_row, True, crossentropy.CATEGORICAL_CODES),
    (_crossentropy.focal_row, True, crossentropy.FOCAL_CODES),
    (_crossentropy.sparse_row, True, crossentropy.SPARSE_CODES),
    (_similarity.row, True, similarity.CODES),
    (_likelihoods.row, True, likelihoods.CODES),
)
FUNCTIONS = {
    name: (formula, of_rows, code)
    for formula, of_rows, codes in FAMILIES
    for name, code in codes.items()
}
HINGES = regression.CODES["hinge"], regression.CODES["squared_hinge"]


@device_function
def tree_sum(sums, value, thread, threads):
    """Return the sum of all threads' values, to all threads."""
    sums[thread] = value
    cuda.syncthreads()
    half = threads // 2
    while half > 0:
        if thread < half:
            sums[thread] += sums[thread + half]
        cuda.syncthreads()
        half //= 2
    found = sums[0]
    cuda.syncthreads()
    return found


@cache
def _kernel(formula, of_rows, dtype, mode, weighted, sloped):
    """Compile a family of losses; its grid is one block."""
    real, threads = np.dtype(dtype).type, THREADS
    to_real = real if SIMULATED else device_function(lambda value: real(value))

    def kernel(code, settings, y, p, features, weight, dp, total):
        thread = cuda.threadIdx.x
        T, N = p.shape[0], p.shape[1]
        sums = cuda.shared.array(threads, np.float64)
        whole = float(T * N)
        if weighted and mode >= WEIGHTED:
            own = 0.0
            for at in range(thread, T * N, threads):
                own += weight[(at // N) % weight.shape[0], at % N, 0]
            whole = tree_sum(sums, own, thread, threads)
        share = 1.0
        if mode == MEAN:
            share = 1.0 / (T * N)
        elif mode >= WEIGHTED:
            share = 0.0 if whole == 0.0 else 1.0 / whole
        loss = 0.0
        for at in range(thread, T * N, threads):
            t, n = at // N, at % N
            ty = t % y.shape[0]
            row_weight = 1.0
            if weighted:
                row_weight = float(weight[t % weight.shape[0], n, 0])
            if of_rows:
                scale = row_weight * share
                out = p[t, n]
                if sloped:
                    out = dp[t, n]
                value = formula(code, settings, y[ty, n], p[t, n], features, out, scale, sloped)
                loss += row_weight * value
            else:
                per_feature = 1.0 / features
                scale = to_real(row_weight * share * per_feature)
                value = 0.0
                for f in range(features):
                    one, slope = formula(code, settings, y[ty, n, f], p[t, n, f])
                    value += one
                    if sloped:
                        dp[t, n, f] = scale * slope
                loss += row_weight * (value * per_feature)
        loss = tree_sum(sums, loss, thread, threads)
        if thread == 0:
            count = float(N)
            if mode == METRIC:
                count = whole / T
            total[0] += loss * share * count
            total[1] += count

    return Kernel(kernel, threads)


_only_zeros_and_ones = _regression.only_zeros_and_ones


@each
def _look_at_labels(at, y, settings):
    settings[0] = _only_zeros_and_ones(y)


def loss(name, settings=(0.0,), reduction="sum_over_batch_size"):
    """Return function(y, p, features, weight, dp, total); see the CPU's."""
    formula, of_rows, code = FUNCTIONS[name]
    mode, constants = MODES[reduction], to_device(np.array(settings, np.float64))
    hinged = formula is _regression.element and code in HINGES

    def function(y, p, features, weight, dp, total):
        none = nothing(p.dtype, 3)
        run = _kernel(formula, of_rows, p.dtype, mode, weight is not None, dp is not None)
        if hinged:
            _look_at_labels(1, y, constants)
        weight, dp = (none if one is None else one for one in (weight, dp))
        run(1, code, constants, y, p, features, weight, dp, total)

    return function


@each
def _class_weights(at, y, ignored, scaled, out):
    rows, N = y.shape[0], y.shape[1]
    count = 0
    if scaled:
        for t in range(rows):
            for n in range(N):
                if y[t, n, 0] != ignored:
                    count += 1
    own = 1.0
    if count > 0:
        own = rows * N / count
    t, n = at // out.shape[1], at % out.shape[1]
    out[t, n, 0] = own if y[t % rows, n, 0] != ignored else 0.0


@each
def _times(at, weight, out):
    t, n = at // out.shape[1], at % out.shape[1]
    out[t, n, 0] = out[t, n, 0] * weight[t % weight.shape[0], n, 0]


def class_weights(y, ignored, weight, scaled, out):
    """Weigh the rows and steps that are not of one class; see the CPU's."""
    _class_weights(out.size, y, y.dtype.type(ignored), bool(scaled), out)
    if weight is not None:
        _times(out.size, weight, out)


@each
def _count_penalty(at, value, rows, total):
    total[0] += value[0] * rows
    total[1] += rows


def count_penalty(value, rows, total):
    """Add the penalty value[0] of a batch of `rows` rows to its sums."""
    _count_penalty(1, value, rows, total)
