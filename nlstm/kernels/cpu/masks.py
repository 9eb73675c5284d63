"""Sequences whose masked steps are zero."""

import numpy as np
from numba import prange

from nlstm.kernels.cpu.jit import njit, njit_inner, njit_parallel

SMALL_COPY = 1 << 17  # numbers that one thread copies before a second one is worth waking


@njit_inner
def zero_one_step(source, mask, tx, out):
    for n in range(out.shape[0]):
        for k in range(out.shape[1]):
            out[n, k] = source[n, k] if mask[tx, n] else 0


@njit
def zero_alone(source, mask, first, step, out):
    for t in range(out.shape[0]):
        zero_one_step(source[t], mask, first + t * step, out[t])


@njit_parallel
def zero_parallel(source, mask, first, step, out):
    for t in prange(out.shape[0]):
        zero_one_step(source[t], mask, first + np.int64(t) * step, out[t])


def zero_masked_steps(source, mask, first, step, out):
    """Copy a sequence (T, N, S) with zeros where the mask is 0; out may be source.

    Parameters
    ----------
    mask : ndarray(uint8), shape (T', N). Step t of the sequence is step first + t * step of it.
    """
    zero = zero_alone if out.size < SMALL_COPY else zero_parallel
    zero(source, mask, first, step, out)
