"""A model for each of many series, on all processors of one machine or of many."""

import inspect
import numbers
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from nlstm.arguments.checks import WrongKind, checked_flag, checked_seed
from nlstm.arguments.names import unknown_name
from nlstm.arguments.warned import warn_user
from nlstm.distributed.calls import (
    check_fit,
    job_of,
    places,
    plain_part,
    root_of,
    shelf_of,
)
from nlstm.distributed.chunks import Item, Supply, carry_out
from nlstm.distributed.crew import crew_of
from nlstm.distributed.pickled import pickled
from nlstm.distributed.rebuilt import Rebuilt
from nlstm.distributed.results import Fits
from nlstm.distributed.shelf import Entry, Shelf
from nlstm.distributed.told import Told
from nlstm.distributed.work import Fitted, Outcome, fit_with
from nlstm.training.fit import fit as fit_of_models

__all__ = ["Shelved", "fit_many"]

Keep = Callable[[list[Entry]], None]


def fit_many(
    build: Callable[..., Any],
    series: Any,
    *,
    executor: Any = None,
    out: Any = None,
    load: Callable[[Any], Any] | None = None,
    seed: int | None = None,
    retry_failed: bool = False,
    verbose: Any = "auto",
    **fit: Any,
) -> Fits:
    """Fit a model of its own to each series.

    Parameters
    ----------
    build : callable
        Returns a new compiled model. It is called as ``build()``; as ``build(data)`` if it takes an
        argument, as ``build(key, data)`` if it takes two.
    series : mapping of key to data, list of data, or iterable of (key, data)
        Data are what `fit` takes: (x, y), (x, y, sample_weight), a source of windows such as
        `nlstm.windows.Windows`, or a dict of arguments of fit, such as
        ``{"x": ..., "y": ..., "validation_data": ...}``. Keys are strings, whole numbers, or tuples
        of them; without keys places in the list, from 0. What an iterable gives is taken when a
        worker has room for it.
    executor : concurrent.futures.Executor or int, optional
        Who does the work: ``Client(...).get_executor(retries=2)`` of Dask's, an
        ``mpi4py.futures.MPIPoolExecutor``, or any other. By default processes of this machine, as
        many as threads would be used; a number is so many processes.
    out : path, optional
        A folder to write to. The same call again does what is missing there: series that have a
        model are passed over, and those that have failed, unless `retry_failed`. One of them is
        built again, to see that `build` still makes the models that are there. By default models
        are kept in memory.
    load : callable, optional
        Called by the worker with the data of a series, returns what fit takes: for series that are
        names of files, or that are to be cut into windows.
    seed : int, optional
        With it, and the key alone, a series' model is determined: weights are the same from every
        executor, in any order. By default `nlstm.set_random_seed` decides; in a folder the first
        call.
    retry_failed : bool, default False
        Whether series that failed in an earlier call are tried again.
    verbose : {"auto", 0, 1, 2}
        0 nothing; 1 a bar of the whole job; 2 some lines.
    **fit
        Arguments of fit for every series: `epochs`, `batch_size`, `validation_split`, ...
        `callbacks` is a list, of which each fit gets a copy, or a callable that returns one for a
        key.

    Returns
    -------
    Fits
        A mapping of keys to models, with histories, a table, and the errors of series that failed.

    Raises
    ------
    TypeError
        Something cannot be sent to workers; the error names it, and nothing was started.
    ValueError
        An argument is wrong, two series have one key, or `out` is of a call with other arguments,
        or of other models: the error says what differs.
    RuntimeError
        The first ten series failed and nothing else came, or workers cannot start.
    KeyboardInterrupt
        Ctrl-C ends the processes of this machine that were started here, in the middle of what they
        do. What came from them is kept, and the same call does the rest.

    Warns
    -----
    RuntimeWarning
        Series failed: `Fits.errors` says why. Or what workers warned of, once.

    Notes
    -----
    Each worker uses one thread. Series go out in chunks that take about twenty seconds, sized by
    what came before; a chunk is written whole, and then noted, so that a process that is killed
    costs the chunks under way. A series that fails, or whose worker dies, is tried once more; then
    its error is kept and the rest goes on. Between calls are compared, of one series that was
    there, the first that can be built: the model, what it was compiled with, and the shape of a row
    of its data. Numbers are not, and callbacks: a series whose data have changed needs another key.

    Examples
    --------
    In a script, where processes start by reading it again::

        def build():
            model = nlstm.Sequential([LSTM(8), Dense(1)])
            model.compile("adam", "mse")
            return model

        def windows(series):
            return Windows(series, sequence_length=24)

        if __name__ == "__main__":
            series = {"north": np.load("north.npy"), "south": np.load("south.npy")}
            models = nlstm.fit_many(build, series, load=windows, epochs=20, out="models/")
            forecast = models["north"].predict(series["north"][None, -24:])
    """
    check_fit(fit_many, fit)
    places("build", build, 2)
    if load is not None:
        places("load", load, 1)
    retry_failed = checked_flag("retry_failed", retry_failed)
    pairs, size = _pairs(series)
    job = job_of(OneSeries(build, load, fit), {"build": build, "load": load, **fit})
    shelf = shelf_of(out)
    root = root_of(shelf, checked_seed("seed", seed))
    header = {"call": "fit_many", "seed": list(root), "fit": plain_part(fit)}
    keys: dict[Any, None] = {}
    with crew_of(executor) as crew, shelf.writing(header):
        found = {k for k, one in shelf.entries.items() if not (retry_failed and one.failure)}
        again = Rebuilt(shelf, crew, job, root)
        if size is not None:
            _compare(series, again)
        supply = _Series(pairs, found, keys, again)
        left = _left(series, size, found)
        told = Told(verbose, "fit_many", left, 0 if size is None or left is None else size - left)
        keeper = Shelved(shelf, told)
        ended = False
        try:
            carry_out(Supply(supply.items(), left), crew, job, keeper, root, "series")
            ended = True
        finally:
            told.close(ended)
    fits = Fits(shelf, list(keys))
    if fits.errors:
        key, first = next(iter(fits.errors.items()))
        warn_user(f"{len(fits.errors)} of {len(keys)} series have no model; {key!r}: {first}")
    return fits


@dataclass(frozen=True)
class OneSeries:
    """The job of a worker."""

    build: Callable[..., Any]
    load: Callable[[Any], Any] | None
    fit: Mapping[str, Any]

    def made(self, key: Any, data: Any) -> tuple[Any, dict[str, Any]]:
        """Return the model of a series, and the arguments of its fit."""
        if self.load is not None:
            data = self.load(data)
        count = places("build", self.build, 2)
        model = self.build(*(key, data)[2 - count :])
        return model, {**self.fit, **_arguments(data)}

    def __call__(self, key: Any, data: Any) -> Fitted:
        """Return the fitted model of a series."""
        return fit_with(*self.made(key, data), key)


def _arguments(data: Any) -> dict[str, Any]:
    if isinstance(data, Mapping):
        known = set(inspect.signature(fit_of_models).parameters)
        for name in data:
            if name not in known:
                raise unknown_name("argument of fit among the data", name, known - {"self"})
        return dict(data)
    if isinstance(data, tuple) and len(data) in (2, 3):
        return dict(zip(("x", "y", "sample_weight"), data, strict=False))
    return {"x": data}


class _Series:
    """Gives the series that are not done, and notes the keys of all."""

    def __init__(
        self,
        pairs: Iterable[tuple[Any, Any]],
        found: Any,
        keys: dict[Any, None],
        again: Rebuilt,
    ) -> None:
        self._pairs, self._found, self._keys, self._again = pairs, found, keys, again

    def items(self) -> Iterator[Item]:
        for given, data in self._pairs:
            key = checked_key(given)
            if key in self._keys:
                raise ValueError(f"series has two of the key {key!r}.")
            self._keys[key] = None
            if key in self._found:
                self._again.compare(key, partial(_sent, key, data))
            else:
                yield Item(key, _sent(key, data))


def _sent(key: Any, data: Any) -> bytes:
    return pickled(f"series[{key!r}]", data() if isinstance(data, _Later) else data)


def _compare(series: Any, again: Rebuilt) -> None:
    """Look before anything is fitted whether a folder's models are those that would be built."""
    for given, data in _pairs(series)[0]:
        if again.done:
            break
        key = checked_key(given)
        again.compare(key, partial(_sent, key, data))


class _Later:
    """What a mapping has for a key: taken when it is needed."""

    def __init__(self, series: Mapping[Any, Any], key: Any) -> None:
        self._series, self._key = series, key

    def __call__(self) -> Any:
        return self._series[self._key]


def _pairs(series: Any) -> tuple[Iterable[tuple[Any, Any]], int | None]:
    """Return pairs of key and data, and how many there are."""
    if isinstance(series, Mapping):
        return ((key, _Later(series, key)) for key in series), len(series)
    if isinstance(series, str | bytes) or not hasattr(series, "__iter__"):
        raise WrongKind(
            "series must be a dict of data by keys, a list of data, or pairs (key, data); got "
            f"{series!r}."
        )
    if hasattr(series, "columns"):
        raise WrongKind(
            "series must not be a frame: {name: frame[name] for name in frame.columns} has one "
            "for each column, frame.groupby(...) of pandas one for each group."
        )
    size = len(series) if hasattr(series, "__len__") else None
    return (one if _is_pair(one) else (place, one) for place, one in enumerate(series)), size


def _is_pair(one: Any) -> bool:
    return isinstance(one, tuple) and len(one) == 2 and _is_key(one[0])


def _is_key(key: Any) -> bool:
    if isinstance(key, tuple):
        return bool(key) and all(map(_is_key, key))
    return isinstance(key, str | numbers.Integral) and not isinstance(key, bool)


def checked_key(key: Any) -> Any:
    """Return a key as files have it."""
    if not _is_key(key):
        raise WrongKind(
            f"series must have keys that are strings, whole numbers or tuples of them; got {key!r}."
        )
    if isinstance(key, tuple):
        return tuple(map(checked_key, key))
    return str(key) if isinstance(key, str) else int(key)


def _left(series: Any, size: int | None, found: Any) -> int | None:
    """Return how many series are to be done, where that can be known beforehand."""
    if size is None or not found:
        return size
    if isinstance(series, Mapping):
        return sum(checked_key(key) not in found for key in series)
    keys = (one[0] if _is_pair(one) else place for place, one in enumerate(series))
    return sum(checked_key(key) not in found for key in keys)


class Shelved:
    """Keeps what comes on a shelf, and tells of it."""

    def __init__(self, shelf: Shelf, told: Told, after: Keep | None = None) -> None:
        self._shelf, self._told, self._after = shelf, told, after
        self.parameters: dict[Any, str] = {}  # of trials, as JSON

    @property
    def count(self) -> int:
        """How many models there are."""
        return self._shelf.count

    def keep(self, good: list[tuple[Item, Outcome]], bad: list[tuple[Item, Outcome]]) -> None:
        """Keep models and failures."""
        entries = [
            Entry.of(item.key, outcome, self._more(item.key, outcome))
            for item, outcome in [*good, *bad]
        ]
        self._shelf.keep(entries, [outcome for _, outcome in [*good, *bad]])
        logs = entries[len(good) - 1].logs if good else {}
        self._told.advance(len(good), len(bad), logs)
        if self._after is not None:
            self._after(entries)

    def _more(self, key: Any, outcome: Outcome) -> dict[str, Any]:
        if key not in self.parameters:
            return {}
        return {"parameters": self.parameters[key], "grows": outcome.grows}
