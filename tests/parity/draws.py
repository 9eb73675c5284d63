"""What hypothesis draws: the cheap choices. The dear ones, each a compilation, tests fix."""

import numpy as np
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st


def examples(count):
    """Return settings: the same `count` examples in every run."""
    return settings(
        max_examples=count,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],  # an explanation traces all of the peers: minutes
    )


SIZES = st.fixed_dictionaries(
    {
        "N": st.integers(1, 9),
        "T": st.integers(1, 8),
        "F": st.sampled_from([1, 2, 3, 5, 8, 17]),
        "H": st.sampled_from([1, 2, 3, 4, 7, 8, 9, 16, 17, 33]),
    }
)
SEEDS = st.integers(0, 2**16)
FLAG = st.booleans()


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
