"""What calls for many fits have in common: arguments, the job, where fits lie, and the seeds."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from nlstm.arguments.checks import WrongKind, checked_path
from nlstm.arguments.names import unknown_name
from nlstm.arguments.seeds import SeedStream
from nlstm.distributed.pickled import check_found_again, pickled
from nlstm.distributed.shelf import Folder, Memory, Shelf
from nlstm.training.fit import fit as fit_of_models

__all__ = ["check_fit", "job_of", "places", "plain_part", "root_of", "shelf_of"]

OWN = {"x", "y", "self", "former", "verbose"}  # of fit's arguments, what comes otherwise
WORKERS = {"workers", "max_workers", "n_jobs", "n_workers", "processes"}  # in other libraries
TOGETHER = {"distribute", "checkpoint", "checkpoint_every"}  # for one model on many machines


def check_fit(function: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    """Raise unless all are arguments of fit that a fit by itself can have.

    `function` : whose call it is; its own arguments are among those that may have been meant.
    """
    call, own = function.__name__, set(inspect.signature(function).parameters) - {"fit"}
    known = set(inspect.signature(fit_of_models).parameters) - OWN
    for name in arguments:
        if name in WORKERS:
            raise ValueError(f"{call} has no {name}: executor=2 is two processes.")
        if name in TOGETHER:
            raise ValueError(f"{call} fits each model by itself: {name} is not for it.")
        if name not in known:
            raise unknown_name(f"argument of {call}, or of fit,", name, own | known - TOGETHER)


def places(name: str, function: Any, most: int) -> int:
    """Return how many arguments a callable is to be called with."""
    if not callable(function):
        raise WrongKind(f"{name} must be callable; got {function!r}.")
    if hasattr(function, "fit") and not isinstance(function, type):
        raise WrongKind(f"{name} must be a function that returns a model; got {function!r}.")
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # one of C's does not say
        return most
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = sum(one.kind in kinds and one.default is one.empty for one in parameters)
    named = [one.name for one in parameters if one.kind is one.KEYWORD_ONLY]
    named = [one for one in named if inspect.signature(function).parameters[one].default
             is inspect.Parameter.empty]  # fmt: skip
    if needed > most or named:
        raise ValueError(
            f"{name} must take {most} argument{'s' * (most > 1)} at most; it takes "
            f"{', '.join(one.name for one in parameters)}."
        )
    return max(needed, 1) if name == "load" else needed


def job_of(job: Any, parts: Mapping[str, Any]) -> bytes:
    """Return a job as workers get it; where it cannot be pickled, an error names the part."""
    import pickle
    from importlib.metadata import version

    for name, part in parts.items():
        check_found_again(name, part)
    try:
        made = pickled("The job", job)
    except TypeError as error:
        for name, part in parts.items():
            if part is not None:
                pickled(name, part)
        raise error
    return pickle.dumps((version("nlstm"), made))


def shelf_of(out: Any) -> Any:
    """Return where to keep fits."""
    return Memory() if out is None else Folder(checked_path("out", out, "folder"))


def root_of(shelf: Shelf, seed: int | None) -> tuple[int, ...]:
    """Return what all seeds come from: the user's, that of the folder, or the process's."""
    before = shelf.header.get("seed") if shelf.entries else None
    root = None if seed is None else SeedStream(seed).words
    if before is None:
        return SeedStream().words if root is None else root
    if root is not None and list(root) != list(before):
        raise ValueError(f"seed is {seed}, but the fits in out were made with another one.")
    return tuple(before)


def plain_part(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that are numbers, words or None, by which calls are compared."""
    return {
        name: one
        for name, one in arguments.items()
        if isinstance(one, bool | int | float | str | None)
    }
