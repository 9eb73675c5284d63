"""How many rows are predicted at a time."""

import math

from nlstm.arguments.warned import warn_user
from nlstm.data.sources import Data
from nlstm.network.network import Network

__all__ = ["first_batches", "rows_at_a_time"]

PREDICT_ELEMENTS = 1 << 20  # of the widest layer's output: about what stays in a second-level cache
PREDICT_ROWS = (32, 512)


def first_batches(data: Data, rows: int, steps: int) -> Data:
    """Return the rows of `steps` batches; warn where there are fewer."""
    there = math.ceil(data.rows / rows)
    if steps > there:
        warn_user(f"The data ran out after {there} of {steps} steps.")
    return data.part(slice(steps * rows)) if steps < there else data


def rows_at_a_time(network: Network, data: Data) -> int:
    """Return the rows that suit the caches."""
    x = data.x
    longest = x[0].shape[1] if len(x) == 1 else max(source.shape[1] for source in x)
    rows = PREDICT_ELEMENTS // (longest * network.widest)
    return max(PREDICT_ROWS[0], min(rows, PREDICT_ROWS[1]))
