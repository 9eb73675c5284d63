"""Steps brought side by side: a convolution is a product of what its taps see.

Tap j of step t of the result sees step ``t * stride + j * dilation - left``; zeros where there is
no such step.
"""

import numpy as np
from numba import prange

from nlstm.kernels.cpu.machine.jit import njit_inner, slice_count, two_forms
from nlstm.kernels.cpu.machine.launching import launcher
from nlstm.kernels.cpu.products.gemm import share

__all__ = ["gather_taps", "scatter_taps"]

SMALL_COPY = 1 << 17  # numbers that one thread copies before a second one is worth waking


@njit_inner
def gather_rows(x, start, count, taps, stride, dilation, left, out, first, last):
    T = x.shape[0]
    for t in range(out.shape[0]):
        for j in range(taps):
            seen = t * stride + j * dilation - left
            if 0 <= seen < T:
                for n in range(first, last):
                    for k in range(count):
                        out[t, n, j * count + k] = x[seen, n, start + k]
            else:
                for n in range(first, last):
                    for k in range(count):
                        out[t, n, j * count + k] = 0
        for n in range(first, last):
            for k in range(taps * count, out.shape[2]):
                out[t, n, k] = 0


@two_forms
def gather_forms(x, start, count, taps, stride, dilation, left, out):
    slices = slice_count()
    for s in prange(slices):
        first, last = share(out.shape[1], np.int64(s), slices)
        gather_rows(x, start, count, taps, stride, dilation, left, out, first, last)


@launcher
def gather_taps(x, start, count, taps, stride, dilation, left, out):
    """Write what each of `taps` taps sees of `count` columns, from column `start` on.

    Parameters
    ----------
    x, out : ndarray, shapes (T, N, S), (T', N, >= taps * count). out is overwritten (=), its
        padding with 0.
    left : int. May be negative: steps that are left out at the beginning.
    """
    arguments = (x, start, count, taps, stride, dilation, left, out)
    return [(gather_forms[out.size >= SMALL_COPY], arguments)]


@njit_inner
def scatter_rows(dout, start, count, taps, stride, dilation, left, dx, first, last):
    """Each step in the order of what saw it, whatever the rows."""
    T = dx.shape[0]
    for t in range(T):
        for n in range(first, last):
            for k in range(count):
                dx[t, n, start + k] = 0
            for k in range(start + count, dx.shape[2]):
                dx[t, n, k] = 0
    for t in range(dout.shape[0]):
        for j in range(taps):
            seen = t * stride + j * dilation - left
            if 0 <= seen < T:
                for n in range(first, last):
                    for k in range(count):
                        dx[seen, n, start + k] += dout[t, n, j * count + k]


@two_forms
def scatter_forms(dout, start, count, taps, stride, dilation, left, dx):
    slices = slice_count()
    for s in prange(slices):
        first, last = share(dx.shape[1], np.int64(s), slices)
        scatter_rows(dout, start, count, taps, stride, dilation, left, dx, first, last)


@launcher
def scatter_taps(dout, start, count, taps, stride, dilation, left, dx):
    """Compute the gradient of what `gather_taps` saw.

    Parameters
    ----------
    dout : ndarray, shape (T', N, >= taps * count).
    dx : ndarray, shape (T, N, S). `count` columns from `start` on are overwritten (=), those behind
        them become 0.
    """
    arguments = (dout, start, count, taps, stride, dilation, left, dx)
    return [(scatter_forms[dout.size >= SMALL_COPY], arguments)]
