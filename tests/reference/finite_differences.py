"""The gradient by central differences: the judge of every derivative in this folder."""

import numpy as np


def gradient(function, x, step=1e-5):
    """Differentiate the scalar function() by each element of the float64 array x it reads."""
    slopes = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        middle = x[index]
        x[index] = middle + step
        above = function()
        x[index] = middle - step
        below = function()
        x[index] = middle
        slopes[index] = (above - below) / (2.0 * step)
    return slopes
