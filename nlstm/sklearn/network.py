"""The model that an estimator trains."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nlstm.arguments.seeds import SeedStream
from nlstm.layers import LSTM, Bidirectional, Dense, Dropout, Input
from nlstm.models import Model, Sequential

__all__ = ["network"]


def network(
    features: int,
    heads: Sequence[tuple[int, str | None]],
    random: np.random.RandomState,
    *,
    units: int,
    num_layers: int,
    bidirectional: bool,
    dropout: float,
    dtype: str,
) -> Model:
    """Return LSTMs whose last step goes into one Dense layer for each of `heads`.

    Parameters
    ----------
    features : int
    heads : sequence of (units, activation)
    random : RandomState
        Seeds what is drawn: initial weights, dropout, the order of rows.
    """
    layers: list[Any] = []
    for number in range(num_layers):
        lstm: Any = LSTM(units, return_sequences=number + 1 < num_layers)
        layers.append(Bidirectional(lstm) if bidirectional else lstm)
        if dropout:
            layers.append(Dropout(dropout))
    last = [Dense(size, activation) for size, activation in heads]
    for layer in (*layers, *last):
        for one in (layer, *layer.inside):
            one.seeds = _stream(random)
    first = Input((None, features))
    model: Model
    if len(last) == 1:
        model = Sequential([first, *layers, *last], dtype=dtype)
    else:
        h = first
        for layer in layers:
            h = layer(h)
        model = Model(first, [dense(h) for dense in last], dtype=dtype)
    model.training.seeds = _stream(random)
    return model


def _stream(random: np.random.RandomState) -> SeedStream:
    return SeedStream(int(random.randint(2**31)))
