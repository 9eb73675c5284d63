"""What a worker does: the fits of a chunk, one after the other, on one thread.

A job is a callable of one's own that makes a fitted model from a key and its data; it comes once in
bytes. Each fit draws its random numbers from a seed of its own, so the worker, the order and the
neighbours make no difference.
"""

import contextlib
import copy
import hashlib
import pickle
import threading
import time
import traceback
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from nlstm import kernels
from nlstm.arguments.seeds import seeded
from nlstm.distributed.built import description
from nlstm.files.model_file import packed_model
from nlstm.training.history import History
from nlstm.training.hooks import Callback

__all__ = [
    "Failure",
    "Fitted",
    "Outcome",
    "Unreadable",
    "build_one",
    "fit_chunk",
    "fit_with",
    "kept_epoch",
]

RUN_TIME_WARNINGS = 20  # kinds that a worker tells of a chunk

_alone = threading.Lock()  # seeds and threads are the process's
_jobs: dict[bytes, "Job"] = {}  # the last one, by its digest


class Unreadable(RuntimeError):
    """A worker cannot make of the bytes what the client has sent."""


@dataclass(frozen=True)
class Fitted:
    """What a job returns.

    Attributes
    ----------
    model : Model
    history : History
    epoch : int
        Which entry of the history's lists belongs to the model's weights.
    grows : bool
        Whether more is better of what is watched.
    built : str
        What the model was before its fit.
    """

    model: Any
    history: History
    epoch: int = -1
    grows: bool = False
    built: str = ""


class Job(Protocol):
    """What a worker is to do for each key."""

    def made(self, key: Any, data: Any) -> tuple[Any, Mapping[str, Any]]:
        """Return a new model, and the arguments of its fit."""

    def __call__(self, key: Any, data: Any) -> Fitted:
        """Return the fitted model."""


@dataclass(frozen=True)
class Failure:
    """Why there is no model.

    Attributes
    ----------
    kind : str
        The name of the exception's class.
    text : str
        What it said.
    traceback : str
        Where it was raised, in the worker.
    """

    kind: str
    text: str
    traceback: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}" if self.text else self.kind


@dataclass(frozen=True)
class Outcome:
    """What came of one fit: the content of a model's file, or a failure."""

    seconds: float
    model: bytes | None = None
    history: Mapping[str, list[Any]] | None = None
    epoch: int = -1
    grows: bool = False
    failure: Failure | None = None
    warned: tuple[str, ...] = ()
    built: str = ""


def fit_chunk(job: bytes, items: list[tuple[Any, int, bytes]]) -> tuple[list[Outcome], bool]:
    """Fit each of (key, seed, data in bytes); return what came of them, and whether this waited.

    It waits for another chunk in the same process.
    """
    with _alone_here() as waited:
        run = _opened(job)
        return [_outcome(run, *item) for item in items], waited


def build_one(job: bytes, key: Any, seed: int, data: bytes) -> str | None:
    """Return what a model is before its fit; None where it cannot be built, as without its data."""
    with _alone_here(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = _opened(job)
        try:
            with seeded(seed):
                return description(*run.made(key, pickle.loads(data)))
        except Exception:  # whatever a user's data or functions raise is told where they are fitted
            return None


@contextlib.contextmanager
def _alone_here() -> Iterator[bool]:
    """Have the process for one chunk, on one thread; give whether another had to be waited for."""
    waited = not _alone.acquire(blocking=False)
    if waited:
        _alone.acquire()
    try:
        with _one_thread():
            yield waited
    finally:
        _alone.release()


def _opened(job: bytes) -> Job:
    digest = hashlib.blake2b(job, digest_size=16).digest()
    if digest not in _jobs:
        version, made = pickle.loads(job)
        if version != _version():
            raise Unreadable(
                f"A worker has nlstm {_version()}; the call came from nlstm {version}."
            )
        _jobs.clear()
        try:
            _jobs[digest] = pickle.loads(made)
        except Exception as error:
            raise Unreadable(
                f"A worker cannot read what it is to do: {type(error).__name__}: {error}. What "
                "functions name has to be installed where workers run."
            ) from error
    return _jobs[digest]


def _version() -> str:
    from importlib.metadata import version

    return version("nlstm")


def _outcome(job: Job, key: Any, seed: int, data: bytes) -> Outcome:
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")
        warned: tuple[str, ...] = ()
        try:
            with seeded(seed):
                found = job(key, pickle.loads(data))
            _check_finite(found)
            content = packed_model(found.model)
        except Exception as error:  # whatever a user's data or functions raise is told
            failure = Failure(type(error).__name__, str(error), traceback.format_exc())
            return Outcome(time.perf_counter() - start, failure=failure)
        finally:
            texts = {f"{one.category.__name__}: {one.message}" for one in told}
            warned = tuple(sorted(texts)[:RUN_TIME_WARNINGS])
    seconds = time.perf_counter() - start
    history = {name: list(map(_plain, values)) for name, values in found.history.history.items()}
    of_fit = content, history, found.epoch, found.grows
    return Outcome(seconds, *of_fit, warned=warned, built=found.built)


def _plain(value: Any) -> Any:
    """Return a log as JSON has it."""
    return np.asarray(value).tolist() if not isinstance(value, str) else value


def _check_finite(found: Fitted) -> None:
    """Raise a FloatingPointError for a model that has learnt nothing but NaN."""
    losses = found.history.history.get("loss", [])
    for epoch, loss in enumerate(losses, 1):
        if not np.all(np.isfinite(loss)):
            raise FloatingPointError(f"The loss is {loss} in epoch {epoch}.")
    broken = found.model.first_non_finite_weights()
    if broken is not None:
        raise FloatingPointError(f"The weights {broken} are not finite after the fit.")


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    threads = kernels.load(kernels.HOST)
    before = threads.get_num_threads()
    threads.set_num_threads(1)
    try:
        yield
    finally:
        threads.set_num_threads(before)


# What jobs have in common


def fit_with(model: Any, arguments: Mapping[str, Any], key: Any) -> Fitted:
    """Fit a model by arguments of fit, whose callbacks are copied, or made for the key."""
    if not (callable(getattr(model, "fit", None)) and hasattr(model, "design")):
        raise TypeError(f"build must return a compiled model; got {type(model).__name__}.")
    given, built = dict(arguments), description(model, arguments)
    made = given.get("callbacks")
    if callable(made) and not isinstance(made, Callback):
        given["callbacks"] = made(key)
    elif made is not None:
        given["callbacks"] = copy.deepcopy(made)
    history = model.fit(**{"verbose": 0, **given})
    return Fitted(model, history, kept_epoch(given.get("callbacks"), history), built=built)


def kept_epoch(callbacks: Any, history: History) -> int:
    """Return which entry of the logs is of the weights that the model has now."""
    listed = callbacks if isinstance(callbacks, list | tuple) else [callbacks]
    for one in listed:
        if getattr(one, "restore_best_weights", False) and one.best_weights is not None:
            return history.epoch.index(one.best_epoch) if one.best_epoch in history.epoch else -1
    return -1
