"""Cross-entropies: yes-or-no questions, one per feature, or one distribution over the features.

Names that end in ``_from_sigmoid`` and ``_from_softmax`` read probabilities but write the gradient
with respect to what went into the activation: ``p - y``, which neither overflows nor vanishes where
the activation saturates.

settings : kept, spread (smoothed targets are ``kept * y + spread / classes``; two classes for a
yes-or-no question), then what one loss needs.
"""

import math

import numpy as np

from nlstm.kernels.shared.losses.labels import label_of

__all__ = [
    "BINARY_CODES",
    "CATEGORICAL_CODES",
    "FOCAL_CODES",
    "SPARSE_CODES",
    "binary",
    "dense_row",
    "focal_row",
    "sparse_row",
]

EPSILON = 1e-7  # Keras's: probabilities are clipped to [EPSILON, 1 - EPSILON]

PLAIN, FUSED, LOGITS, FOCAL, FOCAL_LOGITS = range(5)
BINARY_CODES = {
    "binary_crossentropy": PLAIN,
    "binary_crossentropy_from_sigmoid": FUSED,
    "binary_crossentropy_from_logits": LOGITS,
    "binary_focal_crossentropy": FOCAL,
    "binary_focal_crossentropy_from_logits": FOCAL_LOGITS,
}
CATEGORICAL_CODES = {
    "categorical_crossentropy": PLAIN,
    "categorical_crossentropy_from_softmax": FUSED,
    "categorical_crossentropy_from_logits": LOGITS,
}
FOCAL_CODES = {
    "categorical_focal_crossentropy": FOCAL,
    "categorical_focal_crossentropy_from_logits": FOCAL_LOGITS,
}
SPARSE_CODES = {f"sparse_{name}": code for name, code in CATEGORICAL_CODES.items()}


def _clipped(p):
    return min(max(p, EPSILON), 1.0 - EPSILON)


def _flat(p):
    """Whether p is clipped, so that the loss is flat there; False for a NaN, which stays one."""
    return p < EPSILON or p > 1.0 - EPSILON


def _binary_value(y, p):
    clipped = _clipped(p)
    return -(y * math.log(clipped) + (1.0 - y) * math.log(1.0 - clipped))


def _sigmoid(x):
    small = math.exp(-abs(x))  # <= 1: neither form overflows
    return 1.0 / (1.0 + small) if x >= 0.0 else small / (1.0 + small)


def _binary_focal(y, p, settings):
    """Lin et al. 2017: cross-entropy times (1 - probability of the truth)**gamma."""
    gamma, alpha, balanced = settings[2], settings[3], settings[4] != 0.0
    value = _binary_value(y, p)
    slope = 0.0 if _flat(p) else (p - y) / (p * (1.0 - p))
    wrong = 1.0 - (y * p + (1.0 - y) * (1.0 - p))
    factor = wrong**gamma
    factor_slope = gamma * wrong ** (gamma - 1.0) * (1.0 - 2.0 * y) if gamma != 0.0 else 0.0
    balance = y * alpha + (1.0 - y) * (1.0 - alpha) if balanced else 1.0
    return balance * factor * value, balance * (factor_slope * value + factor * slope)


def binary(code, settings, y_, p_):
    y, p = settings[0] * np.float64(y_) + 0.5 * settings[1], np.float64(p_)
    if code == FUSED:
        return _binary_value(y, p), p - y
    if code == LOGITS:
        small = math.exp(-abs(p))
        return max(p, 0.0) - p * y + math.log1p(small), _sigmoid(p) - y
    if code == FOCAL:
        return _binary_focal(y, p, settings)
    if code == FOCAL_LOGITS:
        q = _sigmoid(p)
        value, slope = _binary_focal(y, q, settings)
        return value, slope * q * (1.0 - q)
    return _binary_value(y, p), 0.0 if _flat(p) else (p - y) / (p * (1.0 - p))


# Bodies of rows: dp = scale * slope where it is wanted


def _smoothed(y, k, settings, features):
    return settings[0] * np.float64(y[k]) + settings[1] / features


def _sum(row, features):
    found = 0.0
    for k in range(features):
        found += row[k]
    return found


def _of_shares(settings, y, p, features, dp, scale, sloped):
    """Cross-entropy of p divided by its sum, as in Keras."""
    norm = _sum(p, features)
    value, weight_in_norm = 0.0, 0.0
    for k in range(features):
        q, target = p[k] / norm, _smoothed(y, k, settings, features)
        value -= target * math.log(_clipped(q))
        if not _flat(q):
            weight_in_norm += target
    if sloped:
        for k in range(features):
            q = p[k] / norm
            own = 0.0 if _flat(q) else _smoothed(y, k, settings, features) / q
            dp[k] = scale * (weight_in_norm - own) / norm
    return value


def _of_softmax(settings, y, p, features, dp, scale, sloped):
    value, weight = 0.0, 0.0
    for k in range(features):
        target = _smoothed(y, k, settings, features)
        if target != 0.0:
            value -= target * math.log(_clipped(np.float64(p[k])))
            weight += target
    if sloped:
        for k in range(features):
            dp[k] = scale * (p[k] * weight - _smoothed(y, k, settings, features))
    return value


def _log_norm(p, features):
    """log(sum(exp(p)))"""
    largest = p[0]
    for k in range(1, features):
        largest = max(largest, p[k])
    total = 0.0
    for k in range(features):
        total += math.exp(p[k] - largest)
    return largest + math.log(total)


def _of_logits(settings, y, p, features, dp, scale, sloped):
    norm = _log_norm(p, features)
    value, weight = 0.0, 0.0
    for k in range(features):
        target = _smoothed(y, k, settings, features)
        value -= target * (p[k] - norm)
        weight += target
    if sloped:
        for k in range(features):
            dp[k] = scale * (math.exp(p[k] - norm) * weight - _smoothed(y, k, settings, features))
    return value


def _focal_term(target, q, settings):
    """Value and slope in q of alpha * (1 - q)**gamma * -target * log(q), q clipped."""
    gamma, alpha = settings[2], settings[3]
    wrong, log = 1.0 - q, math.log(q)
    factor = alpha * wrong**gamma
    slope = -target * factor / q
    if gamma != 0.0:
        slope += target * alpha * gamma * wrong ** (gamma - 1.0) * log
    return -target * factor * log, slope


def _focal_of_shares(settings, y, p, features, dp, scale, sloped):
    norm = _sum(p, features)
    value, along = 0.0, 0.0
    for k in range(features):
        q = p[k] / norm
        one, slope = _focal_term(_smoothed(y, k, settings, features), _clipped(q), settings)
        value += one
        if not _flat(q):
            along += slope * q
    if sloped:
        for k in range(features):
            q = p[k] / norm
            _, slope = _focal_term(_smoothed(y, k, settings, features), _clipped(q), settings)
            dp[k] = scale * ((0.0 if _flat(q) else slope) - along) / norm
    return value


def _focal_of_logits(settings, y, p, features, dp, scale, sloped):
    norm = _log_norm(p, features)
    value, along = 0.0, 0.0
    for k in range(features):
        q = math.exp(p[k] - norm)
        one, slope = _focal_term(_smoothed(y, k, settings, features), _clipped(q), settings)
        value += one
        if not _flat(q):
            along += slope * q
    if sloped:
        for k in range(features):
            q = math.exp(p[k] - norm)
            _, slope = _focal_term(_smoothed(y, k, settings, features), _clipped(q), settings)
            dp[k] = scale * q * ((0.0 if _flat(q) else slope) - along)
    return value


def _sparse_of_shares(label, p, features, dp, scale, sloped):
    norm = _sum(p, features)
    q = p[label] / norm
    if sloped:
        flat = _flat(q)
        for k in range(features):
            dp[k] = 0.0 if flat else scale / norm
        if not flat:
            dp[label] = scale * (1.0 - 1.0 / q) / norm
    return -math.log(_clipped(q))


def _sparse_of_softmax(label, p, features, dp, scale, sloped):
    if sloped:
        for k in range(features):
            dp[k] = scale * p[k]
        dp[label] = scale * (p[label] - 1.0)
    return -math.log(_clipped(np.float64(p[label])))


def _sparse_of_logits(label, p, features, dp, scale, sloped):
    norm = _log_norm(p, features)
    if sloped:
        for k in range(features):
            dp[k] = scale * math.exp(p[k] - norm)
        dp[label] = scale * (math.exp(p[label] - norm) - 1.0)
    return norm - p[label]


def dense_row(code, settings, y, p, features, dp, scale, sloped):
    if code == FUSED:
        return _of_softmax(settings, y, p, features, dp, scale, sloped)
    if code == LOGITS:
        return _of_logits(settings, y, p, features, dp, scale, sloped)
    return _of_shares(settings, y, p, features, dp, scale, sloped)


def focal_row(code, settings, y, p, features, dp, scale, sloped):
    if code == FOCAL_LOGITS:
        return _focal_of_logits(settings, y, p, features, dp, scale, sloped)
    return _focal_of_shares(settings, y, p, features, dp, scale, sloped)


def sparse_row(code, settings, y, p, features, dp, scale, sloped):
    ignored, label = y[0] == y.dtype.type(settings[2]), label_of(y[0], features)
    if ignored or label < 0:
        if sloped:
            for k in range(features):
                dp[k] = 0.0
        return 0.0 if ignored else math.nan
    if code == FUSED:
        return _sparse_of_softmax(label, p, features, dp, scale, sloped)
    if code == LOGITS:
        return _sparse_of_logits(label, p, features, dp, scale, sloped)
    return _sparse_of_shares(label, p, features, dp, scale, sloped)
