"""Kernels compiled ahead of time."""

import copy
import time
from typing import Any

import numpy as np

from nlstm import layers
from nlstm.models import Model, Sequential

__all__ = ["warmup"]

ROWS, STEPS = 32, 4  # of the data that nobody gave
LARGE = (64, 40, 32)  # rows, steps, units: enough for kernels that share work among threads


def warmup(model: Model | None = None, x: Any = None, y: Any = None) -> None:
    """Compile kernels now, so that no later process waits for them. Prints how long it took.

    Parameters
    ----------
    model : Model, optional
        Compile what it needs: to predict, to stream if it is a chain of layers, and to fit and
        evaluate if it was compiled. It works on a copy; the model stays as it is. By default what
        usual models need: LSTM and Dense layers with dropout, the common losses, metrics and
        optimizers, streams, in float32 and float64; about a minute where nothing is in the cache.
    x, y : optional
        One batch of its data, of the size it will have: small and large batches may have kernels
        of their own. By default 32 rows of zeros, 4 steps where the number is open.

    Raises
    ------
    ValueError
        `model` has no known input shape, or no loss for one of its outputs, and the data are not
        given.
    """
    start = time.perf_counter()
    if model is None:
        if x is not None or y is not None:
            raise ValueError("warmup expects x and y beside a model alone; model is None.")
        for dtype in ("float32", "float64"):
            _usual(dtype)
    elif isinstance(model, Model):
        _warm(copy.deepcopy(model), x, y)
    else:
        raise TypeError(f"model must be a Sequential or Model; got {type(model).__name__}.")
    print(f"Compiled or found compiled in {time.perf_counter() - start:.1f} s.")


def _warm(model: Model, x: Any, y: Any) -> None:
    """Predict, stream, fit and evaluate once."""
    x = _zeros(model) if x is None else x
    found = model.predict(x, verbose=0)
    if isinstance(model, Sequential):
        _step(model)
    if model.loss is None:
        return
    y = _targets(model, found) if y is None else y
    rows = len(found[0] if isinstance(found, list) else found)
    model.fit(x, y, batch_size=rows, epochs=1, verbose=0)
    model.evaluate(x, y, batch_size=rows, verbose=0)


def _zeros(model: Model) -> Any:
    """Return input of the model's shape."""
    shapes = model.input_shape
    several = isinstance(shapes, list)
    made = [
        np.zeros([ROWS, *(STEPS if size is None else size for size in shape[1:])])
        for shape in (shapes if several else [shapes])
    ]
    return made if several else made[0]


def _targets(model: Model, outputs: Any) -> Any:
    """Return zeros that the model's losses take as targets."""
    several = isinstance(outputs, list)
    losses = model.loss if isinstance(model.loss, list) else [model.loss]
    if any(loss is None for loss in losses):
        raise ValueError("warmup needs y for a model that has no loss for one of its outputs.")
    made = [
        np.zeros((*found.shape[:-1], loss.target_features(found.shape[-1])))
        for found, loss in zip(outputs if several else [outputs], losses, strict=True)
        if loss is not None
    ]
    return made if several else made[0]


def _step(model: Model) -> None:
    """Run one step of a stream, if the model's layers can."""
    try:
        stream = model.stream()
    except (TypeError, ValueError):  # a layer needs whole sequences
        return
    stream.step(np.zeros(model.input_shape[-1]))


def _usual(dtype: str) -> None:
    """Compile what usual models need."""
    for rows, steps, units in ((4, 3, 3), LARGE):
        for head, losses in _heads().items():
            for sequences in (True, False):
                model = _model(dtype, steps, units, head, sequences)
                for loss, metrics, optimizer in losses if rows < ROWS and sequences else losses[:1]:
                    model.compile(optimizer, loss, metrics=metrics)
                    _warm(model, np.zeros((rows, steps, units)), None)


def _model(dtype: str, steps: int, units: int, head: str, sequences: bool) -> Sequential:
    """Return two layers of LSTM, one with dropout, and a head."""
    return Sequential(
        [
            layers.Input((steps, units)),
            layers.LSTM(units, return_sequences=True),
            layers.Dropout(0.1),
            layers.LSTM(units, return_sequences=sequences, dropout=0.1 if sequences else 0.0),
            layers.Dense(units, activation="relu"),
            layers.Dense(1 if head == "sigmoid" else 3, activation=head),
        ],
        dtype=dtype,
    )


def _heads() -> dict[str, list[tuple[str, list[str], str]]]:
    """Return (loss, metrics, optimizer), the most usual first, for each activation at the end."""
    return {
        "linear": [
            ("mse", ["mae"], "adam"),
            ("mae", ["mse", "root_mean_squared_error"], "sgd"),
            ("huber", ["mape"], "rmsprop"),
        ],
        "sigmoid": [("binary_crossentropy", ["accuracy"], "adam")],
        "softmax": [
            ("sparse_categorical_crossentropy", ["accuracy"], "adam"),
            ("categorical_crossentropy", ["accuracy"], "adamw"),
        ],
    }
