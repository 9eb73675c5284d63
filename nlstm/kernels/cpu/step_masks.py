"""Masks of steps, uint8 of shape (T, N): where they come from, and values without masked steps."""

from nlstm.kernels.cpu.jit import njit

__all__ = ["index_mask", "keep_steps", "value_mask"]


@njit
def value_mask(x, value, features, mask):
    """Write 1 where a step has a feature that is not `value`, else 0.

    Parameters
    ----------
    x : ndarray, shape (T, N, >= features). value : number of the dtype of x.
    mask : ndarray(uint8), shape (T, N). Overwritten (=).
    """
    for t in range(x.shape[0]):
        for n in range(x.shape[1]):
            found = False
            for k in range(features):
                found = found or x[t, n, k] != value
            mask[t, n] = found


@njit
def index_mask(index, mask):
    """Write 1 where an index is not 0, else 0.

    Parameters
    ----------
    index : ndarray, shape (1, N, >= T). mask : ndarray(uint8), shape (T, N). Overwritten (=).
    """
    for n in range(mask.shape[1]):
        for t in range(mask.shape[0]):
            mask[t, n] = index[0, n, t] != 0


@njit
def keep_steps(x, mask, reverse, otherwise, features, out):
    """Copy the steps that count; put the number `otherwise` in the others.

    Parameters
    ----------
    x, out : ndarray, shapes (T, N, >= features). out is overwritten (=), its padding with 0; it may
        be x itself.
    mask : ndarray(uint8), shape (T, N). reverse : bool. Read the mask from its last step on.
    """
    T = out.shape[0]
    for t in range(T):
        tm = T - 1 - t if reverse else t
        for n in range(out.shape[1]):
            if mask[tm, n]:
                for k in range(features):
                    out[t, n, k] = x[t, n, k]
            else:
                for k in range(features):
                    out[t, n, k] = otherwise
            for k in range(features, out.shape[2]):
                out[t, n, k] = 0
