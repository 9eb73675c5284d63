"""Forecasters' losses: one head whose columns are several parameters of the forecast.

For O targets, the columns of p are blocks of O: the O values of the first parameter, then those of
the second, and so on; so ``np.split(p, parameters, axis=-1)`` gives each.

quantile    settings: the Q quantiles.     p: a block for each quantile.       y: O values.
gaussian    settings: smallest scale.      p: location, raw scale.             y: O values.
student_t   settings: smallest scale.      p: location, raw scale, raw degrees of freedom.
nse         settings: epsilon.             p: forecast.     y: O values, O standard deviations.

A scale is ``softplus(raw) + smallest``, the degrees of freedom are ``2 + softplus(raw)``, so that
the variance is finite. Each loss is the mean over the targets (quantile: and over the quantiles).
"""

import math

import numpy as np

__all__ = ["CODES", "row"]

QUANTILE, GAUSSIAN, STUDENT_T, NSE = range(4)
CODES = {"quantile": QUANTILE, "gaussian_nll": GAUSSIAN, "student_t_nll": STUDENT_T, "nse": NSE}


def _softplus(x):
    """Return log(1 + exp(x)) and its slope."""
    small = math.exp(-abs(x))
    slope = 1.0 / (1.0 + small) if x >= 0.0 else small / (1.0 + small)
    return max(x, 0.0) + math.log1p(small), slope


def _digamma(x):
    """The slope of log(gamma(x)), x > 0: recurrence up to 10, then the asymptotic series."""
    result = 0.0
    while x < 10.0:
        result -= 1.0 / x
        x += 1.0
    r = 1.0 / (x * x)
    series = r * (1 / 12 - r * (1 / 120 - r * (1 / 252 - r * (1 / 240 - r * (1 / 132)))))
    return result + math.log(x) - 0.5 / x - series


def _quantile(quantiles, y, p, targets, dp, scale, sloped):
    value, share = 0.0, 1.0 / (targets * quantiles.size)
    for j in range(quantiles.size):
        q = quantiles[j]
        for o in range(targets):
            error = np.float64(y[o]) - p[j * targets + o]
            value += max(q * error, (q - 1.0) * error) if error == error else error
            if sloped:
                slope = -q if error > 0.0 else (1.0 - q if error < 0.0 else error)
                dp[j * targets + o] = scale * share * slope
    return value * share


def _gaussian(smallest, y, p, targets, dp, scale, sloped):
    value, share = 0.0, 1.0 / targets
    for o in range(targets):
        soft, soft_slope = _softplus(np.float64(p[targets + o]))
        s = soft + smallest
        z = (y[o] - p[o]) / s
        value += 0.5 * math.log(2.0 * math.pi) + math.log(s) + 0.5 * z * z
        if sloped:
            dp[o] = -scale * share * z / s
            dp[targets + o] = scale * share * (1.0 - z * z) / s * soft_slope
    return value * share


def _student_t(smallest, y, p, targets, dp, scale, sloped):
    value, share = 0.0, 1.0 / targets
    for o in range(targets):
        soft, soft_slope = _softplus(np.float64(p[targets + o]))
        more, more_slope = _softplus(np.float64(p[2 * targets + o]))
        s, nu = soft + smallest, 2.0 + more
        z = (y[o] - p[o]) / s
        tail = math.log1p(z * z / nu)
        value += math.lgamma(0.5 * nu) - math.lgamma(0.5 * (nu + 1.0))
        value += 0.5 * math.log(nu * math.pi) + math.log(s) + 0.5 * (nu + 1.0) * tail
        if sloped:
            pull = (nu + 1.0) / (nu + z * z) * z  # slope in z
            nu_slope = 0.5 * (_digamma(0.5 * nu) - _digamma(0.5 * (nu + 1.0)) + 1.0 / nu + tail)
            nu_slope -= 0.5 * pull * z / nu
            dp[o] = -scale * share * pull / s
            dp[targets + o] = scale * share * (1.0 - pull * z) / s * soft_slope
            dp[2 * targets + o] = scale * share * nu_slope * more_slope
    return value * share


def _nse(epsilon, y, p, targets, dp, scale, sloped):
    value, share = 0.0, 1.0 / targets
    for o in range(targets):
        spread = y[targets + o] + epsilon
        error = (p[o] - y[o]) / spread
        value += error * error
        if sloped:
            dp[o] = 2.0 * scale * share * error / spread
    return value * share


def row(code, settings, y, p, features, dp, scale, sloped):
    if code == QUANTILE:
        return _quantile(settings, y, p, features // settings.size, dp, scale, sloped)
    if code == GAUSSIAN:
        return _gaussian(settings[0], y, p, features // 2, dp, scale, sloped)
    if code == STUDENT_T:
        return _student_t(settings[0], y, p, features // 3, dp, scale, sloped)
    return _nse(settings[0], y, p, features, dp, scale, sloped)
