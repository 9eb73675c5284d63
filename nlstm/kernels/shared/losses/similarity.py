"""Losses and metrics that look at a row as a whole: angles, divergences, margins, ranks."""

import math

import numpy as np

from nlstm.kernels.shared.losses.labels import label_of

__all__ = ["CODES", "row"]

EPSILON = 1e-7  # Keras's
COSINE, DIVERGENCE, HINGE, LARGEST, SPARSE_LARGEST, TOP, SPARSE_TOP = range(7)
CODES = {
    "cosine_similarity": COSINE,
    "kl_divergence": DIVERGENCE,
    "categorical_hinge": HINGE,
    "categorical_accuracy": LARGEST,
    "sparse_categorical_accuracy": SPARSE_LARGEST,
    "top_k_categorical_accuracy": TOP,
    "sparse_top_k_categorical_accuracy": SPARSE_TOP,
}


def _cosine(sign, y, p, features, dp, scale, sloped):
    """Sign * the cosine of the angle between y and p; lengths below EPSILON count as EPSILON."""
    product, y_square, p_square = 0.0, 0.0, 0.0
    for k in range(features):
        a, b = np.float64(y[k]), np.float64(p[k])
        product, y_square, p_square = product + a * b, y_square + a * a, p_square + b * b
    y_length = max(math.sqrt(y_square), EPSILON)
    p_length = max(math.sqrt(p_square), EPSILON)
    value = sign * product / (y_length * p_length)
    if sloped:
        along = value / p_square if p_length > EPSILON else 0.0
        for k in range(features):
            dp[k] = scale * (sign * y[k] / (y_length * p_length) - along * p[k])
    return value


def _divergence(y, p, features, dp, scale, sloped):
    value = 0.0
    for k in range(features):
        a = min(max(np.float64(y[k]), EPSILON), 1.0)
        b = min(max(np.float64(p[k]), EPSILON), 1.0)
        value += a * math.log(a / b)
        if sloped:
            dp[k] = 0.0 if p[k] < EPSILON or p[k] > 1.0 else -scale * a / b
    return value


def _hinge(y, p, features, dp, scale, sloped):
    right, worst = 0.0, -math.inf
    rival = 0
    for k in range(features):
        right += np.float64(y[k]) * p[k]
        wrong = (1.0 - y[k]) * p[k]
        if not wrong <= worst:  # a NaN wins
            worst, rival = wrong, k
    value = worst - right + 1.0
    open_ = not value <= 0.0
    if sloped:
        for k in range(features):
            dp[k] = -scale * y[k] if open_ else 0.0
        if open_:
            dp[rival] += scale * (1.0 - y[rival])
    return value if open_ else 0.0


def _largest(row, features):
    best = 0
    for k in range(1, features):
        if row[k] > row[best]:
            best = k
    return best


def _among_top(p, features, label, count):
    """Whether fewer than `count` predictions are larger than that of `label`."""
    if label < 0 or not math.isfinite(p[label]):
        return 0.0
    larger = 0
    for k in range(features):
        if p[k] > p[label]:
            larger += 1
    return 1.0 if larger < count else 0.0


def row(code, settings, y, p, features, dp, scale, sloped):
    if code == COSINE:
        return _cosine(settings[0], y, p, features, dp, scale, sloped)
    if code == DIVERGENCE:
        return _divergence(y, p, features, dp, scale, sloped)
    if code == HINGE:
        return _hinge(y, p, features, dp, scale, sloped)
    sparse = code in (SPARSE_LARGEST, SPARSE_TOP)
    label = label_of(y[0], features) if sparse else _largest(y, features)
    if code == TOP or code == SPARSE_TOP:
        return _among_top(p, features, label, settings[0])
    return 1.0 if label == _largest(p, features) else 0.0
