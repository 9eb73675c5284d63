"""`fit_final`: trained anew on all data, for as long as validation has found to be best."""

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nlstm.arguments.checks import WrongKind, checked_choice, checked_integer
from nlstm.arguments.numbers import as_numbers, is_arraylike
from nlstm.callbacks import EarlyStopping, History
from nlstm.models import Model, clone_model
from nlstm.windows.purge import checked_splitter
from nlstm.windows.source import Windows

__all__ = ["fit_final"]

AVERAGES: dict[str, Callable[..., Any]] = {"median": np.median, "mean": np.mean}
HELD_BACK = ("validation_data", "validation_split", "validation_freq", "initial_epoch")
BY_ROW = ("sample_weight", "lengths")


def fit_final(
    model: Any,
    x: Any,
    y: Any = None,
    history: Any = None,
    *,
    cv: Any = None,
    epochs: int | None = None,
    patience: int | None = None,
    monitor: str = "val_loss",
    mode: str = "auto",
    average: str = "median",
    keep: str = "epochs",
    **options: Any,
) -> Model:
    """Train a model anew on all data for the number of epochs that was best in validation.

    Parameters
    ----------
    model : Sequential or Model, or callable
        Compiled; it stays as it is. A model of the same layers, with the same initial weights and
        the same random numbers, is trained in its place. A function without arguments makes one
        for each training.
    x, y
        All data, as for `fit`.
    history : History, or sequence of History
        What `fit` with validation has returned: the epoch that was best, or their average, counts.
    cv : splitter, optional
        Instead of `history`: such as `nlstm.windows.ExpandingSplit`. A new model is trained on each
        split, with early stopping.
    epochs : int, optional
        With `cv` alone: epochs at most, 100 by default.
    patience : int, optional
        With `cv` alone: epochs without improvement that are let pass, 10 by default.
    monitor : str, default "val_loss"
        The log that says which epoch was best.
    mode : {"auto", "min", "max"}
        As of `EarlyStopping`.
    average : {"median", "mean"}
        Of the best epochs of several splits; the median does not mind one that never turned.
    keep : {"epochs", "updates"}
        What is kept of the best epoch: how often each row was seen, or how many steps the optimizer
        took; all data make more steps an epoch. Epochs by default: with more data a step
        fits noise less, so that there is no reason to see each row less often.
    **options
        For `fit`: batch_size, callbacks, sample_weight, verbose, ...

    Returns
    -------
    Model
        ``model.history`` is that of the last training, whose length is the number of epochs.

    Raises
    ------
    TypeError, ValueError
        Neither `history` nor `cv` is given, or both; `epochs` or `patience` beside `history`; or
        the log is not there.

    Notes
    -----
    Nothing is left to measure the final model by: take the backtest of the way it was made,
    `nested_backtest` or that of the first fit. Which of the two to keep nobody knows in general
    (Goodfellow, Bengio & Courville 2016, Deep Learning, section 7.8).

    The optimizer begins with the learning rate that it has now; where a callback has changed it,
    give a function instead of a model, one that makes a new model at each call.

    Examples
    --------
    >>> import nlstm
    >>> from nlstm.layers import LSTM, Dense
    >>> from nlstm.windows import ExpandingSplit, Windows
    >>> windows = Windows(np.sin(np.arange(200) / 5.0), sequence_length=8)
    >>> model = nlstm.Sequential([nlstm.Input((8, 1)), LSTM(4), Dense(1)])
    >>> model.compile("adam", "mse")
    >>> final = fit_final(model, windows, cv=ExpandingSplit(2), epochs=3, verbose=0)
    >>> len(final.history.epoch)
    3
    """
    if (history is None) == (cv is None):
        came = "neither" if history is None else "both"
        raise ValueError(f"fit_final takes history, or cv to find the best epoch by; got {came}.")
    if cv is None:
        _check_searched({"epochs": epochs, "patience": patience})
    for name in HELD_BACK:
        if name in options:
            raise ValueError(f"fit_final trains on all data from the start, so without {name}.")
    average = checked_choice("average", average, tuple(AVERAGES))
    keep = checked_choice("keep", keep, ("epochs", "updates"))
    if cv is None:
        found = [history] if isinstance(history, History) else history
    else:
        most = 100 if epochs is None else checked_integer("epochs", epochs, 1)
        wait = 10 if patience is None else checked_integer("patience", patience, 0)
        found = _searched(model, x, y, cv, most, (monitor, mode, wait), options)
    if not isinstance(found, Sequence) or not all(isinstance(one, History) for one in found):
        raise WrongKind(f"history must be a History, or several; got {history!r}.")
    if not found:
        raise ValueError("history must be one at least; got none.")
    steps = _steps(x, options) if keep == "updates" else None
    counts = [_best(one, monitor, mode) * _ratio(one, steps) for one in found]
    made = anew(model)
    if any(made is one.model for one in found):
        raise ValueError("model must make a new model; it gave one that has been trained.")
    made.fit(x, y, epochs=max(1, round(float(AVERAGES[average](counts)))), **options)
    return made


def anew(model: Any) -> Model:
    """Return an untrained model like `model`, which draws the same numbers; or what it makes."""
    if not isinstance(model, Model):
        made = _made_by(model) if callable(model) else model
        if not isinstance(made, Model) or not made.compiled:
            raise WrongKind(f"model must be a compiled model, or make one; got {made!r}.")
        return made
    if not model.compiled:
        raise ValueError("model must be compiled: call compile(optimizer, loss) first.")
    made = clone_model(model)
    for one, other in zip(made.design.layers, model.design.layers, strict=True):
        for inner, same in zip((one, *one.inside), (other, *other.inside), strict=True):
            inner.seeds = same.seeds
    made.training.seeds = model.training.seeds
    return made


def _check_searched(given: dict[str, Any]) -> None:
    """Raise for arguments of a search where there is none."""
    for name, value in given.items():
        if value is not None:
            raise ValueError(
                f"{name} is for cv; with history the model is trained for the epochs that it says "
                f"were best. Got {name}={value!r} beside it."
            )


def _made_by(function: Any) -> Any:
    try:
        inspect.signature(function).bind()
    except TypeError as error:
        name = getattr(function, "__name__", repr(function))
        raise WrongKind(f"model must be a function without arguments; {name}(): {error}.") from None
    return function()


def _searched(
    model: Any, x: Any, y: Any, cv: Any, epochs: int, stopping: Any, options: dict[str, Any]
) -> list[History]:
    """Return the history of a new model on each split."""
    checked_splitter("cv", cv)
    _check_rows(x, y, options)
    monitor, mode, patience = stopping
    given = options.get("callbacks")
    callbacks = [] if given is None else list(given) if isinstance(given, Sequence) else [given]
    found: list[History] = []
    for training, test in cv.split(_first(x)):
        own = {
            name: _taken(name, value, training) if name in BY_ROW else value
            for name, value in options.items()
        }
        stop = EarlyStopping(monitor, mode=mode, patience=patience)
        own["callbacks"] = [*callbacks, stop]
        part, held = _rows(x, y, training), _rows(x, y, test)
        validation = held[0] if held[1] is None else held
        made = anew(model)
        if any(made is one.model for one in found):
            raise ValueError(
                "model must make a new model at each call; it gave the same one twice."
            )
        if "lengths" in options:
            own["validation_lengths"] = _taken("lengths", options["lengths"], test)
        found.append(made.fit(*part, epochs=epochs, validation_data=validation, **own))
    return found


def _check_rows(x: Any, y: Any, options: dict[str, Any]) -> None:
    """Raise where rows are to be taken by number from arrays of unlike length."""
    rows = _count("x", _first(x))
    for name, given in ({"x": x, "y": y} | {one: options.get(one) for one in BY_ROW}).items():
        for part, array in _parts(name, given):
            count = rows if array is None else _count(part, array)
            if count != rows:
                raise ValueError(f"{part} must have {rows} rows, as x has; got {count}.")


def _count(name: str, given: Any) -> int:
    return len(given) if isinstance(given, Windows) else len(as_numbers(name, given))


def _parts(name: str, given: Any) -> list[tuple[str, Any]]:
    """Return an array, or each of several inputs or outputs, by name."""
    if isinstance(given, dict):
        return [(f"{name}[{key!r}]", one) for key, one in given.items()]
    if isinstance(given, list | tuple) and any(map(is_arraylike, given)):
        return [(f"{name}[{n}]", one) for n, one in enumerate(given)]
    return [(name, given)]


def _rows(x: Any, y: Any, rows: np.ndarray) -> tuple[Any, Any]:
    if isinstance(x, Windows):
        return x.part(rows), None
    return _taken("x", x, rows), _taken("y", y, rows)


def _taken(name: str, given: Any, rows: np.ndarray) -> Any:
    """Return rows of an array, or of each of several inputs or outputs."""
    if given is None:
        return None
    if isinstance(given, dict):
        return {key: _taken(f"{name}[{key!r}]", one, rows) for key, one in given.items()}
    if isinstance(given, list | tuple) and any(map(is_arraylike, given)):
        return [_taken(f"{name}[{n}]", one, rows) for n, one in enumerate(given)]
    return as_numbers(name, given)[rows]


def _first(x: Any) -> Any:
    """Return the first of several inputs: its rows are those that are split."""
    if isinstance(x, dict):
        x = list(x.values())
    return x[0] if isinstance(x, list | tuple) and any(map(is_arraylike, x)) else x


def _best(history: History, monitor: str, mode: str) -> int:
    """Return the epoch that was best, counted from 1."""
    values, epochs = history.history.get(monitor), history.epoch
    if not values:
        raise ValueError(f"history has no {monitor!r}, but {', '.join(history.history)}.")
    if len(values) != len(epochs):
        raise ValueError(
            f"history has {len(values)} values of {monitor!r} for {len(epochs)} epochs, which does "
            "not tell which epoch was best: take that of one fit with validation_freq=1."
        )
    watch = EarlyStopping(monitor, mode=mode, patience=len(epochs) + 1)
    watch.set_model(history.model)
    for epoch, value in zip(epochs, values, strict=True):
        if not np.isnan(value):
            watch.on_epoch_end(epoch, {monitor: value})
    if watch.best is None:
        raise ValueError(f"history has NaN for {monitor!r} at every epoch.")
    return watch.best_epoch + 1


def _steps(x: Any, options: dict[str, Any]) -> int:
    """Return the steps of an epoch on all data."""
    rows = _count("x", _first(x))
    size = options.get("batch_size") or 32
    return options.get("steps_per_epoch") or math.ceil(rows / size)


def _ratio(history: History, steps: int | None) -> float:
    return 1.0 if steps is None else history.params["steps"] / steps
