"""Gradients made shorter before a rule sees them, and the chunks of a buffer that this reads."""

import numpy as np

from nlstm.arguments.checks import checked_number
from nlstm.kernels.operations import Call, Operations
from nlstm.plan.parameters import ParameterBuffer

__all__ = ["check_limits", "chunk_table", "clipping"]

CHUNK = 16384  # elements of a sum of squares that one thread takes at a time


def check_limits(**limits: float | None) -> None:
    """Raise an error for a limit that is no number, and for more than one of them."""
    given = {name: value for name, value in limits.items() if value is not None}
    for name, value in given.items():
        checked_number(name, value, 0.0)
    if len(given) > 1:
        raise ValueError(f"Only one kind of clipping may be chosen; got {', '.join(given)}.")


def clipping(
    ops: Operations,
    buffer: ParameterBuffer,
    clipnorm: float | None,
    clipvalue: float | None,
    global_clipnorm: float | None,
) -> list[Call]:
    """Return the calls that clip the gradients, if any: see `Optimizer`."""
    limit = clipnorm or global_clipnorm
    if limit:
        chunks = chunk_table(buffer)
        if not clipnorm:
            chunks[:, 2] = 0
        sizes = len(chunks), len(buffer.parameters)
        scratch = [ops.zeros(size, np.float64) for size in sizes]
        clip = ops.update("clip_norm", buffer.value.size)
        return [(clip, (buffer.gradient, ops.to_device(chunks), *scratch, float(limit)))]
    if clipvalue:
        return [(ops.clip_value, (buffer.gradient, float(clipvalue)))]
    return []


def chunk_table(buffer: ParameterBuffer, chosen: list[bool] | None = None) -> np.ndarray:
    """Return the table (start, stop, number) of the chosen parameters' chunks."""
    rows = [
        (first, min(first + CHUNK, stop), number)
        for number, (start, stop) in enumerate(buffer.ranges())
        if chosen is None or chosen[number]
        for first in range(start, stop, CHUNK)
    ]
    return np.array(rows, np.int64).reshape(-1, 3)
