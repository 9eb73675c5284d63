"""One number for how well forecasts fit, and how sure the difference of two such numbers is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nlstm import metrics
from nlstm.arguments.checks import WrongKind, checked_choice, checked_size
from nlstm.arguments.numbers import as_numbers
from nlstm.callbacks.monitor import GROWING
from nlstm.data.arrays import named
from nlstm.data.sources import is_pair, is_source
from nlstm.inspection.passes import checked_model
from nlstm.inspection.tables import number, table
from nlstm.metrics import KernelMetric, Metric

__all__ = ["Comparison", "Effects", "Samples", "Score", "blocks_of_rows", "effects_of"]

LEVEL = 0.95  # of intervals
MODES = ("auto", "min", "max")


@dataclass(frozen=True, eq=False)
class Effects:
    """What changes of the input cost, by name.

    Attributes
    ----------
    names : tuple of str
    values : ndarray, shape (n,)
        How much worse the score is: above 0 where the model needs what was taken from it.
    low, high : ndarray, shape (n,)
        95 % intervals, by drawing blocks of rows anew.
    """

    names: tuple[str, ...]
    values: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, name: str) -> float:
        """Return the value of a name."""
        if name not in self.names:
            raise KeyError(f"There is no {name!r}; there are {', '.join(self.names)}.")
        return float(self.values[self.names.index(name)])

    def table(self, title: str) -> str:
        """Return a line for each name."""
        columns = zip(self.names, self.values, self.low, self.high, strict=True)
        rows = [(name, *(number(float(one)) for one in rest)) for name, *rest in columns]
        return table((title, "worse by", "low", "high"), rows)


class Samples:
    """Inputs of one input as an array, with targets, and the model that is asked.

    Parameters
    ----------
    model : Sequential or Model
    x : array_like or Windows
    y : array_like or None
        None for windows, which have theirs.
    """

    def __init__(self, model: Any, x: Any, y: Any) -> None:
        self.model = checked_model(model)
        if y is None and is_pair(x):
            x, y = x.x, x.y
        if y is None:
            raise ValueError("y must be given; got None.")
        if isinstance(x, Mapping) or isinstance(x, list | tuple) and len(model.input_names) > 1:
            names = list(model.input_names)
            given = zip(names, named("x", x, names), strict=True)
            self.x = {name: _array(f"x[{name!r}]", one) for name, one in given}
        else:
            self.x = {"x": _array("x", x)}
        self._keyed = isinstance(x, Mapping)
        self.y = y if isinstance(y, list | tuple | Mapping) else _array("y", y)
        self.rows = len(next(iter(self.x.values())))

    @property
    def sequences(self) -> dict[str, np.ndarray]:
        """The inputs that have steps, by name."""
        samples = [symbol.sample for symbol in self.model.inputs]
        pairs = zip(self.x.items(), samples, strict=True)
        indexed = self.model.binder.network.graph.limits
        return {
            name: one
            for ((name, one), sample), limit in zip(pairs, indexed, strict=True)
            if len(sample) == 2 or limit is not None
        }

    @property
    def steps(self) -> int:
        """How many steps the longest input has; 1 where none has any."""
        return max((one.shape[1] for one in self.sequences.values()), default=1)

    def predict(self, changed: Mapping[str, np.ndarray] | None = None) -> Any:
        """Return what the model gives where some inputs are others."""
        x = self.x | dict(changed or {})
        given: Any = x if self._keyed else list(x.values())
        return self.model.predict(given if self._keyed or len(x) > 1 else given[0], verbose=0)


def _array(name: str, value: Any) -> np.ndarray:
    if is_source(value):
        value = value[:]
    return as_numbers(name, value)


class Score:
    """One number for predictions, of which less is better after `sign`.

    Parameters
    ----------
    model : Sequential or Model
    metric : str, Metric, callable or None
        None is the loss of `compile`.
    mode : {"auto", "min", "max"}
    """

    def __init__(self, model: Any, metric: Any, mode: str) -> None:
        mode = checked_choice("mode", mode, MODES)
        if metric is None:
            self.name, self._function = "loss", _loss_of(model)
        else:
            self.name, self._function = _measure(model, metric)
        more = mode == "max" or (mode == "auto" and self.name.endswith(GROWING))
        self.sign = -1.0 if more else 1.0

    def __call__(self, y: Any, p: Any) -> float:
        """Return the score."""
        found = self._function(y, p)
        value = float(np.mean(found))
        if not np.isfinite(value):
            raise ValueError(f"metric {self.name!r} is {value} of these targets and predictions.")
        return value

    def worse(self, y: Any, p: Any, base: float) -> float:
        """Return by how much predictions are worse than a score."""
        return self.sign * (self(y, p) - base)


def _loss_of(model: Any) -> Callable[[Any, Any], float]:
    aims = [aim for aim in model.training.aims if aim.loss is not None]
    if not aims:
        raise ValueError("metric must be given where compile has given no loss: metric='mae'.")
    names = list(model.output_names)

    def loss(y: Any, p: Any) -> float:
        if len(names) == 1:
            return float(aims[0].loss(_flat(y), _flat(p)))
        places = [names.index(aim.name) for aim in aims]
        targets, found = _listed(y, names), _listed(p, names)
        parts = zip(aims, places, strict=True)
        return sum(aim.share * float(aim.loss(targets[n], found[n])) for aim, n in parts)

    return loss


def _listed(values: Any, names: list[str]) -> list[Any]:
    return [values[name] for name in names] if isinstance(values, Mapping) else list(values)


def _flat(values: Any) -> Any:
    """Return the one value of a dict or list of one."""
    while isinstance(values, Mapping | list | tuple) and len(values) == 1:
        values = next(iter(values.values())) if isinstance(values, Mapping) else values[0]
    return values


def _measure(model: Any, metric: Any) -> tuple[str, Callable[[Any, Any], Any]]:
    """Return the name and the function of a metric."""
    if callable(metric) and not isinstance(metric, Metric | type | str):
        function = metric
        if not hasattr(metric, "get_config"):
            return getattr(metric, "__name__", "metric"), function
    if not isinstance(metric, str | Metric | type) and not callable(metric):
        raise WrongKind(f"metric must be a name, a Metric or a function; got {metric!r}.")
    if len(model.output_names) > 1:
        raise ValueError(
            "metric of a model with several outputs must be a function of (y, predictions), or None"
            " for its loss."
        )
    found: Any = None
    aims = model.training.aims
    if aims and isinstance(metric, str):
        features = model.binder.network.output_features[0]
        found = metrics.beside(metric, aims[0].reading, features)
        found = found if isinstance(found, KernelMetric) else metrics.get(metric)
    else:
        found = metrics.get(metric)

    def measure(y: Any, p: Any) -> Any:
        found.reset_state()
        found.update_state(_flat(y), _flat(p))
        return found.result()

    return found.name, measure


def blocks_of_rows(rows: int, block: int, draws: int, seed: int) -> np.ndarray:
    """Return rows drawn in blocks that follow each other, (draws, rows): the circular bootstrap."""
    generator = np.random.default_rng(seed)
    count = -(-rows // block)
    firsts = generator.integers(0, rows, (draws, count, 1))
    return ((firsts + np.arange(block)) % rows).reshape(draws, -1)[:, :rows]


class Comparison:
    """A model's predictions, and how much worse others are.

    Parameters
    ----------
    samples : Samples
    score : Score
    draws, block : int
        Of rows for the intervals, in blocks: by default of as many rows as one has steps.
    seed : int
    """

    def __init__(
        self, samples: Samples, score: Score, draws: int, block: int | None, seed: int
    ) -> None:
        rows = min(samples.steps if block is None else checked_size("block", block), samples.rows)
        drawn = blocks_of_rows(samples.rows, rows, checked_size("draws", draws), seed)
        self._samples, self._score, self._draws = samples, score, drawn
        y, p = samples.y, samples.predict()
        self.base = score(y, p)
        self._bases = [score(_taken(y, rows), _taken(p, rows)) for rows in drawn]

    def effect(self, changed: list[Any]) -> tuple[float, float, float]:
        """Return how much worse predictions are, with an interval.

        `changed` are those of each repeat: the mean of them counts.
        """
        y, score = self._samples.y, self._score
        value = np.mean([score.worse(y, p, self.base) for p in changed])
        spread = [
            score.worse(_taken(y, rows), _taken(changed[draw % len(changed)], rows), base)
            for draw, (rows, base) in enumerate(zip(self._draws, self._bases, strict=True))
        ]
        low, high = np.quantile(spread, ((1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0))
        return float(value), float(low), float(high)


def effects_of(found: list[tuple[str, tuple[float, float, float]]]) -> Effects:
    """Return what `Comparison.effect` gave, by name."""
    values = np.array([one for _, one in found]).reshape(-1, 3)
    names = tuple(name for name, _ in found)
    return Effects(names, values[:, 0], values[:, 1], values[:, 2])


def _taken(values: Any, rows: np.ndarray) -> Any:
    if isinstance(values, Mapping):
        return {name: _taken(one, rows) for name, one in values.items()}
    if isinstance(values, list | tuple):
        return [_taken(one, rows) for one in values]
    return values[rows]
