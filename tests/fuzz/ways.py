"""All ways by name, with how often each is drawn."""

from tests.fuzz import ways_changing, ways_models, ways_series, ways_states, ways_values
from tests.fuzz.choices import Choices

__all__ = ["WAYS", "case_of", "way_of"]

SHARES = {
    ways_models.predict: 16,
    ways_models.training: 16,
    ways_models.classes: 10,
    ways_changing.batches: 8,
    ways_changing.callbacks: 8,
    ways_changing.weights: 5,
    ways_states.shared: 3,
    ways_states.states: 4,
    ways_states.stream: 4,
    ways_states.masks: 4,
    ways_values.loss: 5,
    ways_values.function: 2,
    ways_values.metric: 6,
    ways_values.optimizer: 3,
    ways_series.window: 5,
    ways_series.cut: 3,
    ways_series.scaler: 3,
    ways_series.backtest: 3,
    ways_series.prepared: 3,
}
WAYS = {way.__name__: way for way in SHARES}
TABLE = [way.__name__ for way, share in SHARES.items() for _ in range(share)]


def way_of(number):
    """Return the name of the way that draw `number` takes."""
    return TABLE[number * 61 % len(TABLE)]


def case_of(way, pick, wide=False):
    """Return the case of a way for a seed, or for a function as of `Choices`."""
    return WAYS[way](Choices(pick, wide))
