"""Tensors as the kernels' sequences, (T, N, S): the same memory where it lies so."""

from typing import Any

import numpy as np
from torch import Tensor

from nlstm.kernels.operations import Operations
from nlstm.torch.memory import Pool

__all__ = ["array_of", "time_major"]


def array_of(tensor: Tensor) -> np.ndarray:
    """Return a tensor's memory."""
    return tensor.numpy(force=True)


def time_major(
    tensor: Tensor, batch_first: bool, ops: Operations, pool: Pool, width: int = 0
) -> np.ndarray:
    """Return a tensor (T, N, F), or with `batch_first` (N, T, F), as a sequence.

    Parameters
    ----------
    width : int, optional
        Which S rows must have, zeros behind F; without it any that there are will do.
    """
    given: Any = array_of(tensor)
    turned = given.transpose(1, 0, 2) if batch_first else given
    steps, rows, features = turned.shape
    if width in (0, features):
        if turned.flags.c_contiguous:
            return turned
        apart = _rows_apart(turned)
        if apart is not None:
            return apart
    out = pool.array((steps, rows, width or features), ops.dtype)
    out[..., features:] = 0
    if batch_first and given.flags.c_contiguous:
        ops.gather_steps(given, np.arange(rows), out)
    else:
        np.copyto(out[..., :features], turned)
    return out


def _rows_apart(array: np.ndarray) -> np.ndarray | None:
    """Return rows that lie at equal distances as longer ones, of which only F numbers are read."""
    steps, rows, features = array.shape
    size, (by_step, by_row, by_feature) = array.itemsize, array.strides
    longer = by_row // size
    fits = by_feature == size and by_row == longer * size and longer >= features
    if not fits or by_step != rows * by_row:
        return None
    return np.lib.stride_tricks.as_strided(array, (steps, rows, longer))
