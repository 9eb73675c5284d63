"""What is below 0, times a slope that is learnt.

References: He et al. 2015, "Delving deep into rectifiers".
"""

from nlstm.kernels.cpu.machine.jit import njit

__all__ = ["prelu_backward", "prelu_forward"]


@njit
def prelu_forward(x, alpha, steps, width, features, y):
    """Write x, or alpha x where it is below 0.

    Parameters
    ----------
    x : ndarray, shape (T, N, >= features).
    alpha : ndarray, shape (steps, >= width). Of `steps` steps, or 1 for all, and of `width`
        features, or 1 for all.
    y : ndarray, shape (T, N, S). Overwritten (=), its padding with 0.
    """
    for t in range(x.shape[0]):
        row = t % steps
        for n in range(x.shape[1]):
            for k in range(features):
                slope = alpha[row, k if width > 1 else 0]
                y[t, n, k] = x[t, n, k] * slope if x[t, n, k] < 0 else x[t, n, k]
            for k in range(features, y.shape[2]):
                y[t, n, k] = 0


@njit
def prelu_backward(x, alpha, steps, width, features, dy, dalpha, dx):
    """Compute the gradients of `prelu_forward`; that at 0 is 0.

    Parameters
    ----------
    dy : ndarray, shape (T, N, S). dalpha : shaped as alpha. Overwritten (=), its padding with 0.
    dx : ndarray, shape (T, N, S), or None. Overwritten (=), its padding with 0.
    """
    for t in range(dalpha.shape[0]):
        for k in range(dalpha.shape[1]):
            dalpha[t, k] = 0
    for t in range(x.shape[0]):
        row = t % steps
        for n in range(x.shape[1]):
            for k in range(features):
                column = k if width > 1 else 0
                if x[t, n, k] < 0:
                    dalpha[row, column] += dy[t, n, k] * x[t, n, k]
            if dx is not None:
                for k in range(features):
                    below = dy[t, n, k] * alpha[row, k if width > 1 else 0]
                    above = dy[t, n, k] if x[t, n, k] != 0 else dx.dtype.type(0)
                    dx[t, n, k] = below if x[t, n, k] < 0 else above
                for k in range(features, dx.shape[2]):
                    dx[t, n, k] = 0
