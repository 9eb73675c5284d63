"""Random arrays by `keras.random`'s names; the numbers are NumPy's."""

from typing import Any

import numpy as np

from nlstm.arguments.checks import checked_integer
from nlstm.arguments.seeds import SeedStream

__all__ = ["SeedGenerator", "normal", "randint", "shuffle", "truncated_normal", "uniform"]


class SeedGenerator:
    """Gives another seed at each draw.

    Parameters
    ----------
    seed : int, optional
        By default `nlstm.set_random_seed` and the order of creation decide.
    """

    def __init__(self, seed: int | None = None) -> None:
        stream = SeedStream(None if seed is None else checked_integer("seed", seed))
        self._generator = stream.generator(0)

    def next(self) -> int:
        """Return the next seed."""
        return int(self._generator.integers(2**32))


def _generator(seed: Any) -> np.random.Generator:
    if isinstance(seed, SeedGenerator):
        seed = seed.next()
    return SeedStream(None if seed is None else checked_integer("seed", seed)).generator(0)


def normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None
) -> np.ndarray:
    """Return normal numbers, float32 by default."""
    return _generator(seed).normal(mean, stddev, shape).astype(dtype or np.float32)


def truncated_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None
) -> np.ndarray:
    """Return normal numbers, those further than two deviations off drawn again."""
    generator = _generator(seed)
    drawn = generator.normal(size=shape)
    while (far := np.abs(drawn) > 2).any():
        drawn = np.where(far, generator.normal(size=shape), drawn)
    return (mean + stddev * drawn).astype(dtype or np.float32)


def uniform(
    shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None
) -> np.ndarray:
    """Return numbers from `minval` to below `maxval`, float32 by default."""
    return _generator(seed).uniform(minval, maxval, shape).astype(dtype or np.float32)


def randint(
    shape: Any, minval: int, maxval: int, dtype: Any = "int32", seed: Any = None
) -> np.ndarray:
    """Return whole numbers from `minval` to below `maxval`."""
    return _generator(seed).integers(minval, maxval, shape).astype(dtype)


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> np.ndarray:
    """Return `x` in another order along an axis."""
    return _generator(seed).permutation(np.asarray(x), axis=axis)
