"""Layer normalisation of rows, a thread a row; see the CPU's page of that name."""

import math

from nlstm.kernels.cuda.each import each

__all__ = ["layer_norm_backward", "layer_norm_forward"]


@each
def _forward(r, x, gamma, beta, epsilon, features, statistics, y):
    total = x[r, 0]
    for k in range(1, features):
        total += x[r, k]
    mean = total / x.dtype.type(features)
    total = (x[r, 0] - mean) * (x[r, 0] - mean)
    for k in range(1, features):
        total += (x[r, k] - mean) * (x[r, k] - mean)
    scale = x.dtype.type(1) / math.sqrt(total / x.dtype.type(features) + epsilon)
    statistics[r, 0], statistics[r, 1] = mean, scale
    for k in range(features):
        y[r, k] = (x[r, k] - mean) * scale * gamma[k] + beta[k]


def layer_norm_forward(x, gamma, beta, epsilon, features, statistics, y):
    """Normalise rows."""
    given = x.dtype.type(epsilon), features
    _forward(x.shape[0], x, gamma, beta, *given, statistics, y)


@each
def _weights(k, x, statistics, dy, dgamma, dbeta):
    by_gamma, by_beta = x.dtype.type(0), x.dtype.type(0)
    for r in range(x.shape[0]):
        by_gamma += dy[r, k] * ((x[r, k] - statistics[r, 0]) * statistics[r, 1])
        by_beta += dy[r, k]
    dgamma[k], dbeta[k] = by_gamma, by_beta


@each
def _inputs(r, x, gamma, features, statistics, dy, dx):
    mean, scale = statistics[r, 0], statistics[r, 1]
    plain, weighted = x.dtype.type(0), x.dtype.type(0)
    for k in range(features):
        d = dy[r, k] * gamma[k]
        plain += d
        weighted += d * ((x[r, k] - mean) * scale)
    plain, weighted = plain / x.dtype.type(features), weighted / x.dtype.type(features)
    for k in range(features):
        normal = (x[r, k] - mean) * scale
        dx[r, k] = (dy[r, k] * gamma[k] - plain - normal * weighted) * scale


def layer_norm_backward(x, gamma, features, statistics, dy, dgamma, dbeta, dx):
    """Compute the gradients of `layer_norm_forward`; dx may be None."""
    _weights(features, x, statistics, dy, dgamma, dbeta)
    if dx is not None:
        _inputs(x.shape[0], x, gamma, features, statistics, dy, dx)
