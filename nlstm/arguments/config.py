"""What a person constructs remembers its arguments, so that JSON can hold it and make it again.

Layers, initializers, losses, metrics, optimizers and the like are written by Keras's scheme,
``{"class_name": "LSTM", "config": {"units": 50, ...}}``, with the module for nlstm's own classes
and a registered name for a user's.
"""

import copy
import inspect
import json
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

import numpy as np

from nlstm.arguments.copies import found_again, plain_arguments, plain_state
from nlstm.arguments.former import TakesFormerNames
from nlstm.arguments.names import unknown_name
from nlstm.arguments.sharing import known, note, number_of, reading, writing
from nlstm.arguments.shown import as_call

__all__ = [
    "Configured",
    "bound_arguments",
    "deserialize",
    "dumps",
    "known_as",
    "loads",
    "overridden",
    "own_module",
    "register",
    "registered",
    "serialize",
]

LARGEST_ARRAY = 100_000  # elements of an argument; more belongs among the weights
TUPLE, ARRAY, FUNCTION, CLASS = "__tuple__", "__numpy__", "function", "class"

# Private modules that files of 0.1's development named, and where their classes are now.
FORMER_MODULES = {"nlstm.sequential": "nlstm.models", "nlstm.network": "nlstm.models"}

_own: dict[tuple[str, str], type[Any]] = {}  # nlstm's classes by (module, name)
_registered: dict[str, Any] = {}  # users' classes and functions by "package>name"
_registered_names: dict[Any, str] = {}
_known_as: dict[Any, str] = {}  # other libraries' functions by nlstm's names of them


def own_module(thing: Any) -> str | None:
    """Return "nlstm.layers" and the like for what nlstm itself defines, None for a user's."""
    parts = str(getattr(thing, "__module__", "")).split(".")
    return ".".join(parts[:2]) if parts[0] == "nlstm" else None


def overridden(thing: Any, *methods: str) -> bool:
    """Return whether a user's class, or the object itself, has one of `methods` of its own."""
    return any(
        method in vars(thing)
        or own_module(next(cls for cls in type(thing).__mro__ if method in vars(cls))) is None
        for method in methods
    )


def known_as(function: Any, name: str) -> None:
    """Let configs hold another library's function by nlstm's name of it."""
    _known_as[function] = name


class Configured(metaclass=TakesFormerNames):
    """A mixin: the arguments given to the constructor come back from `get_config`.

    Works for subclasses too: what is remembered is what the outermost constructor got.
    """

    keeps_identity = False  # whether a config says which of its entries are one object
    only_to_begin_with: frozenset[str] = frozenset()  # arguments that configs give as None
    also_shown: Mapping[str, Any] = {}  # attributes that `repr` has where they are not these
    _arguments: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Remember the arguments."""
        if (args or kwargs) and cls.__init__ is object.__init__:
            raise TypeError(f"{cls.__name__}() takes no arguments")
        made = super().__new__(cls)
        made._arguments = (args, kwargs)  # copies and pickles get theirs with the other attributes
        return made

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        module = own_module(cls)
        if module is not None:
            _own[module, cls.__name__] = cls

    def __getstate__(self) -> dict[str, Any]:
        """Return what copies and pickles hold: see `nlstm.arguments.copies`."""
        return self._state(vars(self))

    def _state(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        owner = _called(self)
        given = plain_arguments(type(self).__init__, self._arguments, owner)
        # First, so that an error names the argument and not what was made of it.
        return {"_arguments": given} | plain_state(
            {name: value for name, value in attributes.items() if name != "_arguments"}, owner
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what `__getstate__` gave."""
        vars(self).update(found_again(state))

    def __repr__(self) -> str:
        """Return the call that makes such an object."""
        return as_call(self, *self._arguments, self.also_shown)

    def __copy__(self) -> Self:
        """Return a copy that shares nothing, as deepcopy does."""
        return copy.deepcopy(self)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, defaults included, as values that JSON can hold.

        Raises
        ------
        TypeError
            An argument cannot be written: a lambda, a large array, an object without `get_config`.
        """
        return {
            name: None
            if name in self.only_to_begin_with
            else encode(value, f"{name} of {_called(self)}")
            for name, value in bound_arguments(self).items()
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return a new object for a config as `get_config` gives it."""
        return cls(**{name: deserialize(value) for name, value in config.items()})


def _called(thing: Any) -> str:
    name = getattr(thing, "name", None)
    return type(thing).__name__ + (f" {name!r}" if isinstance(name, str) else "")


def bound_arguments(thing: Configured) -> dict[str, Any]:
    """Return the constructor's arguments as they were given, defaults included."""
    if type(thing).__init__ is object.__init__:
        return {}
    signature = inspect.signature(type(thing).__init__)
    args, kwargs = thing._arguments
    bound = signature.bind(thing, *args, **kwargs)
    bound.apply_defaults()
    found: dict[str, Any] = {}
    for (name, value), parameter in zip(
        list(bound.arguments.items())[1:], list(signature.parameters.values())[1:], strict=True
    ):
        if parameter.kind is parameter.VAR_KEYWORD:
            found |= value
        elif parameter.kind is not parameter.VAR_POSITIONAL:
            found[name] = value
        elif value:
            raise TypeError(
                f"{_called(thing)} was given *{name}, which has no names to be written by: "
                "its class needs a get_config and a from_config of its own."
            )
    return found


# Writing


def serialize(thing: Any) -> dict[str, Any]:
    """Return ``{"class_name", "config"}`` for an object with `get_config`."""
    return writing(lambda: encode(thing, _called(thing)))


def encode(value: Any, where: str) -> Any:
    """Return `value` as what JSON can hold (tuples stay until `dumps`); `where` is for errors."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.bool_ | np.integer | np.floating):
        return value.item()
    if isinstance(value, np.dtype):
        return value.name
    if isinstance(value, list | tuple):
        encoded = [encode(one, where) for one in value]
        return tuple(encoded) if isinstance(value, tuple) else encoded
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise _unwritable(where, "a dict whose keys are not all strings")
        return {key: encode(one, where) for key, one in value.items()}
    if isinstance(value, np.ndarray):
        return _encode_array(value, where)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, type):
        return _encode_class(value, where)
    if hasattr(value, "get_config"):
        found = _named(type(value))
        found["config"] = encode(value.get_config(), where)
        return found | number_of(value)
    if callable(value) and isinstance(getattr(value, "__name__", None), str):
        return _encode_function(value, where)
    raise _unwritable(where, f"a {type(value).__name__} without get_config")


def _unwritable(where: str, what: str) -> TypeError:
    return TypeError(f"The argument {where} cannot be written to a file: it is {what}.")


def _named(thing: Any) -> dict[str, Any]:
    """Return how a class or function is found again."""
    found: dict[str, Any] = {"class_name": thing.__name__}
    if thing in _registered_names:
        found["registered_name"] = _registered_names[thing]
    elif own_module(thing) is not None:
        found["module"] = own_module(thing)
    return found


def _encode_array(value: np.ndarray, where: str) -> dict[str, Any]:
    if value.dtype.kind not in "fiub":
        raise _unwritable(where, f"an array of dtype {value.dtype}")
    if value.size > LARGEST_ARRAY:
        raise _unwritable(where, f"an array of {value.size} elements, more than {LARGEST_ARRAY}")
    return {
        "class_name": ARRAY,
        "config": {"value": value.tolist(), "dtype": value.dtype.name},
    }


def _encode_class(value: type, where: str) -> Any:
    if issubclass(value, np.generic):
        return np.dtype(value).name
    if "<locals>" in value.__qualname__ and value not in _registered_names:
        raise _unwritable(where, f"the class {value.__name__} from inside a function; register it")
    found = _named(value)
    return found | {"class_name": CLASS, "config": found["class_name"]}


def _encode_function(value: Any, where: str) -> Any:
    if own_module(value) is not None:
        return value.__name__  # what takes one of nlstm's functions takes its name
    if value in _known_as:
        return _known_as[value]
    name = value.__name__
    local = name == "<lambda>" or "<locals>" in getattr(value, "__qualname__", "")
    if local and value not in _registered_names:
        kind = "a lambda" if name == "<lambda>" else f"the inner function {name}"
        raise _unwritable(where, f"{kind}; a named function that nlstm.saving.register knows can")
    found = _named(value)
    return found | {"class_name": FUNCTION, "config": found["class_name"]}


def dumps(value: Any, **options: Any) -> str:
    """Return the JSON of an encoded value; `options` are those of `json.dumps`."""

    def plain(part: Any) -> Any:
        if isinstance(part, tuple):
            return {"class_name": TUPLE, "items": [plain(one) for one in part]}
        if isinstance(part, list):
            return [plain(one) for one in part]
        if isinstance(part, dict):
            return {key: plain(one) for key, one in part.items()}
        return part

    return json.dumps(plain(value), **options)


def loads(text: str) -> Any:
    """Return the encoded value that `dumps` wrote; nothing is constructed but tuples."""

    def tuples(part: dict[str, Any]) -> Any:
        if part.get("class_name") == TUPLE and isinstance(part.get("items"), list):
            return tuple(part["items"])
        return part

    return json.loads(text, object_hook=tuples)


# Reading


def deserialize(value: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return what an encoded value stands for; objects that are already made stay as they are.

    Raises
    ------
    ValueError
        A class or function is not known.
    """
    return reading(lambda: _made(value, custom_objects or {}))


def _made(value: Any, custom: Mapping[str, Any]) -> Any:
    if isinstance(value, list | tuple):
        made = [_made(one, custom) for one in value]
        return tuple(made) if isinstance(value, tuple) else made
    if not isinstance(value, dict):
        return value
    if not ("class_name" in value and "config" in value):
        return {key: _made(one, custom) for key, one in value.items()}
    if "made" in value:
        return value["made"]
    kind, config = value["class_name"], value["config"]
    if kind == ARRAY:
        return np.array(config["value"], config["dtype"])
    if kind in (FUNCTION, CLASS):
        return _find(config, value, custom)
    cls = _find(kind, value, custom)
    if not hasattr(cls, "from_config"):
        raise ValueError(f"{kind} has no from_config.")
    if (found := known(value, cls)) is not None:
        return found
    if "custom_objects" in inspect.signature(cls.from_config).parameters:
        return note(value, cls.from_config(config, custom_objects=custom))
    arguments = {name: _made(one, custom) for name, one in config.items()}
    return note(value, cls.from_config(arguments))


def _find(name: Any, value: Mapping[str, Any], custom: Mapping[str, Any]) -> Any:
    registered = value.get("registered_name")
    for key, table in ((registered, custom), (name, custom), (registered, _registered)):
        if isinstance(key, str) and key in table:
            return table[key]
    module = value.get("module")
    if module is not None:
        module = FORMER_MODULES.get(module, module)
        if (module, name) in _own:
            return _own[module, name]
        names = [known for place, known in _own if place == module]
        raise unknown_name(f"class of {module}", name, names)
    raise ValueError(
        f"{registered or name!r} is none of nlstm's: give custom_objects={{{name!r}: ...}} "
        "or register it with nlstm.saving.register."
    )


def register(package: Any = "Custom", name: str | None = None) -> Any:
    """Make a user's class or function known to files, as Keras's `register_keras_serializable`.

    Parameters
    ----------
    package : str, default "Custom"
        Names are kept apart by it.
    name : str, optional
        By default the class's or function's own.

    Returns
    -------
    callable
        A decorator. ``@register`` alone works too.

    Examples
    --------
    >>> @register("forecasts")
    ... def half(shape, dtype=None):
    ...     return np.full(shape, 0.5)
    """
    if not isinstance(package, str):
        return register()(package)

    def decorate(thing: Callable[..., Any]) -> Any:
        if inspect.isclass(thing) and not hasattr(thing, "get_config"):
            raise ValueError(f"{thing.__name__} has no get_config, so that it cannot be written.")
        found = f"{package}>{name or thing.__name__}"
        before = _registered.get(found)
        if before is not None and _place(before) != _place(thing):
            raise ValueError(f"{found} is registered already, as {before!r}.")
        _registered[found] = thing
        _registered_names[thing] = found
        return thing

    return decorate


def registered(name: Any) -> Any:
    """Return what `register` knows by "package>name", or None."""
    return _registered.get(name) if isinstance(name, str) else None


def _place(thing: Any) -> Iterable[str]:
    return thing.__module__, thing.__qualname__  # a cell that is run again defines the same anew
