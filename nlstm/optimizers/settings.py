"""What an optimizer's settings may be."""

import math
from typing import Any

import numpy as np

__all__ = ["SMALLEST", "check_count", "check_surroundings", "checked_number"]

# For an epsilon of 0: padding, whose gradients are 0, must not become 0 / 0.
SMALLEST = 1.2e-38


def checked_number(name: str, value: Any, low: float, high: float = math.inf) -> float:
    """Return a finite number from `low` to below `high`, or raise an error that names it."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise TypeError(f"{name} must be a number; got {value!r}.")
    if not (low <= value < high and math.isfinite(value)):
        limits = f"at least {low:g}" + (f" and below {high:g}" if math.isfinite(high) else "")
        raise ValueError(f"{name} must be {limits}; got {value}.")
    return float(value)


def check_count(name: str, value: Any, least: int) -> None:
    """Raise an error unless `value` is None or a whole number of at least `least`."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer; got {value!r}.")
    if value < least:
        raise ValueError(f"{name} must be at least {least}; got {value}.")


def check_surroundings(
    weight_decay: Any, ema_momentum: Any, ema_overwrite_frequency: Any, accumulation: Any
) -> None:
    """Raise an error that names what cannot be around a rule."""
    if weight_decay is not None:
        checked_number("weight_decay", weight_decay, 0.0)
    if not 0.0 <= checked_number("ema_momentum", ema_momentum, 0.0) <= 1.0:
        raise ValueError(f"ema_momentum must be from 0 to 1; got {ema_momentum}.")
    check_count("ema_overwrite_frequency", ema_overwrite_frequency, 1)
    check_count("gradient_accumulation_steps", accumulation, 2)
