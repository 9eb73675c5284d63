"""Values moved: columns of one array to another's, sequences reshaped, a vector repeated.

Every kernel here is its own backward pass, or has it beside it.
"""

import numpy as np
from numba import prange

from nlstm.kernels.cpu.machine.jit import njit, njit_inner, slice_count, two_forms
from nlstm.kernels.cpu.machine.launching import launcher
from nlstm.kernels.cpu.products.gemm import share

__all__ = [
    "copy_columns",
    "repeat_each_step",
    "repeat_steps",
    "reshape_rows",
    "sum_each_step",
    "sum_steps",
    "swap_axes",
]

SMALL_COPY = 1 << 17  # numbers that one thread copies before a second one is worth waking


# --- columns --------------------------------------------------------------------------------------


@njit_inner
def copy_columns_steps(source, start, count, reverse, out, first, end, t0, t1):
    T, N = out.shape[0], out.shape[1]
    for t in range(t0, t1):
        ts = T - 1 - t if reverse else t
        for n in range(N):
            for k in range(count):
                out[t, n, first + k] = source[ts, n, start + k]
            for k in range(first + count, end):
                out[t, n, k] = 0


@two_forms
def copy_columns_forms(source, start, count, reverse, out, first, end):
    slices = slice_count()
    for s in prange(slices):
        t0, t1 = share(out.shape[0], np.int64(s), slices)
        copy_columns_steps(source, start, count, reverse, out, first, end, t0, t1)


@launcher
def copy_columns(source, start, count, reverse, out, first, end):
    """Copy `count` columns of each step, from column `start` to column `first`.

    Parameters
    ----------
    source, out : ndarray, shapes (T, N, S), (T, N, S').
    reverse : bool. Copy the steps in reversed order.
    end : int. Columns of `out` behind the copied ones, up to this one, become 0.
    """
    arguments = (source, start, count, reverse, out, first, end)
    return [(copy_columns_forms[out.shape[0] * out.shape[1] * count >= SMALL_COPY], arguments)]


# --- other shapes ---------------------------------------------------------------------------------


@njit_inner
def reshape_range(x, features, out, out_features, first, last):
    T = out.shape[0]
    for n in range(first, last):
        t = k = 0
        for to in range(T):
            k_out = 0
            while k_out < out_features:
                count = min(features - k, out_features - k_out)
                for i in range(count):
                    out[to, n, k_out + i] = x[t, n, k + i]
                k_out += count
                k += count
                if k == features:
                    t, k = t + 1, 0
            for k_out in range(out_features, out.shape[2]):
                out[to, n, k_out] = 0


@two_forms
def reshape_forms(x, features, out, out_features):
    slices = slice_count()
    for s in prange(slices):
        first, last = share(out.shape[1], np.int64(s), slices)
        reshape_range(x, features, out, out_features, first, last)


@launcher
def reshape_rows(x, features, out, out_features):
    """Reshape each row from (T, features) to (T', out_features), in the order of C.

    Parameters
    ----------
    x, out : ndarray, shapes (T, N, >= features), (T', N, >= out_features) with as many features in
        all. out is overwritten (=), its padding with 0.
    """
    return [(reshape_forms[out.size >= SMALL_COPY], (x, features, out, out_features))]


@njit
def repeat_steps(x, features, out):
    """Write the one step of x, (1, N, >= features), to every step of `out`, (T, N, S) (=)."""
    for t in range(out.shape[0]):
        for n in range(out.shape[1]):
            for k in range(features):
                out[t, n, k] = x[0, n, k]
            for k in range(features, out.shape[2]):
                out[t, n, k] = 0


@njit
def sum_steps(x, out):
    """Write the sum of the steps of x, (T, N, S), to `out`, (1, N, S) (=)."""
    for n in range(out.shape[1]):
        for k in range(out.shape[2]):
            out[0, n, k] = x[0, n, k]
        for t in range(1, x.shape[0]):
            for k in range(out.shape[2]):
                out[0, n, k] += x[t, n, k]


@njit
def repeat_each_step(x, size, features, out):
    """Write each step of x, (T, N, >= features), `size` times to `out`, (T * size, N, S) (=)."""
    for t in range(out.shape[0]):
        for n in range(out.shape[1]):
            for k in range(features):
                out[t, n, k] = x[t // size, n, k]
            for k in range(features, out.shape[2]):
                out[t, n, k] = 0


@njit
def sum_each_step(x, size, out):
    """Write the sums of every `size` steps of x, (T * size, N, S), to `out`, (T, N, S) (=)."""
    for t in range(out.shape[0]):
        for n in range(out.shape[1]):
            for k in range(out.shape[2]):
                out[t, n, k] = x[t * size, n, k]
            for i in range(1, size):
                for k in range(out.shape[2]):
                    out[t, n, k] += x[t * size + i, n, k]


@njit
def swap_axes(x, features, out):
    """Write the features of x, (T, N, >= features), as steps of `out`, (features, N, >= T) (=).

    Its padding becomes 0.
    """
    T = x.shape[0]
    for k in range(features):
        for n in range(x.shape[1]):
            for t in range(T):
                out[k, n, t] = x[t, n, k]
            for t in range(T, out.shape[2]):
                out[k, n, t] = 0
