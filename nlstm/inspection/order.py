"""`order_test`: what a model loses where the steps of its windows come in another order."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nlstm.arguments.checks import checked_seed, checked_size
from nlstm.inspection.scores import (
    Comparison,
    Effects,
    Samples,
    Score,
    effects_of,
)
from nlstm.inspection.tables import as_plain, number

__all__ = ["OrderTest", "order_test"]

Reorder = Callable[[int, int, np.random.Generator], np.ndarray]  # (rows, steps): places of steps


@dataclass(frozen=True, eq=False)
class OrderTest:
    """What the order of steps is worth to a model.

    Attributes
    ----------
    metric : str
    score : float
        Of the model on windows as they are.
    effects : Effects
        By how much it is worse where steps are shuffled, where blocks of so many steps are, and
        where windows are reversed.
    """

    metric: str
    score: float
    effects: Effects

    def __repr__(self) -> str:
        return f"<OrderTest by {self.metric} {number(self.score)}: {', '.join(self.effects.names)}>"

    def __str__(self) -> str:
        title = f"{self.metric} {number(self.score)} in order"
        return self.effects.table(title)

    def to_dict(self) -> dict[str, Any]:
        """Return a dict of arrays, numbers and strings."""
        return as_plain(self)


def order_test(
    model: Any,
    x: Any,
    y: Any = None,
    metric: Any = None,
    *,
    blocks: Sequence[int] | None = None,
    repeats: int = 5,
    mode: str = "auto",
    draws: int = 200,
    block: int | None = None,
    seed: int = 0,
) -> OrderTest:
    """Return what a model loses where the order of steps within its windows is another.

    Parameters
    ----------
    model : Sequential or Model
        It stays as it is.
    x, y : array_like, or Windows for both
        What the model was not trained on.
    metric, repeats, mode, draws, block, seed
        As of `importance`.
    blocks : sequence of int, optional
        Sizes of blocks of steps that are shuffled whole; by default 2, 4, 8, ... up to half of the
        steps.

    Returns
    -------
    OrderTest

    Notes
    -----
    A loss near 0 says that the model sees a bag of steps: it has learnt nothing of their order, and
    something simpler may do. A loss that is gone with blocks of k steps says that what it has
    learnt fits into k steps. A large loss says that it depends on order; whether what it has learnt
    of it lasts, only later data can tell.
    """
    samples, score = Samples(model, x, y), Score(model, metric, mode)
    if not samples.sequences:
        raise ValueError("x must have steps: (rows, steps, features).")
    if not samples.rows:
        raise ValueError("x must have at least one row; got none.")
    repeats, seed = checked_size("repeats", repeats), checked_seed("seed", seed) or 0
    sizes = _sizes(blocks, samples.steps)
    comparison = Comparison(samples, score, draws, block, seed)
    found = []
    for name, reorder, times in _ways(sizes, repeats):
        predictions = []
        for repeat in range(times):
            generator = np.random.default_rng((seed, repeat))
            changed = {}
            for one, array in samples.sequences.items():
                count = len(array)
                places = reorder(count, array.shape[1], generator)
                changed[one] = array[np.arange(count)[:, None], places]
            predictions.append(samples.predict(changed))
        found.append((name, comparison.effect(predictions)))
    effects = effects_of(found)
    return OrderTest(score.name, comparison.base, effects)


def _sizes(blocks: Sequence[int] | None, steps: int) -> list[int]:
    if blocks is not None:
        return [checked_size("blocks", one) for one in blocks]
    return [2**power for power in range(1, steps.bit_length()) if 2**power <= steps // 2]


def _ways(sizes: list[int], repeats: int) -> Iterator[tuple[str, Reorder, int]]:
    """Give each order with its name, and how often it is drawn."""
    yield "steps shuffled", _shuffled(1), repeats
    for size in sizes:
        yield f"blocks of {size} shuffled", _shuffled(size), repeats
    yield "reversed", lambda rows, steps, _: np.tile(np.arange(steps)[::-1], (rows, 1)), 1


def _shuffled(size: int) -> Reorder:
    """Return what shuffles blocks of `size` steps; the first may be shorter."""

    def places(rows: int, steps: int, generator: np.random.Generator) -> np.ndarray:
        count = -(-steps // size)
        order = generator.permuted(np.tile(np.arange(count), (rows, 1)), axis=1)
        numbers = np.arange(count * size).reshape(count, size) - (count * size - steps)
        taken = numbers[order].reshape(rows, -1)
        return taken[taken >= 0].reshape(rows, steps)

    return places
