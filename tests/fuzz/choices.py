"""What a draw is made of: choices, each a whole number, from a seed or from hypothesis."""

import numpy as np

__all__ = ["Choices"]


class Choices:
    """Draws from lists and ranges.

    Parameters
    ----------
    pick : int or callable
        A seed, or a function that returns a whole number from 0 to below its argument.
    wide : bool
        Whether what takes a kernel of its own is drawn too: see `rare`.
    """

    def __init__(self, pick, wide=False):
        self.seed, self.wide = pick, wide
        self._pick = pick if callable(pick) else np.random.default_rng(pick).integers

    def whole(self, low, high):
        """Return a whole number from `low` to `high`."""
        return low + int(self._pick(high - low + 1))

    def one(self, values):
        return values[int(self._pick(len(values)))]

    def chance(self, percent):
        return self._pick(100) < percent

    def rare(self, percent):
        """As `chance`, for what is compiled by itself: less often where time is short."""
        return self.chance(percent) and (self.wide or self.chance(10))

    def several(self, values, percent=50):
        return [value for value in values if self.chance(percent)]

    def rng(self):
        """Return a generator for the numbers themselves."""
        return np.random.default_rng(self.whole(0, 2**31))

    def apart(self):
        """Return a function that gives the same choices each time it is called."""
        seed, wide = self.whole(0, 2**31), self.wide
        return lambda: Choices(seed, wide)
