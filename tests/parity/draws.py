"""What hypothesis draws: the cheap choices. The dear ones, each a compilation, tests fix."""

import os
from typing import NamedTuple

import numpy as np
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from nlstm.kernels.operations import DEFAULT

SIMULATED = 3


def examples(count):
    """Return settings: the same `count` examples in every run, but few where CUDA is simulated."""
    if DEFAULT[0] == "cuda" and os.environ.get("NUMBA_ENABLE_CUDASIM") == "1":
        count = min(count, SIMULATED)
    return settings(
        max_examples=count,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],  # an explanation traces all of the peers: minutes
    )


class Sizes(NamedTuple):
    N: int
    T: int
    F: int
    H: int


# Odd ones, whole vectors, and those around them.
SIZES = {
    "N": [1, 2, 3, 5, 7, 9, 13],
    "T": [1, 2, 3, 4, 5, 8],
    "F": [1, 2, 3, 5, 8, 17],
    "H": [1, 2, 3, 4, 7, 8, 9, 16, 17, 33],
}
FLAG = [False, True]


def cases(**options):
    """Return a strategy for (sizes, options, seed): of each option one of its values.

    Hypothesis draws the seed, which chooses the rest: what it draws itself are for the most part
    the first values of all lists, and the same ones again.
    """

    @st.composite
    def chosen(draw):
        seed = draw(st.integers(0, 2**32 - 1))
        rng = np.random.default_rng(seed)

        def one(values):
            return values[rng.integers(len(values))]

        sizes = Sizes(**{letter: one(values) for letter, values in SIZES.items()})
        return sizes, {name: one(values) for name, values in options.items()}, seed

    return chosen()


def random(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def random_mask(seed, N, T):
    """Return any pattern, with a row that is masked throughout and one that is not at all."""
    rng = np.random.default_rng(seed)
    mask = rng.random((N, T)) < rng.choice([0.2, 0.5, 0.8])
    if N > 2:
        mask[rng.integers(N)] = False
        mask[rng.integers(N)] = True
    return mask
