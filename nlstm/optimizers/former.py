"""`decay` of Keras 2's optimizers."""

import inspect
from typing import Any

from nlstm.arguments.checks import checked_number
from nlstm.arguments.former import warn_former
from nlstm.optimizers.schedules import LearningRateSchedule

__all__ = ["Decay", "decayed"]


class Decay(LearningRateSchedule):
    """What `decay` means: ``learning_rate / (1 + decay * step)``, of a rate that may be set.

    As in Keras 2 the optimizer's `learning_rate` is the number that is divided, before and after
    callbacks have set it.

    Parameters
    ----------
    learning_rate, decay : float
    """

    def __init__(self, learning_rate: float, decay: float) -> None:
        self.learning_rate = checked_number("learning_rate", learning_rate, 0.0)
        self.decay = checked_number("decay", decay, 0.0)

    def __call__(self, step: int) -> float:
        """Return what the step after `step` steps is taken with."""
        return self.learning_rate / (1.0 + self.decay * step)


def decayed(
    cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return an optimizer's arguments with a schedule in the place of `decay`."""
    if "decay" not in kwargs:
        return args, kwargs
    others = {name: value for name, value in kwargs.items() if name != "decay"}
    warn_former(
        f"decay of {cls.__name__} is now learning_rate=InverseTimeDecay(learning_rate, 1, decay)."
    )
    if not kwargs["decay"]:
        return args, others
    rate = args[0] if args else others.get("learning_rate", _default_rate(cls))
    schedule = Decay(rate, kwargs["decay"])
    if args:
        return (schedule, *args[1:]), others
    return args, others | {"learning_rate": schedule}


def _default_rate(cls: type) -> Any:
    return inspect.signature(cls).parameters["learning_rate"].default
