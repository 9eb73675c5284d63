"""One element of two values made one, and its derivative by either."""

__all__ = ["MERGES", "merged", "slope"]

ADD, SUBTRACT, MULTIPLY, MAXIMUM, MINIMUM = range(5)
MERGES = dict(add=ADD, subtract=SUBTRACT, multiply=MULTIPLY, maximum=MAXIMUM, minimum=MINIMUM)


def merged(kind, a, b, scale):
    """Return one element; NaN on either side stays NaN."""
    if kind == ADD:
        return (a + b) * scale
    if kind == SUBTRACT:
        return a - b
    if kind == MULTIPLY:
        return a * b
    if kind == MAXIMUM:
        return b if a < b or b != b else a
    return b if b < a or b != b else a


def slope(kind, a, b, scale, second):
    """Return the derivative by one side; where both are the largest each gets half."""
    one = scale / scale
    if kind == ADD:
        return scale
    if kind == SUBTRACT:
        return -one if second else one
    if kind == MULTIPLY:
        return a if second else b
    if a == b:
        return one / (one + one)
    return one if (a < b) == (second == (kind == MAXIMUM)) else one - one
