"""The recurrence of an LSTM with a projection h = m P: it runs on m with P U.

P (1, H, O), U (1, O, H, 4) and P U (1, H, H, 4).
"""

from nlstm.kernels.cuda import products
from nlstm.kernels.cuda.each import each

__all__ = ["project_recurrence", "project_recurrence_backward"]


def project_recurrence(projection, recurrent_kernel, outputs, product):
    """Compute product (=) = P U."""
    H, width = product.shape[1], product.shape[2] * product.shape[3]
    flat = recurrent_kernel.reshape(outputs, width)
    products.multiply(projection.reshape(H, outputs), flat, flat, product.reshape(H, width))


@each
def _of_recurrent(at, projection, gradient, dU):
    o, j = at // dU.shape[1], at % dU.shape[1]
    total = dU.dtype.type(0)
    for k in range(projection.shape[0]):
        total += projection[k, o] * gradient[k, j]
    dU[o, j] = total


@each
def _of_projection(at, recurrent, gradient, dP):
    k, o = at // dP.shape[1], at % dP.shape[1]
    total = dP[k, o]
    for j in range(gradient.shape[1]):
        total += gradient[k, j] * recurrent[o, j]
    dP[k, o] = total


def project_recurrence_backward(projection, recurrent_kernel, outputs, gradient, dU, dP):
    """Take the gradient of P U to that of U (=) and add it to that of P (+=)."""
    H, width = gradient.shape[1], gradient.shape[2] * gradient.shape[3]
    P, by_product = projection.reshape(H, outputs), gradient.reshape(H, width)
    _of_recurrent(dU.size, P, by_product, dU.reshape(outputs, width))
    U, to_P = recurrent_kernel.reshape(outputs, width), dP.reshape(H, outputs)
    _of_projection(dP.size, U, by_product, to_P)
