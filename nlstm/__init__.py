"""LSTMs that train fast on a CPU: Numba kernels under a Keras-like API."""

from typing import Any

from nlstm import activations as activations
from nlstm import callbacks as callbacks
from nlstm import constraints as constraints
from nlstm import initializers as initializers
from nlstm import layers as layers
from nlstm import losses as losses
from nlstm import metrics as metrics
from nlstm import models as models
from nlstm import optimizers as optimizers
from nlstm import regularizers as regularizers
from nlstm import saving as saving
from nlstm import windows as windows
from nlstm.arguments.seeds import set_random_seed as set_random_seed
from nlstm.layers import Input as Input
from nlstm.models import Model as Model
from nlstm.models import Sequential as Sequential

__all__ = [
    "Input",
    "Model",
    "Sequential",
    "activations",
    "callbacks",
    "constraints",
    "get_num_threads",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "regularizers",
    "saving",
    "set_num_threads",
    "set_random_seed",
    "warmup",
    "windows",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":  # looked up when asked for: reading the metadata takes its time
        from importlib.metadata import version

        return version("nlstm")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def set_num_threads(threads: int) -> None:
    """Choose how many threads the kernels use. Results are the same to the bit for any number.

    Parameters
    ----------
    threads : int
        From 1 to the number Numba started with: the cores, or NUMBA_NUM_THREADS.

    Raises
    ------
    ValueError
        `threads` is out of range.
    """
    from nlstm import kernels

    kernels.load().set_num_threads(threads)


def get_num_threads() -> int:
    """Return how many threads the kernels use at most."""
    from nlstm import kernels

    return kernels.load().get_num_threads()


def warmup() -> None:
    """Compile the kernels that the usual model needs, so that no later process waits for them.

    Trains and evaluates small float32 models, with the default activations, the mean squared error
    and Adam; compiled code goes to Numba's cache. Prints what it did.
    """
    import time

    import numpy as np

    start = time.perf_counter()
    rng = np.random.default_rng(0)
    for sequences in (True, False):
        model = Sequential(
            [
                layers.LSTM(3, return_sequences=True),
                layers.LSTM(3, return_sequences=sequences),
                layers.Dense(2),
            ]
        )
        model.compile("adam", "mse")
        x = rng.random((4, 3, 2))
        y = rng.random((4, 3, 2) if sequences else (4, 2))
        model.fit(x, y, verbose=0)
        model.evaluate(x, y, verbose=0)
        model.predict(x, verbose=0)
    print(f"Compiled or found compiled in {time.perf_counter() - start:.1f} s.")
