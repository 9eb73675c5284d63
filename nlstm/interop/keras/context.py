"""What is known while a file is read: its version, the user's classes, and what could not be."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nlstm.arguments.config import registered
from nlstm.arguments.registry import Registry
from nlstm.interop.keras.table import plain_name

__all__ = ["Context", "plain_value", "version_of"]

HARMLESS = ("dtype", "name", "trainable", "registered_name")  # of things that are no layers
OFF = (None, False, 0)  # values of unknown arguments that change nothing


def version_of(text: str | None) -> tuple[int, int]:
    """Return the first two numbers of a version; Keras 1 did not write any at first."""
    if not isinstance(text, str | None):
        raise ValueError(f"its keras_version is {text!r}; expected such as '3.15.0'.")
    found = [int(part) for part in (text or "1.0").split("-")[0].split(".")[:2] if part.isdecimal()]
    major, minor = (found + [0, 0])[:2]
    return major, minor


@dataclass
class Context:
    """A file that is being read.

    Attributes
    ----------
    version : (int, int)
    custom : dict
        Users' classes and functions by name.
    problems : list of str
        What is in the file and not here; nothing is made if there are any.
    """

    version: tuple[int, int]
    custom: Mapping[str, Any]
    problems: list[str] = field(default_factory=list)

    def lacks(self, what: str) -> None:
        """Remember a problem."""
        if what not in self.problems:
            self.problems.append(what)

    def check(self) -> None:
        """Raise one error for all problems."""
        if self.problems:
            raise ValueError(
                "it holds what nlstm does not have:\n  "
                + "\n  ".join(self.problems)
                + "\ncustom_objects={name: class, ...} can stand in for them"
                + (", and compile=False leaves compile out" if self._of_compile() else "")
                + ". No code is taken from a file."
            )

    def _of_compile(self) -> bool:
        return any("compile" in problem for problem in self.problems)

    def users(self, *names: Any) -> Any:
        """Return what the user gave or registered by one of these names, or None."""
        for name in names:
            if isinstance(name, str) and name in self.custom:
                return self.custom[name]
        return next((one for one in map(registered, names) if one is not None), None)

    def thing(self, registry: Registry[Any], value: Any, where: str) -> Any:
        """Return what a value in a config stands for: a name, or what was made of a dict."""
        if value is None:
            return None
        if isinstance(value, str):
            return self._by_name(registry, value, where)
        if not isinstance(value, dict):
            self.lacks(f"{registry.kind} {value!r} ({where})")
            return None
        name = plain_name(value.get("class_name", value.get("name")))
        config = value.get("config", {})
        if name == "function":
            return self._by_name(registry, str(config), where)
        if not isinstance(config, dict):
            self.lacks(f"{registry.kind} {value!r} ({where})")
            return None
        found = self.users(value.get("registered_name"), name)
        if found is None:
            found = registry.by_name.get(name) or registry.by_name.get(name.lower())
        if found is None and name.endswith("Initializer"):
            found = registry.by_name.get(name.removesuffix("Initializer"))
        if found is None:
            self.lacks(f"{registry.kind} {name} ({where})")
            return None
        config = {key: plain_value(one) for key, one in config.items()}
        return self.made(found, config, f"{name}, {where}")

    def _by_name(self, registry: Registry[Any], name: str, where: str) -> Any:
        found = self.users(name)
        if found is not None:
            return found
        for known in (name, name.lower(), plain_name(name)):
            if known in registry.by_name:
                return known
        self.lacks(f"{registry.kind} {name!r} ({where})")
        return None

    def made(self, cls: Callable[..., Any], config: Mapping[str, Any], where: str) -> Any:
        """Return an object of a class; a problem where it takes other arguments."""
        before = len(self.problems)
        taken = self.accepted(cls, config, where)
        if len(self.problems) > before:
            return None
        try:
            return cls(**taken)
        except (TypeError, ValueError) as error:
            self.lacks(f"{where}: {error}")
            return None

    def accepted(
        self,
        cls: Callable[..., Any],
        config: Mapping[str, Any],
        where: str,
        ignored: tuple[str, ...] = HARMLESS,
    ) -> dict[str, Any]:
        """Return the arguments of a class; a problem for each unknown one that is not off."""
        parameters = inspect.signature(cls).parameters
        everything = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
        found = {}
        for name, value in config.items():
            if everything or name in parameters:
                found[name] = value
            elif name not in ignored and not (
                isinstance(value, bool | int | float | None) and value in OFF
            ):
                self.lacks(f"argument {name}={value!r} of {where}"[:200])
        return found


def plain_value(value: Any) -> Any:
    """Return an array, or a number, for what Keras 2 and 3 write of an array."""
    if not isinstance(value, dict):
        return value
    if value.get("type") == "ndarray":
        found = np.asarray(value.get("value"))
    elif value.get("class_name") == "__numpy__":
        found = np.asarray(value.get("config", {}).get("value"))
    else:
        return value
    return found if found.ndim else found.item()
