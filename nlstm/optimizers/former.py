"""`decay` of Keras 2's optimizers: a schedule says it today."""

import inspect
from typing import Any

from nlstm.arguments.former import warn_former
from nlstm.optimizers.schedules import InverseTimeDecay

__all__ = ["decayed"]


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
    schedule = InverseTimeDecay(rate, 1, kwargs["decay"])
    if args:
        return (schedule, *args[1:]), others
    return args, others | {"learning_rate": schedule}


def _default_rate(cls: type) -> Any:
    return inspect.signature(cls).parameters["learning_rate"].default
