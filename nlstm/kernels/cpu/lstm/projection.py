"""The recurrence of an LSTM with a projection h = m P: since h U = m (P U), it runs on m with P U.

P (H, O) lies in panels (V, H, L), U (O, 4H) and P U (H, 4H) in gate blocks.
"""

import numpy as np

from nlstm.kernels.cpu.products.layout import pack_columns, unpack_columns

__all__ = ["project_recurrence", "project_recurrence_backward"]


def project_recurrence(projection, recurrent_kernel, outputs, product):
    """Compute product (=) = P U.

    Parameters
    ----------
    projection : ndarray, shape (V, H, L). outputs : int. O.
    recurrent_kernel : ndarray, shape (B, O, 4, L).
    product : ndarray, shape (B, H, 4, L). Overwritten.
    """
    kernel = unpack_columns(projection, outputs)
    np.matmul(kernel, flat(recurrent_kernel), out=flat(product))


def project_recurrence_backward(projection, recurrent_kernel, outputs, gradient, dU, dP):
    """Take the gradient of P U, as `product`, to that of U (=) and add it to that of P (+=)."""
    kernel = unpack_columns(projection, outputs)
    np.matmul(kernel.T, flat(gradient), out=flat(dU))
    by_block = np.matmul(flat(gradient), flat(recurrent_kernel).transpose(0, 2, 1))
    dP += pack_columns(by_block.sum(axis=0))


def flat(gate_weights):
    """Return gate weights (B, K, 4, L) seen as (B, K, 4L)."""
    return gate_weights.reshape(*gate_weights.shape[:2], -1)
