"""How windows of steps lie: their arguments, and how many there are."""

from typing import Any

from nlstm.arguments.checks import LARGEST_SIZE, checked_integer, checked_size

__all__ = ["checked_one", "checked_pair", "counted_windows"]


def checked_one(name: str, value: Any) -> tuple[int]:
    """Return a positive integer, given as such or in a tuple of one, as a tuple of one."""
    if isinstance(value, list | tuple):
        if len(value) != 1:
            raise ValueError(f"{name} must be a positive integer, or one of them; got {value!r}.")
        value = value[0]
    return (checked_size(name, value),)


def checked_pair(name: str, value: Any) -> tuple[int, int]:
    """Return numbers of steps at the beginning and at the end, given as one or two integers."""
    pair = tuple(value) if isinstance(value, list | tuple) else (value, value)
    if len(pair) != 2:
        raise ValueError(f"{name} must be an integer of at least 0, or two of them; got {value!r}.")
    first, last = (checked_integer(name, one, 0, LARGEST_SIZE) for one in pair)
    return first, last


def counted_windows(
    layer: Any, steps: int | None, size: int, stride: int, padding: str
) -> tuple[int | None, int]:
    """Return how many windows there are, and how many steps before the first the first begins.

    Parameters
    ----------
    layer : Layer
        For errors.
    size : int
        Steps from the first that a window sees to the last.
    padding : {"valid", "same", "causal"}
    """
    if padding == "causal":
        return (None if steps is None else -(-steps // stride)), size - 1
    if steps is None:
        return None, 0
    if padding == "same":
        count = -(-steps // stride)
        return count, max((count - 1) * stride + size - steps, 0) // 2
    if steps < size:
        raise ValueError(
            f"{layer.name} sees {size} steps at once; {steps} are too few, without padding."
        )
    return (steps - size) // stride + 1, 0
