"""`importance`: what the model loses where parts of its input are those of other rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nlstm.arguments.checks import checked_integer, checked_seed, checked_size
from nlstm.inspection.scores import (
    Comparison,
    Effects,
    Samples,
    Score,
    effects_of,
)
from nlstm.inspection.tables import as_plain, number

__all__ = ["Importance", "importance"]


@dataclass(frozen=True, eq=False)
class Importance:
    """What the model loses without parts of its input.

    Attributes
    ----------
    metric : str
    score : float
        Of the model as it is.
    features, lags, order : Effects
        Of each feature (at all steps), of each lag (with all its features; lag 0 is the last step),
        and of the order of steps.
    """

    metric: str
    score: float
    features: Effects
    lags: Effects
    order: Effects

    def __repr__(self) -> str:
        return (
            f"<Importance by {self.metric} {number(self.score)}: {len(self.features)} features, "
            f"{len(self.lags)} lags, order>"
        )

    def __str__(self) -> str:
        parts = [("feature", self.features), ("lag", self.lags), ("order", self.order)]
        blocks = [one.table(title) for title, one in parts if len(one)]
        return "\n\n".join([repr(self), *blocks])

    def to_dict(self) -> dict[str, Any]:
        """Return a dict of arrays, numbers and strings."""
        return as_plain(self)


def importance(
    model: Any,
    x: Any,
    y: Any = None,
    metric: Any = None,
    *,
    names: Sequence[str] | None = None,
    lags: Sequence[int] | None = None,
    repeats: int = 5,
    mode: str = "auto",
    draws: int = 200,
    block: int | None = None,
    seed: int = 0,
) -> Importance:
    """Return how much worse the model is where one feature, one lag, or the order is random.

    Parameters
    ----------
    model : Sequential or Model
        It stays as it is.
    x, y : array_like, or Windows for both
        What the model was not trained on.
    metric : str, Metric or callable, optional
        A name such as "mae", a metric, or a function of (y, predictions); by default the loss of
        `compile`.
    names : sequence of str, optional
        Of the features, where there is one input; by default their numbers.
    lags : sequence of int, optional
        Which lags to look at; by default all. Lag 0 is the last step.
    repeats : int, default 5
        Times that each part is permuted.
    mode : {"auto", "min", "max"}
        Whether less or more of the metric is better; "auto" goes by its name.
    draws : int, default 200
        Of rows, for the intervals.
    block : int, optional
        Rows that are drawn together, since rows that follow each other are alike; by default as
        many as a row has steps.
    seed : int, default 0

    Returns
    -------
    Importance

    Notes
    -----
    A part is permuted over rows: each row gets that of another one, so that values stay likely and
    what belongs together is torn apart. Two features that say the same share their importance:
    each alone may look useless. The order is permuted within each row.

    References
    ----------
    Breiman 2001, "Random forests"; Fisher, Rudin & Dominici 2019, "All models are wrong, but many
    are useful"; Politis & Romano 1992, "A circular block-resampling procedure" (intervals).
    """
    samples, score = Samples(model, x, y), Score(model, metric, mode)
    repeats, seed = checked_size("repeats", repeats), checked_seed("seed", seed) or 0
    if samples.rows < 2:
        raise ValueError("x must have at least 2 rows: parts are permuted over rows.")
    comparison = Comparison(samples, score, draws, block, seed)
    run = _Run(samples, comparison, repeats, seed)
    return Importance(
        score.name,
        comparison.base,
        run.features(names),
        run.lags(lags, samples.steps),
        run.order(),
    )


class _Run:
    """What all parts are measured with."""

    def __init__(self, samples: Samples, comparison: Comparison, repeats: int, seed: int) -> None:
        self.samples, self.comparison = samples, comparison
        self.repeats, self.seed = repeats, seed

    def features(self, names: Sequence[str] | None) -> Effects:
        """Permute each feature of each input."""
        x, found = self.samples.x, []
        several = len(x) > 1
        sequences = self.samples.sequences
        for name, array in x.items():
            tokens = name in sequences and array.ndim == 2
            count = 1 if tokens else array.shape[-1]
            if names is not None and (several or len(names) != count):
                raise ValueError(
                    "names are for models of one input."
                    if several
                    else f"names must name {count} features; got {len(names)}."
                )
            for feature in range(count):
                part = (slice(None), slice(None)) if tokens else (..., slice(feature, feature + 1))
                title = str(feature) if names is None else str(names[feature])
                title = f"{name}: {title}" if several else title
                found.append((title, self._permuted({name: part}, f"feature {title}")))
        return effects_of(found)

    def lags(self, wanted: Sequence[int] | None, steps: int) -> Effects:
        """Permute each lag of all inputs with steps."""
        sequences = self.samples.sequences
        if not sequences:
            return effects_of([])
        lags = range(steps) if wanted is None else wanted
        found = []
        for lag in lags:
            lag = checked_integer("lags", lag, 0, steps - 1)
            parts = {
                name: (slice(None), slice(one.shape[1] - 1 - lag, one.shape[1] - lag))
                for name, one in sequences.items()
                if lag < one.shape[1]
            }
            found.append((str(lag), self._permuted(parts, f"lag {lag}")))
        return effects_of(found)

    def order(self) -> Effects:
        """Permute the steps of each row."""
        sequences = self.samples.sequences
        if not sequences:
            return effects_of([])
        predictions = []
        for repeat in range(self.repeats):
            generator = np.random.default_rng((self.seed, repeat))
            shuffled = {}
            for name, one in sequences.items():
                places = generator.permuted(np.tile(np.arange(one.shape[1]), (len(one), 1)), axis=1)
                shuffled[name] = one[np.arange(len(one))[:, None], places]
            predictions.append(self.samples.predict(shuffled))
        return effects_of([("steps shuffled", self.comparison.effect(predictions))])

    def _permuted(self, parts: dict[str, Any], what: str) -> tuple[float, float, float]:
        predictions = []
        for repeat in range(self.repeats):
            generator = np.random.default_rng((self.seed, repeat))
            others = _other_rows(self.samples.rows, generator)
            changed = {}
            for name, part in parts.items():
                array = self.samples.x[name].copy()
                array[part] = array[others][part]
                changed[name] = array
            predictions.append(self.samples.predict(changed))
        return self.comparison.effect(predictions)


def _other_rows(rows: int, generator: np.random.Generator) -> np.ndarray:
    """Return for each row another one; none is taken twice."""
    order = generator.permutation(rows)
    others = np.empty(rows, np.int64)
    others[order] = np.roll(order, 1)
    return others
