"""LSTMs that train fast on a CPU: Numba kernels under a Keras-like API."""

import importlib
import sys
from typing import Any

from nlstm import activations as activations
from nlstm import backend as backend
from nlstm import callbacks as callbacks
from nlstm import constraints as constraints
from nlstm import datasets as datasets
from nlstm import initializers as initializers
from nlstm import layers as layers
from nlstm import losses as losses
from nlstm import metrics as metrics
from nlstm import mixed_precision as mixed_precision
from nlstm import models as models
from nlstm import optimizers as optimizers
from nlstm import preprocessing as preprocessing
from nlstm import random as random
from nlstm import regularizers as regularizers
from nlstm import saving as saving
from nlstm import utils as utils
from nlstm import windows as windows
from nlstm.arguments.checks import checked_integer
from nlstm.arguments.seeds import set_random_seed as set_random_seed
from nlstm.compat.finder import FormerPaths
from nlstm.compat.own import own_rooms_answer
from nlstm.compat.paths import PATHS
from nlstm.compilation import warmup as warmup
from nlstm.files.doors import Door, offer
from nlstm.kernels.devices import device as device
from nlstm.kernels.devices import get_device as get_device
from nlstm.kernels.devices import set_device as set_device
from nlstm.layers import Input as Input
from nlstm.models import Model as Model
from nlstm.models import Sequential as Sequential
from nlstm.plan.precision import get_matmul_precision as get_matmul_precision
from nlstm.plan.precision import set_matmul_precision as set_matmul_precision
from nlstm.training.machines import offer_engine


def _keras_files() -> Door:
    from nlstm.interop import keras

    return keras


def _onnx_files() -> Door:
    from nlstm.interop import onnx

    return onnx


def _tensorboard() -> Any:
    from nlstm.interop.tensorboard import protocol

    return protocol()


def _optuna() -> Any:
    from nlstm.interop.optuna import pruned

    return pruned()


def _parquet() -> Any:
    from nlstm.interop.parquet import opened

    return opened


def _graphs() -> Any:
    from nlstm import plotting

    return plotting.graph


def _engines() -> Any:
    from nlstm.distributed.mpi import engine_of

    return engine_of


def _checkpoints() -> Any:
    return callbacks.BackupAndRestore.of_fit


offer("keras", _keras_files)  # loaded when such a file comes
offer("onnx", _onnx_files)
offer("tensorboard", _tensorboard)
offer("optuna", _optuna)
offer("parquet", _parquet)
offer("matplotlib", _graphs)
offer_engine("distribute", _engines)  # loaded when fit is asked for it
offer_engine("checkpoint", _checkpoints)
sys.meta_path.append(FormerPaths())  # asked last, for `nlstm.layers.recurrent` and the like

__all__ = [
    "Input",
    "Model",
    "Sequential",
    "activations",
    "callbacks",
    "constraints",
    "datasets",
    "device",
    "get_device",
    "get_matmul_precision",
    "get_num_threads",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "optimizers",
    "regularizers",
    "saving",
    "set_device",
    "set_matmul_precision",
    "set_num_threads",
    "set_random_seed",
    "utils",
    "warmup",
    "windows",
]

ROOMS = ("backend", "preprocessing", "random")  # `import *` would hide Python's own random
LATER = ("distributed", "inspection", "plotting")  # loaded when first asked for
OF_MANY = ("fit_many", "sweep")


def __getattr__(name: str) -> Any:
    if name == "__version__":  # looked up when asked for: reading the metadata takes its time
        from importlib.metadata import version

        return version("nlstm")
    if name in LATER:
        return importlib.import_module(f"nlstm.{name}")
    if name in OF_MANY:
        return getattr(importlib.import_module("nlstm.distributed"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    # Inner rooms are no part of what users meet.
    return [*__all__, *ROOMS, *LATER, *OF_MANY, "__version__"]


def set_num_threads(threads: int) -> None:
    """Choose how many threads the kernels use. Results are the same to the bit for any number.

    Parameters
    ----------
    threads : int
        From 1 to the number Numba started with: the cores, or NUMBA_NUM_THREADS.

    Raises
    ------
    TypeError, ValueError
        `threads` is no whole number, or out of range.
    """
    from nlstm import kernels

    found, most = checked_integer("threads", threads), kernels.most_threads()
    if not 1 <= found <= most:
        more = f" NUMBA_NUM_THREADS={found}, set before Python starts, allows as many."
        raise ValueError(
            f"threads must lie in 1 to {most}; got {found}.{more if found > most else ''}"
        )
    kernels.load(kernels.HOST).set_num_threads(found)


def get_num_threads() -> int:
    """Return how many threads the kernels use at most."""
    from nlstm import kernels

    return kernels.load(kernels.HOST).get_num_threads()


own_rooms_answer({"": __name__} | PATHS)
