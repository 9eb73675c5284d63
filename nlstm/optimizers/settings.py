"""What an optimizer's settings may be."""

from typing import Any

from nlstm.arguments.checks import checked_integer, checked_number

__all__ = ["SMALLEST", "check_surroundings"]

# For an epsilon of 0: padding, whose gradients are 0, must not become 0 / 0.
SMALLEST = 1.2e-38
MOST = 2**31  # steps; their number is exact in the kernels' floats and integers


def check_surroundings(
    weight_decay: Any, ema_momentum: Any, ema_overwrite_frequency: Any, accumulation: Any
) -> None:
    """Raise an error that names what cannot be around a rule."""
    if weight_decay is not None:
        checked_number("weight_decay", weight_decay, 0.0)
    checked_number("ema_momentum", ema_momentum, 0.0, at_most=1.0)
    if ema_overwrite_frequency is not None:
        _check_steps("ema_overwrite_frequency", ema_overwrite_frequency, 1)
    if accumulation is not None:
        _check_steps("gradient_accumulation_steps", accumulation, 2)


def _check_steps(name: str, value: Any, least: int) -> None:
    checked_integer(name, value, least)
    checked_integer(name, value, most=MOST)
