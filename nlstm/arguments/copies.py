"""What goes into a copy or a pickle: attributes as they are, with functions that have no address.

A lambda, an inner function and what a local class made go through deepcopy and through what pickles
functions by value, such as cloudpickle. Plain pickle takes a function by its address: it gets an
error that names the argument.
"""

import inspect
import pickle
import sys
import types
from collections.abc import Mapping
from typing import Any

__all__ = ["found_again", "plain_arguments", "plain_state"]


class _Unaddressed:
    """Stands for a thing without an address, as the function of a method.

    Plain pickle asks a method for the name of its function; deepcopy and what pickles functions by
    value take it apart.
    """

    def __init__(self, thing: Any, where: str) -> None:
        self.thing, self.where = thing, where

    @property
    def __name__(self) -> str:
        raise pickle.PicklingError(
            f"The argument {self.where} cannot be pickled: it is {_kind(self.thing)}. cloudpickle "
            "can, and so can pickle if it is moved to the top of a module."
        )

    def __call__(self) -> None:
        """Methods are made of what can be called."""


def _kind(thing: Any) -> str:
    if not isinstance(thing, types.FunctionType | type):
        return f"of the inner class {type(thing).__name__}"
    if isinstance(thing, type):
        return f"the inner class {thing.__name__}"
    return "a lambda" if thing.__name__ == "<lambda>" else f"the inner function {thing.__name__}"


def _has_address(thing: Any) -> bool:
    """Whether a function or class is found by its module and name."""
    found: Any = sys.modules.get(thing.__module__)
    for name in thing.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is thing


def _reduces_itself(thing: Any) -> bool:
    """Whether a class says itself how what it made is pickled."""
    kind = type(thing)
    own = kind.__reduce_ex__ is not object.__reduce_ex__ or kind.__reduce__ is not object.__reduce__
    return own and not isinstance(thing, types.FunctionType | type)


def _guarded(value: Any, where: str) -> Any:
    """Return `value`, with what has no address inside methods; the same object if there is none."""
    if type(value) in (list, tuple):
        made = [_guarded(one, where) for one in value]
        same = all(one is other for one, other in zip(made, value, strict=True))
        return value if same else type(value)(made)
    if type(value) is dict:
        entries = {key: _guarded(one, where) for key, one in value.items()}
        same = all(entries[key] is value[key] for key in value)
        return value if same else entries
    named = value if isinstance(value, types.FunctionType | type) else type(value)
    if named.__module__ == "builtins" or _has_address(named) or _reduces_itself(value):
        return value
    return types.MethodType(_Unaddressed(value, where), True)


def found_again(value: Any) -> Any:
    """Return what `plain_state` was given."""
    if isinstance(value, types.MethodType) and isinstance(value.__func__, _Unaddressed):
        return value.__func__.thing
    if type(value) in (list, tuple):
        made = [found_again(one) for one in value]
        same = all(one is other for one, other in zip(made, value, strict=True))
        return value if same else type(value)(made)
    if type(value) is dict:
        for key, one in value.items():
            value[key] = found_again(one)
    return value


def plain_state(attributes: Mapping[str, Any], owner: str) -> dict[str, Any]:
    """Return the state of a thing for pickles: its attributes; `owner` is for errors."""
    return {name: _guarded(value, f"{name} of {owner}") for name, value in attributes.items()}


def plain_arguments(constructor: Any, given: tuple[Any, Any], owner: str) -> tuple[Any, Any]:
    """Return what a constructor was given, (args, kwargs), for the state of what it made."""
    args, kwargs = given
    names: list[str] = []
    if constructor is not object.__init__:
        names = list(inspect.signature(constructor).parameters)[1:]
    names += ["an argument"] * len(args)  # those of *args
    placed = [_guarded(one, f"{name} of {owner}") for one, name in zip(args, names, strict=False)]
    return tuple(placed), plain_state(kwargs, owner)
