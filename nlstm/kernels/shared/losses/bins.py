"""Where a prediction stands among thresholds, and in its row."""

import math

__all__ = ["among_top", "bin_of", "bin_of_even"]


def bin_of_even(thresholds, last, p):
    """`bin_of` for 0, 1 / last, ..., 1 in Keras's rounding; the ends may have an epsilon more."""
    if not p > 0.0:
        return 1 if thresholds[0] < 0.0 else 0
    return max(int(math.ceil(p * last)), 1) if p < 1.0 else int(last)


def bin_of(thresholds, p):
    """How many of the ascending thresholds lie below p."""
    low, high = 0, thresholds.size
    while low < high:
        middle = (low + high) // 2
        if thresholds[middle] < p:
            low = middle + 1
        else:
            high = middle
    return low


def among_top(p, features, k, count):
    """Whether p[k] is among the `count` largest; of equal ones the first."""
    before = 0
    for j in range(features):
        if p[j] > p[k] or (p[j] == p[k] and j < k):
            before += 1
    return before < count
