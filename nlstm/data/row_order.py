"""The order of a batch's rows where they have unlike lengths.

Kernels skip a step where all rows of a tile of theirs are masked, and each thread takes a run of
rows. So rows of like length lie side by side, in blocks that a tile of 6, 3 or 2 rows divides, and
the blocks are dealt out so that every run of them holds about as many steps as any other. The order
knows nothing of threads: results do not depend on their number.
"""

from functools import lru_cache

import numpy as np

__all__ = ["dealt"]

BLOCK = 6


def dealt(lengths: np.ndarray) -> np.ndarray:
    """Return the order of rows: of like length in each block, blocks of all lengths in each run."""
    order = np.argsort(lengths, kind="stable")
    rest = order.size % BLOCK
    blocks = order[rest:].reshape(-1, BLOCK)
    return np.concatenate([blocks[_by_reversed_bits(len(blocks))].reshape(-1), order[:rest]])


@lru_cache(maxsize=64)
def _by_reversed_bits(count: int) -> np.ndarray:
    """Return 0 to count - 1 in the order of van der Corput: even ones, then odd ones, and so on."""
    digits = max(1, (count - 1).bit_length())
    return np.array(
        sorted(range(count), key=lambda n: int(f"{n:0{digits}b}"[::-1], 2)), dtype=np.int64
    )
