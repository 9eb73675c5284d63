"""Losses that are means over features: squares, absolute values, percentages, margins, counts.

Each gives (loss, slope in p) of one element. The three that nearly everybody trains with stand
alone; the others are chosen by a code.

settings : the threshold of binary_accuracy; of the hinges whether all labels are 0 and 1, which
then stand for -1 and 1, as in Keras; huber's delta.
"""

import math

import numpy as np

__all__ = ["CODES", "absolute_error", "element", "huber", "only_zeros_and_ones", "squared_error"]

EPSILON = 1e-7  # Keras's
CODES = {
    name: code
    for code, name in enumerate(
        (
            "mean_absolute_percentage_error",
            "mean_squared_logarithmic_error",
            "log_cosh",
            "poisson",
            "hinge",
            "squared_hinge",
            "binary_accuracy",
            "accuracy",
        )
    )
}
PERCENTAGE, LOGARITHMIC, LOG_COSH, POISSON, HINGE, SQUARED_HINGE, SIDE, EQUAL = range(8)


def _sign(x):
    return 1.0 if x > 0.0 else (-1.0 if x < 0.0 else x)  # a NaN stays one


def squared_error(code, settings, y, p):
    error = p - y
    return np.float64(error * error), error + error


def absolute_error(code, settings, y, p):
    error = p - y
    return np.float64(abs(error)), _sign(error)


def huber(code, settings, y, p):
    # The slope is the clipped error, the value follows from it: nothing for a processor to guess.
    delta, error = settings[0], np.float64(p) - np.float64(y)
    slope = -delta if error < -delta else (delta if error > delta else error)
    return slope * (error - 0.5 * slope), slope


def _log_cosh(error):
    # log(cosh(e)) = |e| + log1p(exp(-2 |e|)) - log(2); its slope is tanh(e).
    size = abs(error)
    return size + math.log1p(math.exp(-2.0 * size)) - math.log(2.0), math.tanh(error)


def _logarithmic(y, p):
    above = max(p, EPSILON) + 1.0
    error = math.log(above) - math.log(max(y, EPSILON) + 1.0)
    return error * error, 0.0 if p < EPSILON else 2.0 * error / above


def _percentage(y, p):
    factor = 100.0 / max(abs(y), EPSILON)
    return factor * abs(p - y), factor * _sign(p - y)


def _poisson(y, p):
    return p - y * math.log(p + EPSILON), 1.0 - y / (p + EPSILON)


def _hinge(y, p, squared):
    margin = 1.0 - y * p
    if margin <= 0.0:
        return 0.0, 0.0
    return (margin * margin, -2.0 * y * margin) if squared else (margin, -y)


def element(code, settings, y_, p_):
    y, p = np.float64(y_), np.float64(p_)
    if code == LOG_COSH:
        return _log_cosh(p - y)
    if code == PERCENTAGE:
        return _percentage(y, p)
    if code == LOGARITHMIC:
        return _logarithmic(y, p)
    if code == POISSON:
        return _poisson(y, p)
    if code == SIDE:  # of the threshold in settings[0]
        return (1.0 if (1.0 if p > settings[0] else 0.0) == y else 0.0), 0.0
    if code == EQUAL:
        return (1.0 if p == y else 0.0), 0.0
    if settings[0] != 0.0:  # the hinges' labels are 0 and 1
        y = 2.0 * y - 1.0
    return _hinge(y, p, code == SQUARED_HINGE)


def only_zeros_and_ones(y):
    for t in range(y.shape[0]):
        for n in range(y.shape[1]):
            for f in range(y.shape[2]):
                if y[t, n, f] != 0.0 and y[t, n, f] != 1.0:
                    return 0.0
    return 1.0
