"""Losses by name, by one block of threads: each takes every so-manieth row, sums meet by halves.

Modes, totals and signatures as on the CPU.
"""

from functools import cache

import numpy as np

from nlstm.kernels.cuda.absent import Absent
from nlstm.kernels.cuda.arrays import empty
from nlstm.kernels.cuda.launch import SIMULATED, Kernel, cuda, device_function

__all__ = ["count_penalty", "loss"]

THREADS = 4 if SIMULATED else 256
MEAN, SUM, WEIGHTED, METRIC = range(4)
MODES = {
    "sum_over_batch_size": MEAN,
    "mean": MEAN,
    "sum": SUM,
    "mean_with_sample_weight": WEIGHTED,
    "metric": METRIC,
}


def _squared_error(y, p):
    error = p - y
    return float(error * error), error + error


ELEMENTS = {"mean_squared_error": _squared_error}


@device_function
def _tree_sum(sums, value, thread, threads):
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
def elementwise(name, dtype, mode, weighted, sloped):
    """Compile a loss that is a mean over features; its grid is one block."""
    real, threads = np.dtype(dtype).type, THREADS
    element = device_function(ELEMENTS[name])
    to_real = real if SIMULATED else device_function(lambda value: real(value))

    def kernel(y, p, features, weight, dp, total):
        thread = cuda.threadIdx.x
        T, N = p.shape[0], p.shape[1]
        sums = cuda.shared.array(threads, np.float64)
        whole = float(T * N)
        if weighted and mode >= 2:
            own = 0.0
            for at in range(thread, T * N, threads):
                own += weight[(at // N) % weight.shape[0], at % N, 0]
            whole = _tree_sum(sums, own, thread, threads)
        share = 1.0
        if mode == 0:
            share = 1.0 / (T * N)
        elif mode >= 2:
            share = 0.0 if whole == 0.0 else 1.0 / whole
        per_feature = 1.0 / features
        loss = 0.0
        for at in range(thread, T * N, threads):
            t, n = at // N, at % N
            row_weight = 1.0
            if weighted:
                row_weight = float(weight[t % weight.shape[0], n, 0])
            scale = to_real(row_weight * share * per_feature)
            value = 0.0
            for f in range(features):
                one, slope = element(y[t % y.shape[0], n, f], p[t, n, f])
                value += one
                if sloped:
                    dp[t, n, f] = scale * slope
            loss += row_weight * (value * per_feature)
        loss = _tree_sum(sums, loss, thread, threads)
        if thread == 0:
            count = float(N)
            if mode == 3:
                count = whole / T
            total[0] += loss * share * count
            total[1] += count

    return Kernel(kernel, threads)


@cache
def _nothing(dtype):
    return empty((1, 1, 1), dtype)


def loss(name, settings=(0.0,), reduction="sum_over_batch_size"):
    """Return function(y, p, features, weight, dp, total); see the CPU's."""
    if name not in ELEMENTS:
        raise Absent(f"the loss {name}")
    mode = MODES[reduction]

    def function(y, p, features, weight, dp, total):
        nothing = _nothing(p.dtype)
        run = elementwise(name, p.dtype, mode, weight is not None, dp is not None)
        run(1, y, p, features, nothing if weight is None else weight,
            nothing if dp is None else dp, total)  # fmt: skip

    return function
