"""What nlstm's own rooms answer to names of Keras's that they do not list."""

import importlib
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Any

from nlstm.arguments.former import warn_former
from nlstm.compat.places import absent, former_place, keras_place, looked_up

__all__ = ["names_of", "own_rooms_answer"]


def own_rooms_answer(paths: dict[str, str]) -> None:
    """Let rooms give what Keras has under further names, and say what to take for what is absent.

    Parameters
    ----------
    paths : dict of str to str
        The rooms, by Keras's paths to them.
    """
    for path, room in paths.items():
        _answer(importlib.import_module(room), path)


def names_of(module: ModuleType | None) -> list[str]:
    """Return what a room lists."""
    if module is None or "__dir__" in vars(module):
        return dir(module)
    return getattr(module, "__all__", [])


def _answer(module: ModuleType, path: str) -> None:
    place, before = keras_place("keras", path), vars(module).get("__getattr__")
    assert place is not None
    inside = getattr(module, "__path__", None)

    def __getattr__(name: str) -> Any:
        if before is not None:
            try:
                return before(name)
            except AttributeError:
                pass  # what it knows is not all there is
        whole = f"{module.__name__}.{name}"
        if name.startswith("_") or (inside and PathFinder.find_spec(whole, inside) is not None):
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
        if name in place.names:
            return looked_up(place.names[name])
        if name in place.former:
            warn_former(f"{whole} is a name that Keras has dropped.")
            vars(module)[name] = made = looked_up(place.former[name])  # an import asks twice
            return made
        if former_place(f"{path}.{name}".lstrip(".")) is not None:
            return importlib.import_module(whole)
        raise AttributeError(absent(whole, names_of(module)), name=name, obj=module)

    vars(module)["__getattr__"] = __getattr__
