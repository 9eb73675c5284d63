"""On how many machines fit, evaluate and predict run: on this one, unless `distribute` says more.

Whoever runs them on several is loaded when asked for.
"""

import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar, cast

from nlstm.arguments.checks import checked_integer
from nlstm.arguments.warned import warn_user
from nlstm.network.binder import Bench, Binder
from nlstm.training.bptt import Bptt
from nlstm.training.hooks import Callback, CallbackList, Watched
from nlstm.training.run import Run
from nlstm.training.trainable import Trainable
from nlstm.training.training import Training

__all__ = ["ALONE", "Alone", "checkpointing", "engine_of", "offer_engine", "on_machines"]

F = TypeVar("F", bound=Callable[..., Any])
# Where launchers say how many processes they started, and which one this is.
LAUNCHERS = (
    ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"),
    ("PMI_SIZE", "PMI_RANK"),
    ("SLURM_STEP_NUM_TASKS", "PMIX_RANK"),
)
POOL = "mpi4py.futures"  # whose workers fit models of their own


class Alone:
    """What fit, evaluate and predict ask of the machines, where there is this one."""

    def verbose(self, verbose: int) -> int:
        """Return what is shown here."""
        return verbose

    def hooks(
        self,
        callbacks: Sequence[Any],
        own: Sequence[Callback],
        model: Watched,
        params: dict[str, Any],
    ) -> CallbackList:
        """Return a user's callbacks, and those of the fit itself."""
        return CallbackList([*callbacks, *own], model, params)

    def run(
        self,
        binder: Binder,
        bench: Bench,
        training: Training,
        hooks: Any,
        given: dict[str, Any],
        bptt: Bptt | None = None,
    ) -> Run:
        """Return a new run."""
        return Run(binder, bench, training, hooks, bptt)

    def agreeing(self) -> contextlib.AbstractContextManager[None]:
        """Return what is around a whole call."""
        return contextlib.nullcontext()

    def predict(self, model: Trainable, *arguments: Any) -> Any:
        """Return the outputs; here `predict` makes them itself."""
        raise NotImplementedError


ALONE = Alone()
_engines: dict[str, Callable[[], Any]] = {}


def offer_engine(name: str, opened: Callable[[], Any]) -> None:
    """Name what returns a maker: of engines for "distribute", of callbacks for "checkpoint"."""
    _engines[name] = opened


def engine_of(distribute: Any) -> Any:
    """Return what runs a call on all machines; `ALONE` where there is one."""
    return _engines["distribute"]()(distribute) or ALONE


def on_machines(call: F) -> F:
    """Give a method that has `distribute` what runs it, in its place."""

    @wraps(call)
    def run(*args: Any, **kwargs: Any) -> Any:
        if kwargs.get("distribute") is None:
            if call.__name__ == "fit":
                _warn_of_copies()
            kwargs["distribute"] = ALONE
            return call(*args, **kwargs)
        engine = engine_of(kwargs["distribute"])
        kwargs["distribute"] = engine
        with engine.agreeing():
            return call(*args, **kwargs)

    return cast(F, run)


class _Said:
    copies = False


def _warn_of_copies() -> None:
    """Warn once, on the first process, where a launcher has started several that train alike."""
    for size, rank in LAUNCHERS:
        count = os.environ.get(size, "")
        if count.isdecimal() and int(count) > 1 and rank in os.environ:
            if not _Said.copies and os.environ[rank] == "0" and POOL not in sys.modules:
                _Said.copies = True
                warn_user(
                    f"{count} copies of the same training: this process is one of {count} that a "
                    'launcher started, and fit has no distribute="mpi", which lets them share it.'
                )
            return


def checkpointing(folder: Any, every: Any, engine: Any) -> list[Callback]:
    """Return the callback that `checkpoint` and `checkpoint_every` ask for."""
    if folder is None:
        if every is not None:
            raise ValueError(f"checkpoint_every={every!r} needs checkpoint, a folder.")
        return []
    every = None if every is None else checked_integer("checkpoint_every", every, 1)
    return [cast(Callback, _engines["checkpoint"]()(folder, every, engine))]
