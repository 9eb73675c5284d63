"""Where random numbers come from: one seed for the process, a stream for each that draws."""

import contextlib
import random
import secrets
from collections.abc import Iterator

import numpy as np

from nlstm.arguments.checks import checked_integer
from nlstm.arguments.quiet import quietly

__all__ = ["SeedStream", "seed_streams", "seeded", "set_random_seed"]


class _Process:
    """The seed of this process and how many streams were handed out since it was set."""

    seed: int | None = None
    streams = 0


def set_random_seed(seed: int) -> None:
    """Make everything after this call reproducible: initial values, shuffling, dropout.

    Parameters
    ----------
    seed : int
        From 0 to 2**32 - 1.

    Notes
    -----
    As ``keras.utils.set_random_seed``, this seeds Python's ``random`` and NumPy's global generator
    too. Layers and models made in the same order afterwards get the same numbers, at any number
    of threads.

    Raises
    ------
    TypeError, ValueError
        `seed` is no integer, or out of range.
    """
    number = checked_integer("seed", seed)
    if not 0 <= number < 2**32:
        raise ValueError(f"seed must be from 0 to 2**32 - 1; got {number}.")
    random.seed(number)
    np.random.seed(number)  # noqa: NPY002  (users' own code draws from it)
    seed_streams(number)


def seed_streams(seed: int) -> None:
    """Seed what nlstm draws, and nothing else."""
    _Process.seed = seed
    _Process.streams = 0


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Have everything reproducible within a with statement, and all as it was afterwards."""
    before = _Process.seed, _Process.streams
    of_python, of_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    set_random_seed(seed)
    try:
        yield
    finally:
        _Process.seed, _Process.streams = before
        random.setstate(of_python)
        np.random.set_state(of_numpy)  # noqa: NPY002


class SeedStream:
    """The random numbers of one layer or model.

    Parameters
    ----------
    seed : int, optional
        A seed of its own. By default the process's seed and the order of creation decide.
    """

    def __init__(self, seed: int | None = None) -> None:
        if seed is not None:
            self.words = (checked_integer("seed", seed) % 2**32, 2**32 - 1)
            return
        if _Process.seed is None:
            _Process.seed = secrets.randbits(32)
        self.words = (_Process.seed, _Process.streams)
        _Process.streams += 1

    def generator(self, *purpose: int) -> np.random.Generator:
        """Return a generator for one purpose, numbered by `purpose`; the same one at each call."""
        # NumPy's own functions leave out warnings here, and an interrupt could keep them out.
        return np.random.Generator(quietly(_philox, [*self.words, *purpose]))

    def key(self, purpose: int) -> int:
        """Return a number from 0 to 2**63 - 1 that seeds the kernels' counter-based generator."""
        return quietly(_number, [*self.words, purpose])


def _philox(words: list[int]) -> np.random.Philox:
    return np.random.Philox(np.random.SeedSequence(words))


def _number(words: list[int]) -> int:
    state = np.random.SeedSequence(words).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))
