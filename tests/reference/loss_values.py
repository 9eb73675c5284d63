"""Losses of single rows as Keras 3 and the papers define them: y, p of shape (..., features) give
values of shape (...). Gradients are left to central differences.
"""

import math

import numpy as np

EPSILON = 1e-7  # Keras's


def squared(y, p):
    return ((p - y) ** 2).mean(-1)


def absolute(y, p):
    return np.abs(p - y).mean(-1)


def percentage(y, p):
    return 100.0 * (np.abs(p - y) / np.maximum(np.abs(y), EPSILON)).mean(-1)


def logarithmic(y, p):
    parts = np.log(np.maximum(p, EPSILON) + 1.0) - np.log(np.maximum(y, EPSILON) + 1.0)
    return (parts**2).mean(-1)


def huber(y, p, delta=1.0):
    e = np.abs(p - y)
    return np.where(e <= delta, 0.5 * e**2, delta * e - 0.5 * delta**2).mean(-1)


def log_cosh(y, p):
    return np.log(np.cosh(p - y)).mean(-1)


def poisson(y, p):
    return (p - y * np.log(p + EPSILON)).mean(-1)


def hinge(y, p, power=1):
    y = 2.0 * y - 1.0 if set(np.unique(y)) <= {0.0, 1.0} else y
    return (np.maximum(1.0 - y * p, 0.0) ** power).mean(-1)


def squared_hinge(y, p):
    return hinge(y, p, power=2)


def categorical_hinge(y, p):
    return np.maximum(((1.0 - y) * p).max(-1) - (y * p).sum(-1) + 1.0, 0.0)


def cosine(y, p):
    # Keras's least square of a length: rows of zeros have no direction, and give 0.
    lengths = [np.sqrt(np.maximum((one * one).sum(-1), 1e-12)) for one in (y, p)]
    return -(y * p).sum(-1) / (lengths[0] * lengths[1])


def divergence(y, p):
    y, p = np.clip(y, EPSILON, 1.0), np.clip(p, EPSILON, 1.0)
    return (y * np.log(y / p)).sum(-1)


def _sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def _softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def binary(y, p, from_logits=False, smoothing=0.0):
    y = y * (1.0 - smoothing) + 0.5 * smoothing
    p = np.clip(_sigmoid(p) if from_logits else p, EPSILON, 1.0 - EPSILON)
    return -(y * np.log(p) + (1.0 - y) * np.log(1.0 - p)).mean(-1)


def binary_focal(y, p, from_logits=False, smoothing=0.0, gamma=2.0, alpha=0.25, balanced=False):
    y = y * (1.0 - smoothing) + 0.5 * smoothing
    p = _sigmoid(p) if from_logits else p
    q = np.clip(p, EPSILON, 1.0 - EPSILON)
    value = -(y * np.log(q) + (1.0 - y) * np.log(1.0 - q))
    value *= (1.0 - (y * p + (1.0 - y) * (1.0 - p))) ** gamma
    return (value * (y * alpha + (1.0 - y) * (1.0 - alpha) if balanced else 1.0)).mean(-1)


def categorical(y, p, from_logits=False, smoothing=0.0):
    y = y * (1.0 - smoothing) + smoothing / p.shape[-1]
    p = _softmax(p) if from_logits else p / p.sum(-1, keepdims=True)
    return -(y * np.log(np.clip(p, EPSILON, 1.0 - EPSILON))).sum(-1)


def categorical_focal(y, p, from_logits=False, smoothing=0.0, gamma=2.0, alpha=0.25):
    y = y * (1.0 - smoothing) + smoothing / p.shape[-1]
    p = _softmax(p) if from_logits else p / p.sum(-1, keepdims=True)
    p = np.clip(p, EPSILON, 1.0 - EPSILON)
    return -(alpha * (1.0 - p) ** gamma * y * np.log(p)).sum(-1)


def sparse(y, p, from_logits=False):
    return categorical(np.eye(p.shape[-1])[y[..., 0].astype(int)], p, from_logits)


def quantile(y, p, quantiles):
    """Blocks of columns, one for each quantile; the mean over quantiles and targets."""
    parts = np.split(p, len(quantiles), axis=-1)
    losses = [np.where(y > part, q * (y - part), (q - 1) * (y - part)) for q, part in
              zip(quantiles, parts)]  # fmt: skip
    return np.mean([loss.mean(-1) for loss in losses], axis=0)


def _softplus(x):
    return np.logaddexp(0.0, x)


def gaussian(y, p, epsilon=1e-6):
    location, raw = np.split(p, 2, axis=-1)
    scale = _softplus(raw) + epsilon
    density = np.exp(-0.5 * ((y - location) / scale) ** 2) / (scale * math.sqrt(2.0 * math.pi))
    return -np.log(density).mean(-1)


def student_t(y, p, epsilon=1e-6):
    location, raw, raw_freedom = np.split(p, 3, axis=-1)
    scale, nu = _softplus(raw) + epsilon, 2.0 + _softplus(raw_freedom)
    gamma = np.vectorize(math.gamma)
    z = (y - location) / scale
    density = gamma((nu + 1) / 2) / (gamma(nu / 2) * np.sqrt(nu * math.pi) * scale)
    return -np.log(density * (1.0 + z**2 / nu) ** (-(nu + 1) / 2)).mean(-1)


def nse(y, p, epsilon=0.1):
    truth, spread = np.split(y, 2, axis=-1)
    return (((p - truth) / (spread + epsilon)) ** 2).mean(-1)
