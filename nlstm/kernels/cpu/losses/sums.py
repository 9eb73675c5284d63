"""What stands beside a loss: the weights of rows whose class counts, and sums of penalties."""

from nlstm.kernels.cpu.machine.jit import njit

__all__ = ["class_weights", "count_penalty"]


@njit
def class_weights(y, ignored, weight, scaled, out):
    """Weigh the rows and steps that are not of one class, and give those that are the weight 0.

    Parameters
    ----------
    y : ndarray, shape (Ty, N, >= 1). Class indices. ignored : float. The class.
    weight : ndarray, shape (Tw, N, >= 1), or None. Multiplied in.
    scaled : bool. Scale up by (all rows and steps of y / those that count), so that a mean over all
        becomes the mean over those that count.
    out : ndarray, shape (T, N, 1), where Ty and Tw are T or 1. Overwritten (=).
    """
    number, none = out.dtype.type, y.dtype.type(ignored)
    scale = number(1)
    if scaled:
        count = 0
        for t in range(y.shape[0]):
            for n in range(y.shape[1]):
                count += y[t, n, 0] != none
        if count:
            scale = number(y.shape[0] * y.shape[1] / count)
    for t in range(out.shape[0]):
        for n in range(out.shape[1]):
            own = scale if y[t % y.shape[0], n, 0] != none else number(0)
            out[t, n, 0] = own if weight is None else own * weight[t % weight.shape[0], n, 0]


@njit
def count_penalty(value, rows, total):
    """Add the penalty value[0] of a batch of `rows` rows to its sums: total[0:2], float64."""
    total[0] += value[0] * rows
    total[1] += rows
