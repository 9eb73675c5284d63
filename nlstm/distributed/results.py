"""What `fit_many` and `sweep` return: models one by one, and tables of what is known of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nlstm.arguments.checks import checked_path
from nlstm.arguments.config import loads
from nlstm.arguments.html import as_html
from nlstm.distributed.shelf import Entry, Folder, Shelf
from nlstm.distributed.work import Failure
from nlstm.files.whole_file import write_whole
from nlstm.training.history import History

__all__ = ["Fits", "Trial", "Trials", "load_fits", "load_trials"]

SHOWN = 20  # rows of a table as text


class Fits(Mapping[Any, Any]):
    """Models by the keys of their series; each is read when it is asked for.

    `fit_many` returns it, and `load_fits` what lies in a folder. It is a mapping of the series that
    have a model; ``fits[key]`` reads that.

    Attributes
    ----------
    errors : dict of key to Failure
        Why series have no model.
    """

    def __init__(self, shelf: Shelf, keys: Sequence[Any]) -> None:
        self._shelf = shelf
        known = shelf.entries
        self._keys = {one: None for one in keys if one in known and known[one].failure is None}
        self.errors: dict[Any, Failure] = {
            one: failure for one in keys if one in known and (failure := known[one].failure)
        }
        self._listed = [one for one in keys if one in known]

    def __getitem__(self, key: Any) -> Any:
        """Return a model: a new one each time."""
        return self.load(key)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._keys)

    def __len__(self) -> int:
        """Return how many have a model."""
        return len(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def load(self, key: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Return a model, with users' classes by name as `nlstm.models.load_model` takes them."""
        return self._shelf.model(self._known(key), custom_objects)

    def history(self, key: Any) -> dict[str, list[Any]]:
        """Return the logs of each epoch of a fit."""
        return self._shelf.history(self._known(key))

    def save(self, key: Any, filepath: Any) -> None:
        """Write a model to a file of its own, as `model.save` does to ``"<name>.nlstm"``."""
        path = checked_path("filepath", filepath)
        write_whole(path, self._shelf.content(self._known(key))[1])

    def _known(self, key: Any) -> Any:
        if key not in self._keys:
            why = self.errors.get(key)
            raise KeyError(f"{key!r} has no model: {why}" if why else f"There is no {key!r}.")
        return key

    def to_dict(self) -> dict[str, list[Any]]:
        """Return columns: key, epochs, seconds, each log of the last epoch, and the error.

        ``pandas.DataFrame(fits.to_dict())`` is a table of them. With an EarlyStopping that restores
        the best weights, logs are those of their epoch.
        """
        return _columns([self._shelf.entries[one] for one in self._listed], "key")

    def __repr__(self) -> str:
        failed = f", {len(self.errors)} without" if self.errors else ""
        return f"<Fits: {len(self)} models{failed}>"

    def __str__(self) -> str:
        return "\n".join([repr(self), _as_text(self.to_dict())])

    def _repr_html_(self) -> str:
        columns = self.to_dict()
        rows = [[_shown(one) for one in row] for row in zip(*columns.values(), strict=True)]
        return as_html(repr(self), list(columns), rows)


@dataclass(frozen=True)
class Trial:
    """One set of parameters, and what came of it.

    Attributes
    ----------
    number : int
    parameters : dict
    score : float or None
        What is watched, at the epoch whose weights the model has; None where it failed.
    logs : dict of str to float
        All logs of that epoch.
    epochs : int
    seconds : float
    error : Failure or None
    """

    number: int
    parameters: Mapping[str, Any]
    score: float | None
    logs: Mapping[str, Any]
    epochs: int
    seconds: float
    error: Failure | None = None


class Trials(Sequence[Trial]):
    """The trials of a sweep, in the order of their numbers.

    `sweep` returns it, and `load_trials` what lies in a folder.

    Attributes
    ----------
    monitor : str
        What is watched.
    """

    def __init__(self, shelf: Shelf, monitor: str) -> None:
        self._shelf, self.monitor = shelf, monitor
        self._grows = any(one.more.get("grows") for one in shelf.entries.values())
        self._trials = [trial_of(shelf.entries[n], monitor) for n in sorted(shelf.entries)]

    def __getitem__(self, place: Any) -> Any:
        return self._trials[place]

    def __len__(self) -> int:
        return len(self._trials)

    def ranked(self) -> list[Trial]:
        """Return the trials that have a score, the best first."""
        scored = [one for one in self._trials if one.score is not None and one.score == one.score]
        sign = -1.0 if self._grows else 1.0
        return sorted(scored, key=lambda one: sign * float(one.score or 0.0))

    @property
    def best(self) -> Trial:
        """The trial with the best score."""
        ranked = self.ranked()
        if not ranked:
            raise ValueError(f"No trial has a score; {len(self)} were made.")
        return ranked[0]

    @property
    def best_model(self) -> Any:
        """The model of the best trial: a new one each time."""
        return self.load(self.best)

    @property
    def errors(self) -> dict[int, Failure]:
        """Why trials have no model, by their numbers."""
        return {one.number: one.error for one in self._trials if one.error is not None}

    def load(self, trial: Trial | int, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Return the model of a trial, or of its number."""
        return self._shelf.model(self._known(trial), custom_objects)

    def history(self, trial: Trial | int) -> dict[str, list[Any]]:
        """Return the logs of each epoch of a trial."""
        return self._shelf.history(self._known(trial))

    def _known(self, trial: Trial | int) -> int:
        number = trial.number if isinstance(trial, Trial) else trial
        entry = self._shelf.entries.get(number)
        if entry is None or entry.failure is not None:
            why = f": {entry.failure}" if entry is not None else ""
            raise KeyError(f"Trial {number!r} has no model{why}")
        return number

    def to_dict(self) -> dict[str, list[Any]]:
        """Return columns: number, the parameters, score, epochs, seconds, logs and the error."""
        parameters = [one.parameters for one in self._trials]
        names = list(dict.fromkeys(name for one in parameters for name in one))
        columns = _columns([self._shelf.entries[one.number] for one in self._trials], "number")
        return {
            "number": columns.pop("number"),
            **{name: [one.get(name) for one in parameters] for name in names},
            "score": [one.score for one in self._trials],
            **{name: column for name, column in columns.items() if name not in names},
        }

    def __repr__(self) -> str:
        ranked = self.ranked()
        best = f"; best {self.monitor} {ranked[0].score:.4g}" if ranked else ""
        failed = f", {len(self.errors)} failed" if self.errors else ""
        return f"<Trials: {len(self)}{failed}{best}>"

    def __str__(self) -> str:
        rows = self.to_dict()
        order = {one.number: place for place, one in enumerate(self.ranked())}
        places = sorted(
            range(len(self)), key=lambda place: order.get(self._trials[place].number, len(self))
        )
        best_first = {name: [column[place] for place in places] for name, column in rows.items()}
        return "\n".join([repr(self), _as_text(best_first)])


def trial_of(entry: Entry, monitor: str) -> Trial:
    """Return a trial as its entry tells it."""
    score = entry.logs.get(monitor)
    return Trial(
        entry.key,
        loads(entry.more["parameters"]),
        None if score is None else float(score),
        entry.logs,
        entry.epochs,
        entry.seconds,
        entry.failure,
    )


def load_fits(out: Any) -> Fits:
    """Return the models that `fit_many` has written to a folder so far, in the order of writing.

    Parameters
    ----------
    out : path
    """
    folder = _opened(out, "fit_many")
    return Fits(folder, list(folder.entries))


def load_trials(out: Any) -> Trials:
    """Return the trials that `sweep` has written to a folder so far.

    Parameters
    ----------
    out : path
    """
    folder = _opened(out, "sweep")
    return Trials(folder, folder.header["monitor"])


def _opened(out: Any, call: str) -> Folder:
    folder = Folder(checked_path("out", out, "folder"))
    if folder.header.get("call") != call:
        raise ValueError(f"{folder.path} has nothing that {call} has written.")
    return folder


def as_history(logs: Mapping[str, list[Any]]) -> History:
    """Return logs as `fit` returns them."""
    history = History()
    history.set_state({"history": logs, "epoch": range(max(map(len, logs.values()), default=0))})
    return history


def _columns(entries: Sequence[Entry], key: str) -> dict[str, list[Any]]:
    names = list(dict.fromkeys(name for one in entries for name in one.logs))
    errors = [None if one.failure is None else str(one.failure) for one in entries]
    return {
        key: [one.key for one in entries],
        "epochs": [one.epochs for one in entries],
        "seconds": [one.seconds for one in entries],
        **{name: [one.logs.get(name) for one in entries] for name in names},
        "error": errors,
    }


def _as_text(columns: Mapping[str, list[Any]]) -> str:
    names = [name for name, column in columns.items() if any(one is not None for one in column)]
    rows = list(zip(*(columns[name] for name in names), strict=True))
    cells = [names, *([_shown(one) for one in row] for row in rows[:SHOWN])]
    widths = [max(len(row[place]) for row in cells) for place in range(len(names))]
    lines = [
        "  ".join(one.ljust(width) for one, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    return "\n".join([*lines, *([f"... {len(rows) - SHOWN} more"] if len(rows) > SHOWN else [])])


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
