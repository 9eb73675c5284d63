"""Names that arguments had in Keras 1 and 2: looked up only where such a name comes."""

import difflib
import inspect
from abc import ABCMeta
from collections.abc import Mapping
from typing import Any

from nlstm.arguments.warned import warn_user

__all__ = ["TakesFormerNames", "check_without_effect", "former_name", "taken_for", "warn_former"]

# By the class that takes them, or one below it: the former name, and today's or None where it said
# how to compute, not what.
RENAMED: dict[str, dict[str, str | None]] = {
    "Optimizer": {"lr": "learning_rate"},
    "Layer": {
        "output_dim": "units",
        "init": "kernel_initializer",
        "inner_init": "recurrent_initializer",
        "inner_activation": "recurrent_activation",
        "bias": "use_bias",
        "W_regularizer": "kernel_regularizer",
        "U_regularizer": "recurrent_regularizer",
        "b_regularizer": "bias_regularizer",
        "W_constraint": "kernel_constraint",
        "b_constraint": "bias_constraint",
        "dropout_W": "dropout",
        "dropout_U": "recurrent_dropout",
        "consume_less": None,
    },
    "Embedding": {
        "init": "embeddings_initializer",
        "W_regularizer": "embeddings_regularizer",
        "W_constraint": "embeddings_constraint",
        "input_length": None,
    },
    "Model": {"input": "inputs", "output": "outputs"},
    "Dropout": {"p": "rate"},
    "SpatialDropout1D": {"p": "rate"},
    "GaussianNoise": {"sigma": "stddev"},
    "ReduceLROnPlateau": {"epsilon": "min_delta"},
}
OTHERS = {"decay", "period"}  # what a class's `former_arguments` turns into something else
ELSEWHERE = {"recompute": "compile", "bptt_steps": "fit", "bptt_update": "fit"}  # looked for here
UNEXPECTED = " got an unexpected keyword argument "
FORMER = frozenset(OTHERS.union(*RENAMED.values()))


def warn_former(text: str) -> None:
    """Give a DeprecationWarning at the user's line."""
    warn_user(text, DeprecationWarning)


def former_name(of: str, name: str, new: str) -> property:
    """Return what reads and sets attribute `new` of `of` under its former name."""

    def read(self: Any) -> Any:
        warn_former(f"{name} of {of} is now called {new}.")
        return getattr(self, new)

    def write(self: Any, value: Any) -> None:
        warn_former(f"{name} of {of} is now called {new}.")
        setattr(self, new, value)

    return property(read, write, doc=f"Former name of `{new}`.")


class TakesFormerNames(ABCMeta):
    """The class of classes whose constructors know former names of their arguments."""

    @property
    def __signature__(cls) -> inspect.Signature:
        """The constructor's, which that of `__call__` would hide."""
        whole = inspect.signature(cls.__init__)  # type: ignore[misc]
        return whole.replace(parameters=list(whole.parameters.values())[1:])

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """Make an object, with today's names for former ones."""
        if not FORMER.isdisjoint(kwargs):
            kwargs = renamed(cls, kwargs)
            change = getattr(cls, "former_arguments", None)
            if change is not None:
                args, kwargs = change(args, kwargs)
        try:
            return super().__call__(*args, **kwargs)
        except TypeError as error:
            _suggest(cls, error)
            raise


def _suggest(cls: type, error: TypeError) -> None:
    """Name what is near in the error for an argument that the constructor does not take."""
    start, found, name = str(error).partition(UNEXPECTED)
    if not found or not start.endswith("__init__()"):
        return
    makers = [vars(one)["__init__"] for one in cls.__mro__ if "__init__" in vars(one)]
    known = {name for one in makers[:-1] for name in inspect.signature(one).parameters}
    near = difflib.get_close_matches(name.strip("'"), known - {"self"}, n=1)
    if near:
        error.args = (f"{error}; did you mean {near[0]!r}?",)


def renamed(cls: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments by today's names; what the constructor itself takes stays as it is."""
    taken = inspect.signature(cls.__init__).parameters  # type: ignore[misc]
    tables = [RENAMED[one.__name__] for one in cls.__mro__ if one.__name__ in RENAMED]
    found: dict[str, Any] = {}
    for name, value in given.items():
        table = next((one for one in tables if name in one and name not in taken), None)
        if table is None:
            found[name] = value
            continue
        new = table[name]
        if new is None:
            warn_former(f"{name} of {cls.__name__} has no effect; Keras has dropped it.")
            continue
        if new in given or new in found:
            raise TypeError(f"{cls.__name__} got {new} twice: {name} is its former name.")
        warn_former(f"{name} of {cls.__name__} is now called {new}.")
        found[new] = value
    return found


def taken_for(function: str, former: dict[str, Any], name: str, new: str, value: Any) -> Any:
    """Return `value`, or what came under its former name, which is taken out of `former`."""
    if name not in former:
        return value
    warn_former(f"{name} of {function} is now called {new}.")
    return former.pop(name)


def check_without_effect(function: str, former: Mapping[str, Any], *known: str) -> None:
    """Warn of former arguments that have no effect; raise for what never was an argument."""
    for name in former:
        if name not in known:
            hint = f" It is one of {ELSEWHERE[name]}'s." if name in ELSEWHERE else ""
            raise TypeError(f"{function}() got an unexpected keyword argument {name!r}.{hint}")
        warn_former(f"{name} of {function} has no effect; Keras 3 has dropped it.")
