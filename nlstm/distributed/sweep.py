"""Many trials of one model, each with other parameters."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from nlstm.arguments.checks import checked_choice, checked_flag, checked_name, checked_seed
from nlstm.arguments.config import deserialize, dumps, loads, serialize
from nlstm.arguments.warned import warn_user
from nlstm.callbacks.monitor import MODES, Monitor
from nlstm.distributed.calls import (
    OWN,
    TOGETHER,
    check_fit,
    job_of,
    plain_part,
    root_of,
    shelf_of,
)
from nlstm.distributed.chunks import Item, Supply, carry_out
from nlstm.distributed.crew import crew_of
from nlstm.distributed.many import Shelved
from nlstm.distributed.pickled import pickled
from nlstm.distributed.rebuilt import Rebuilt
from nlstm.distributed.results import Trials, trial_of
from nlstm.distributed.shelf import Entry
from nlstm.distributed.spaces import Proposer, proposer_of
from nlstm.distributed.told import Told
from nlstm.distributed.work import Fitted, fit_with
from nlstm.training.fit import fit as fit_of_models

__all__ = ["sweep"]


def sweep(
    build: Callable[..., Any],
    space: Any,
    x: Any,
    y: Any = None,
    *,
    trials: int | None = None,
    study: Any = None,
    monitor: str | None = None,
    mode: str = "auto",
    executor: Any = None,
    out: Any = None,
    load: Callable[[Any], Any] | None = None,
    seed: int | None = None,
    retry_failed: bool = False,
    verbose: Any = "auto",
    **fit: Any,
) -> Trials:
    """Fit models with different parameters to the same data.

    Parameters
    ----------
    build : callable
        Returns a new compiled model; called with parameters by name.
    space : dict or callable
        By name of a parameter a list of values: without `trials` every combination is tried; with
        it so many are drawn at random, and a value may be a distribution of SciPy's, or a callable
        that takes a `numpy.random.Generator`. Or a callable that proposes: it is called with the
        list of the trials so far and returns a dict, or None where there is nothing to try before
        another trial has ended, or any more. With `study`, a dict of Optuna's distributions, or a
        callable that takes a trial of Optuna's and returns a dict. Names that are arguments of fit,
        such as `batch_size`, and not of `build`, go to fit.
    x, y
        As fit takes them.
    trials : int, optional
        How many to make. By default all of a grid; of a callable until it returns None.
    study : optuna.Study, optional
        Asked for parameters and told of scores; ``pip install nlstm[optuna]``.
    monitor : str, optional
        The log that is the score. By default "val_loss", or "loss" where nothing is validated.
    mode : {"auto", "min", "max"}
        Whether less of it is better, or more; "auto" as for `nlstm.callbacks.EarlyStopping`.
    executor, out, seed, retry_failed, verbose
        As for `nlstm.distributed.fit_many`; a trial takes the place of a series.
    load : callable, optional
        Called by the worker with `x`, returns x or (x, y): for data that lie where workers are.
    **fit
        Arguments of fit: `epochs`, `validation_data`, `callbacks`, ...

    Returns
    -------
    Trials
        In the order of their numbers; ``trials.best`` and ``trials.best_model``.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        As `nlstm.distributed.fit_many`.

    Notes
    -----
    A score is that of the epoch whose weights the model has: the last, or the best where an
    EarlyStopping restores it. All trials begin with the seeds of their numbers. Data go to each
    process of this machine with each trial; to Dask's workers once. With a folder one of its trials
    is built again: where the model, what it was compiled with or the shape of a row of the data is
    another than it was, that is a ValueError.
    """
    check_fit(sweep, fit)
    retry_failed = checked_flag("retry_failed", retry_failed)
    mode = checked_choice("mode", mode, MODES)
    validated = fit.get("validation_data") is not None or fit.get("validation_split")
    monitor = checked_name(monitor, "monitor") or ("val_loss" if validated else "loss")
    _check_monitor(monitor, bool(validated))
    shelf = shelf_of(out)
    root = root_of(shelf, checked_seed("seed", seed))
    proposer = proposer_of(space, trials, study, root)
    if isinstance(space, Mapping):
        _check_names(build, space)
    data = {"x": x, "y": y}
    work = OneTrial(build, load, data, fit, monitor, mode)
    job = job_of(work, {"build": build, "load": load, "x": x, "y": y, **fit})
    header = {"call": "sweep", "seed": list(root), "fit": plain_part(fit), "monitor": monitor}
    with crew_of(executor) as crew, shelf.writing(header):
        asked = _Asked(proposer, shelf.entries, retry_failed, monitor)
        _compare(asked, Rebuilt(shelf, crew, job, root))
        left = asked.left()
        told = Told(verbose, "sweep", left, len(shelf.entries))
        keeper = Shelved(shelf, told, asked.hear)
        asked.parameters = keeper.parameters
        supply = Supply(asked.items(), left, alone=proposer.learns)
        ended = False
        try:
            carry_out(supply, crew, job, keeper, root, "trials")
            ended = True
        finally:
            told.close(ended)
    found = Trials(shelf, monitor)
    if found.errors:
        number, first = next(iter(found.errors.items()))
        warn_user(f"{len(found.errors)} of {len(found)} trials have no model; {number}: {first}")
    return found


@dataclass(frozen=True)
class OneTrial:
    """The job of a worker."""

    build: Callable[..., Any]
    load: Callable[[Any], Any] | None
    data: Mapping[str, Any]
    fit: Mapping[str, Any]
    monitor: str
    mode: str

    def made(self, key: int, parameters: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Return the model of a trial, and the arguments of its fit."""
        data = dict(self.data)
        if self.load is not None:
            loaded = self.load(data["x"])
            given = loaded if isinstance(loaded, tuple) else (loaded, data["y"])
            data = dict(zip(("x", "y", "sample_weight"), given, strict=False))
        own, others = _split(self.build, parameters)
        return self.build(**own), {**self.fit, **others, **data}

    def __call__(self, key: int, parameters: Mapping[str, Any]) -> Fitted:
        """Return the fitted model of a trial."""
        found = fit_with(*self.made(key, parameters), key)
        if self.monitor not in found.history.history:
            known = ", ".join(found.history.history)
            raise ValueError(f"monitor is {self.monitor!r}, which is not among the logs: {known}.")
        watch = Monitor(self.monitor, self.mode)
        watch.set_model(found.model)
        return replace(found, grows=watch._more_is_better())


def _split(
    build: Callable[..., Any], parameters: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the parameters of `build`, and those of fit."""
    of_build, takes_all = _taken(build)
    of_fit = set(inspect.signature(fit_of_models).parameters) - OWN - TOGETHER
    others = {
        name: one
        for name, one in parameters.items()
        if name in of_fit and name not in of_build and not takes_all
    }
    return {name: one for name, one in parameters.items() if name not in others}, others


def _taken(build: Callable[..., Any]) -> tuple[set[str], bool]:
    found = inspect.signature(build).parameters
    return set(found), any(one.kind is one.VAR_KEYWORD for one in found.values())


def _check_names(build: Callable[..., Any], space: Mapping[str, Any]) -> None:
    own, _ = _split(build, space)
    of_build, takes_all = _taken(build)
    for name in own:
        if name not in of_build and not takes_all:
            raise ValueError(
                f"space has {name!r}, which neither build nor fit takes; build takes "
                f"{', '.join(sorted(of_build)) or 'nothing'}."
            )


def _check_monitor(monitor: str, validated: bool) -> None:
    if monitor.startswith("val_") and not validated:
        raise ValueError(
            f"monitor is {monitor!r}: give validation_data or validation_split, without which "
            "there is no such log."
        )


def _compare(asked: "_Asked", again: Rebuilt) -> None:
    """Look before anything is fitted whether a folder's models are those that would be built."""
    for number, parameters in asked.done():
        if again.done:
            break
        again.compare(number, partial(_sent, number, parameters))


def _sent(number: int, parameters: Mapping[str, Any]) -> bytes:
    return pickled(f"The parameters of trial {number}", dict(parameters))


class _Asked:
    """Gives trials as a proposer proposes them, without those that are done."""

    def __init__(
        self, proposer: Proposer, entries: dict[Any, Entry], retry_failed: bool, monitor: str
    ) -> None:
        self._proposer, self._entries, self._monitor = proposer, entries, monitor
        self.parameters: dict[Any, str] = {}
        self._done = {n for n, one in entries.items() if not (retry_failed and one.failure)}

    def left(self) -> int | None:
        size = self._proposer.size
        return None if size is None else size - sum(n < size for n in self._done)

    def done(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Give the numbers of trials that are there, and their parameters."""
        for number in sorted(self._done):
            yield number, deserialize(loads(self._entries[number].more["parameters"]))

    def items(self) -> Iterator[Item | None]:
        for number in sorted(self._done):
            self._proposer.hear(trial_of(self._entries[number], self._monitor))
        number = 0
        while True:
            if number in self._done:
                self._check_same(number)
                number += 1
                continue
            parameters = self._proposer.propose(number)
            if parameters is None:
                yield None
                continue
            text = dumps(_encoded(parameters))
            self.parameters[number] = text
            yield Item(number, _sent(number, parameters))
            number += 1

    def _check_same(self, number: int) -> None:
        """Raise where a folder's trial is one of another space."""
        if self._proposer.learns:
            return
        parameters = self._proposer.propose(number)
        before = self._entries[number].more["parameters"]
        if parameters is not None and dumps(_encoded(parameters)) != before:
            raise ValueError(
                f"out has a trial {number} with the parameters {before}; this space has "
                f"{dumps(_encoded(parameters))} there. Choose another folder, or remove it."
            )

    def hear(self, entries: list[Entry]) -> None:
        for entry in entries:
            self._proposer.hear(trial_of(entry, self._monitor))


def _encoded(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as JSON has them; objects of nlstm's by their config."""
    return {
        name: serialize(one) if hasattr(one, "get_config") else one
        for name, one in parameters.items()
    }
