"""Nested backtests: what choosing among models would have given, choice included."""

import copy
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from nlstm.arguments.checks import (
    WrongKind,
    check_mapping,
    checked_choice,
    checked_integer,
    is_number,
)
from nlstm.arguments.seeds import set_random_seed
from nlstm.arguments.shown import short
from nlstm.windows.forecasts import Backtest
from nlstm.windows.predicted import (
    as_backtest,
    checked_levels,
    outputs,
    scaled,
    shaped,
)
from nlstm.windows.purge import Parts, checked_splitter
from nlstm.windows.reach import reach_of
from nlstm.windows.scalers import Scaler
from nlstm.windows.series import as_several
from nlstm.windows.source import Windows
from nlstm.windows.splits import ExpandingSplit

__all__ = ["NestedBacktest", "NestedFold", "nested_backtest"]

METRICS = ("mae", "rmse", "pinball")
Metric = Callable[[Backtest], float]


@dataclass(frozen=True, eq=False)
class NestedFold:
    """One outer fold.

    Attributes
    ----------
    choice : str
        The candidate with the least mean of inner scores.
    parameters : dict
        Those of the grid that it had.
    inner_scores : dict of str to ndarray(float64), shape (inner folds,)
        Of each candidate.
    score : float
        Of the chosen one on the outer test, which took no part in the choice.
    forecasts : Backtest
        Its forecasts there, in the units of the series.
    training, test : ndarray(int64)
        Numbers of the windows.
    """

    choice: str
    parameters: dict[str, Any]
    inner_scores: dict[str, np.ndarray]
    score: float
    forecasts: Backtest
    training: np.ndarray
    test: np.ndarray


@dataclass(frozen=True, eq=False)
class NestedBacktest:
    """What a nested backtest found, fold by fold.

    Attributes
    ----------
    folds : tuple of NestedFold
    metric : str
        What the scores are.
    """

    folds: tuple[NestedFold, ...]
    metric: str

    def __repr__(self) -> str:
        return f"<NestedBacktest: {len(self.folds)} folds, {self.metric} {self.score:.4g}>"

    def __str__(self) -> str:
        width = max(len("choice"), *(len(choice) for choice in self.choices))
        lines = [f"{'fold':>4}  {'choice':<{width}}{'inner':>10}{self.metric:>10}{'windows':>10}"]
        for number, fold in enumerate(self.folds, 1):
            inner = fold.inner_scores[fold.choice].mean()
            figures = f"{inner:>10.4g}{fold.score:>10.4g}{fold.test.size:>10}"
            lines.append(f"{number:>4}  {fold.choice:<{width}}{figures}")
        return "\n".join(lines)

    @property
    def choices(self) -> list[str]:
        """The candidate that each fold chose."""
        return [fold.choice for fold in self.folds]

    @property
    def score(self) -> float:
        """The mean of the folds' scores: what the whole way of choosing and training is worth."""
        return float(np.mean([fold.score for fold in self.folds]))

    @property
    def forecasts(self) -> Backtest:
        """The forecasts of all folds, one after the other."""
        every = [fold.forecasts for fold in self.folds]
        return replace(
            every[0],
            origins=np.concatenate([one.origins for one in every]),
            series_index=np.concatenate([one.series_index for one in every]),
            forecasts=np.concatenate([one.forecasts for one in every]),
            actuals=np.concatenate([one.actuals for one in every]),
        )


class _Candidate(NamedTuple):
    name: str
    train: Callable[..., Any]
    parameters: dict[str, Any]


def nested_backtest(
    candidates: Any,
    series: Any,
    sequence_length: int,
    horizon: int = 1,
    stride: int = 1,
    *,
    grid: Mapping[str, Sequence[Any]] | None = None,
    outer: Any = None,
    inner: Any = None,
    metric: str | Metric | None = None,
    scaler: Scaler | None = None,
    quantiles: Sequence[float] | None = None,
    seed: int | None = 0,
    sampling_rate: int = 1,
    inputs: Sequence[int | str] | None = None,
    targets: Sequence[int | str] | None = None,
    future: Sequence[int | str] | None = None,
    static: ArrayLike | None = None,
    scaling: str | None = None,
    drop_nan: bool = False,
    gaps: str = "warn",
) -> NestedBacktest:
    """Choose among candidates by inner splits of each training part, and test the chosen one.

    Parameters
    ----------
    candidates : callable, or sequence or dict of them
        ``train(windows)`` returns a trained model: it gets `Windows` of a training part, scaled,
        builds a model, and fits it. Anything with ``predict(x)`` will do.
    series : array_like, shape (steps,) or (steps, columns), or several
        As for `Windows`, in its own units.
    sequence_length, horizon, stride, sampling_rate, inputs, targets, future, static, scaling
        As for `Windows`.
    grid : dict of str to sequence, optional
        Every candidate is taken with each combination: ``train(windows, units=8, epochs=10)``.
    outer : splitter, default ExpandingSplit(3)
        Its tests are what the result is about.
    inner : splitter, default ExpandingSplit(3)
        Splits each outer training part; the candidate with the least mean score is chosen, and
        trained anew on that whole part.
    metric : {"mae", "rmse", "pinball"} or callable, optional
        ``metric(backtest)`` returns a number, less for better. By default "pinball" where there are
        `quantiles`, else "mae", in the units of the series.
    scaler : Scaler, optional
        Copies of it learn from the steps of each training part, inner and outer, and no others.
    quantiles : sequence of float, optional
        As for `backtest`.
    seed : int or None, default 0
        `nlstm.set_random_seed` gets it before each training, so that a candidate's model depends
        on its data alone. None leaves seeds alone.
    drop_nan, gaps
        As for `Windows`.

    Returns
    -------
    NestedBacktest

    Raises
    ------
    TypeError, ValueError
        An argument is out of range, parts are too small, or a model gives another shape.

    Notes
    -----
    The score of the best of many candidates on the data that chose it is too good. The outer tests
    had no part in the choice. What they score is the way of choosing; folds may choose differently.

    References
    ----------
    Varma & Simon 2006, Bias in error estimation when using cross-validation for model selection.

    Examples
    --------
    >>> class Last:
    ...     def __init__(self, back):
    ...         self.back = back
    ...     def predict(self, x):
    ...         return x[:, -self.back]
    >>> def last(windows, back):
    ...     return Last(back)
    >>> series = np.arange(200) % 4
    >>> found = nested_backtest(last, series, 6, grid={"back": [1, 4]})
    >>> found.choices, found.score
    (['last(back=4)', 'last(back=4)', 'last(back=4)'], 0.0)
    """
    checked_integer("horizon", horizon, 1)
    if isinstance(series, Windows):
        raise WrongKind("series must be what windows are cut from, in its own units; got Windows.")
    several = as_several(series)
    options: dict[str, Any] = {"sampling_rate": sampling_rate, "inputs": inputs}
    options |= {"targets": targets, "future": future, "static": static, "scaling": scaling}
    options |= {"drop_nan": drop_nan, "stride": stride}
    levels = None if quantiles is None else checked_levels(quantiles)
    if scaler is not None and not isinstance(scaler, Scaler):
        raise TypeError(f"scaler must be a Scaler of nlstm.windows; got {scaler!r}.")
    named, measure = _measure(metric, levels)
    every = _candidates(candidates, grid)
    outer, inner = (_checked_split(*one) for one in (("outer", outer), ("inner", inner)))
    raw = Windows(several, sequence_length, horizon, gaps=gaps, **options)
    options["gaps"] = "drop" if gaps == "drop" else "ignore"  # it has warned

    def prepared(rows: np.ndarray) -> tuple[Windows, Scaler | None]:
        """Return all windows, scaled by what `rows` of them know."""
        if scaler is None:
            return raw, None
        own = copy.copy(scaler).fit(_seen(raw.part(rows), several.arrays, scaler.per_series))
        tables = scaled(own, several)
        return Windows(tables, sequence_length, horizon, **options), own

    def tested(candidate: _Candidate, ready: Any, training: Any, test: Any) -> Backtest:
        windows, own = ready
        if seed is not None:
            set_random_seed(seed)
        model = candidate.train(windows.part(training), **candidate.parameters)
        if not callable(getattr(model, "predict", None)):
            raise TypeError(
                f"{candidate.name} must return a model with predict(x); got {short(model)}."
            )
        chosen = windows.part(test)
        found = shaped(outputs(model, chosen.x[:]), chosen, horizon, levels)
        return as_backtest(chosen.inverse_scaling(found), chosen, several, own, levels)

    folds = []
    for training, test in _split("outer", outer, raw):
        scores: dict[str, list[float]] = {one.name: [] for one in every}
        for first, second in _split("inner", inner, raw.part(training)):
            ready = prepared(training[first])
            for one in every:
                found = tested(one, ready, training[first], training[second])
                scores[one.name].append(_number(measure(found), one.name))
        inner_scores = {name: np.array(values) for name, values in scores.items()}
        best = min(every, key=lambda one: inner_scores[one.name].mean())
        found = tested(best, prepared(training), training, test)
        score = _number(measure(found), best.name)
        own = best.name, best.parameters, inner_scores, score, found, training, test
        folds.append(NestedFold(*own))
    return NestedBacktest(tuple(folds), named)


def _candidates(candidates: Any, grid: Any) -> list[_Candidate]:
    """Return each function with each combination of the grid."""
    if isinstance(candidates, Mapping):
        trains = [(str(name), one) for name, one in candidates.items()]
    else:
        listed = [candidates] if callable(candidates) else candidates
        if not isinstance(listed, Sequence) or isinstance(listed, str):
            raise WrongKind(f"candidates must be functions that train; got {candidates!r}.")
        trains = [(getattr(one, "__name__", type(one).__name__), one) for one in listed]
    wrong = [one for _, one in trains if not callable(one)]
    if wrong or not trains:
        raise WrongKind(f"candidates must be functions that train; got {(wrong or [None])[0]!r}.")
    names = [name for name, _ in trains]
    if len(set(names)) < len(names):
        raise ValueError(f"candidates must have names of their own, or be a dict; got {names}.")
    if grid is not None:
        check_mapping("grid", grid)
        bad = {name for name, one in grid.items() if isinstance(one, str) or not np.iterable(one)}
        if bad or not all(len(one) for one in grid.values()):
            raise ValueError(f"grid must have a sequence of values for each name; got {grid!r}.")
    keys, values = list(grid or {}), list((grid or {}).values())
    return [
        _Candidate(_called(name, parameters), one, parameters)
        for name, one in trains
        for parameters in (dict(zip(keys, row, strict=True)) for row in itertools.product(*values))
    ]


def _called(name: str, parameters: dict[str, Any]) -> str:
    shown = ", ".join(f"{key}={value!r}" for key, value in parameters.items())
    return f"{name}({shown})" if shown else name


def _measure(metric: Any, levels: Any) -> tuple[str, Metric]:
    if metric is None:
        metric = "mae" if levels is None else "pinball"
    if callable(metric):
        return getattr(metric, "__name__", "score"), metric
    name = checked_choice("metric", metric, METRICS)
    return name, lambda found: float(getattr(found, name)().mean())


def _number(score: Any, name: str) -> float:
    if not is_number(score) or not np.isfinite(score):
        raise ValueError(f"metric must return a finite number; got {score!r} of {name}.")
    return float(score)


def _checked_split(name: str, split: Any) -> Any:
    return ExpandingSplit(3) if split is None else checked_splitter(name, split)


def _split(name: str, split: Any, windows: Windows) -> Parts:
    """Give the parts; what goes wrong says whose they are."""
    try:
        yield from split.split(windows)
    except ValueError as error:
        raise ValueError(f"{name}, on {len(windows)} windows: {error}") from None


def _seen(windows: Windows, raw: list[np.ndarray], per_series: bool) -> list[np.ndarray]:
    """Return the steps of each series that some windows take."""
    reach = reach_of(windows, None, None, None)
    parts = []
    for number, one in enumerate(raw):
        own = reach.series == number
        edges = np.zeros(len(one) + 1, np.int64)
        np.add.at(edges, reach.first[own], 1)
        np.add.at(edges, reach.last[own] + 1, -1)
        parts.append(one[np.cumsum(edges[:-1]) > 0])
    if not per_series:
        return [one for one in parts if len(one)]
    missing = [number for number, one in enumerate(parts) if not len(one)]
    if missing:
        raise ValueError(f"scaler must know each series; series {missing} have no training window.")
    return parts
