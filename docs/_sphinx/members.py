"""What the page of a class shows: its own members, and the interface above it by a link."""

import inspect
from importlib import import_module
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parents[2] / "nlstm"
# Rooms that users do not import; and torch, which wants its library: its page is written by hand.
INNER = set("arguments commands data demo files kernels network plan training".split())
INNER |= {"torch", "__main__", "__init__"}
HELD = ("network.stream.Stream", "windows.side.Side")  # what users hold and do not import
SPECIAL = ("__call__", "__getitem__", "__len__")
# What rooms say to each other, by the room of the class: nothing for a user to call.
INSIDE = {
    "models": "binder binder_for binder_of",
    "layers": "parts call_inputs unbuild streamed bind_masked fold kernel_name outputs pool "
    "rules_of scale",
    "losses": "unit_range target_features fuses kernel_name settings bind check steps in_numpy",
    "metrics": "bind function in_numpy check_features sums target_features value_of check_targets "
    "rates",
    "optimizers": "former_arguments beforehand bind active_slots changes show_average finalize "
    "set_variables",
    "regularizers": "bind bind_array slopes penalty in_numpy check",
    "initializers": "draw",
    "callbacks": "after begin begin_mode training batch_hook give_up",
    "sklearn": "learn check_columns check_settings windows levels",
}


def public_names() -> dict[str, Any]:
    """Return what users import, by its whole name; modules that a room names are rooms too."""
    found = {}
    rooms = [f"nlstm.{path.stem}" for path in sorted(PACKAGE.iterdir()) if path.stem not in INNER]
    while rooms:
        try:
            room = import_module(rooms.pop(0))
        except ModuleNotFoundError:  # no module: py.typed, __pycache__
            continue
        named = getattr(room, "__all__", None) or [n for n in vars(room) if not n.startswith("_")]
        for name in named:
            thing = getattr(room, name)
            if not inspect.ismodule(thing):
                found[f"{room.__name__}.{name}"] = thing
            elif hasattr(room, "__all__"):
                rooms.append(f"{room.__name__}.{name}")
    for name in HELD:
        module, _, last = f"nlstm.{name}".rpartition(".")
        found[f"nlstm.{name}"] = getattr(import_module(module), last)
    return found


PUBLIC = public_names()
CLASSES = {found: name for name, found in reversed(PUBLIC.items()) if inspect.isclass(found)}


def file_names() -> dict[str, str]:
    """Return other file names for those that differ from another's in capitals alone."""
    lower = [name.lower() for name in PUBLIC]
    return {
        name: f"{name}-function"
        for name in PUBLIC
        if lower.count(name.lower()) > 1 and name.rpartition(".")[2].islower()
    }


def above(fullname: str) -> str | None:
    """Return the name of the nearest public class above a class."""
    own = PUBLIC.get(fullname)
    mro = own.__mro__[1:] if inspect.isclass(own) else ()
    return next((CLASSES[one] for one in mro if one in CLASSES), None)


def shown_members(fullname: str) -> list[str]:
    """Return the documented members of a class, without those of the public class above it."""
    own = PUBLIC.get(fullname)
    if not inspect.isclass(own):
        return []
    hidden = set(dir(PUBLIC[base])) if (base := above(fullname)) else set(dir(object))
    hidden |= set(INSIDE.get(fullname.split(".")[1], "").split())
    return [
        name
        for one in own.__mro__
        if one.__module__.startswith("nlstm.")
        for name, value in vars(one).items()
        if name not in hidden and not hidden.add(name)
        if (not name.startswith("_") or name in SPECIAL) and _is_documented(value)
    ]


def _is_documented(value: Any) -> bool:
    if isinstance(value, classmethod | staticmethod):
        value = value.__func__
    return (inspect.isfunction(value) or isinstance(value, property)) and bool(value.__doc__)
