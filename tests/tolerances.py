"""How far results may lie apart, from the lengths of the sums in them."""

import numpy as np

FLOAT64 = 1e-9  # what the parity suite promises


def agreement(dtype, steps=1, units=1):
    """Return the largest error that two right programs may have between them, relative to scale.

    A state, or a gradient, is the end of a chain of T steps, each a sum over H units: about T * H
    roundings of half an ulp, of random sign, so of size eps / 2 * sqrt(T * H) together. Two
    programs round in orders of their own: sqrt(2) of that. Activations by polynomials are good to
    a few ulp, and a backward pass goes through the chain again: 16 is the room for both. Scale is
    the largest element of the array, at least 1.
    """
    if np.dtype(dtype) == np.float64:
        return FLOAT64
    return 16 * np.finfo(dtype).eps * np.sqrt(steps * units)
