"""What scripts say to TensorFlow around Keras: seeds, devices, dtypes, arrays.

Devices are asked for and chosen without effect: there is one processor. Tensors are NumPy arrays.
"""

import contextlib
import importlib
import logging as standard
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from nlstm.arguments.checks import checked_integer
from nlstm.arguments.seeds import seed_streams
from nlstm.compat.places import absent, stands
from nlstm.data.batch import Batch

__all__ = [
    "bool",
    "cast",
    "compat",
    "config",
    "constant",
    "convert_to_tensor",
    "device",
    "disable_eager_execution",
    "disable_v2_behavior",
    "enable_eager_execution",
    "enable_v2_behavior",
    "executing_eagerly",
    "float32",
    "float64",
    "get_logger",
    "int32",
    "int64",
    "logging",
    "python",
    "random",
    "set_random_seed",
    "test",
]


class Namespace(SimpleNamespace):
    """Some names of a module of TensorFlow's."""

    def __init__(self, path: str, **names: Any) -> None:
        super().__init__(**names)
        self._path = path

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        whole = f"{self._path}.{name}"
        if stands(whole):
            return importlib.import_module(whole)
        raise AttributeError(absent(whole, vars(self)))


float32, float64 = np.dtype("float32"), np.dtype("float64")
int32, int64 = np.dtype("int32"), np.dtype("int64")
bool = np.dtype("bool")


def _nothing(*arguments: Any, **named: Any) -> None:
    """Do nothing: what is chosen here has no effect on results."""


def set_random_seed(seed: int) -> None:
    """Seed initial values, shuffling and dropout; NumPy's and Python's generators are left."""
    seed_streams(checked_integer("seed", seed, 0, 2**32 - 1))


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Batch:
    """Return an array; numbers with a point are float32, as there."""
    array = np.asarray(value)
    if dtype is None and array.dtype == np.float64 and not isinstance(value, np.ndarray):
        dtype = np.float32
    array = np.array(array, dtype)
    return (array if shape is None else np.broadcast_to(array, shape)).view(Batch)


def convert_to_tensor(value: Any, dtype: Any = None, name: str | None = None) -> Batch:
    """Return an array."""
    return constant(value, dtype)


def cast(x: Any, dtype: Any, name: str | None = None) -> Batch:
    """Return an array of another dtype."""
    return np.asarray(x).astype(dtype).view(Batch)


@contextlib.contextmanager
def device(name: Any) -> Iterator[None]:
    """Do nothing: there is one processor."""
    yield


def executing_eagerly() -> Any:
    """Return True."""
    return True


def get_logger() -> standard.Logger:
    """Return a logger that nothing writes to."""
    return standard.getLogger("tensorflow")


disable_eager_execution = enable_eager_execution = _nothing
disable_v2_behavior = enable_v2_behavior = _nothing


def _devices(device_type: str | None = None) -> list[Any]:
    found = [SimpleNamespace(name="/physical_device:CPU:0", device_type="CPU")]
    return [one for one in found if device_type in (None, one.device_type)]


_experimental = Namespace(
    "tensorflow.config.experimental",
    list_physical_devices=_devices,
    set_memory_growth=_nothing,
)
_threading = Namespace(
    "tensorflow.config.threading",
    set_inter_op_parallelism_threads=_nothing,
    set_intra_op_parallelism_threads=_nothing,
)
config = Namespace(
    "tensorflow.config",
    experimental=_experimental,
    list_logical_devices=_devices,
    list_physical_devices=_devices,
    run_functions_eagerly=_nothing,
    set_visible_devices=_nothing,
    threading=_threading,
)
random = Namespace("tensorflow.random", set_random_seed=set_random_seed, set_seed=set_random_seed)
logging = Namespace(
    "tensorflow.logging",
    **{level: getattr(standard, level) for level in ("DEBUG", "ERROR", "FATAL", "INFO", "WARN")},
    get_logger=get_logger,
    set_verbosity=_nothing,
)
test = Namespace(
    "tensorflow.test",
    gpu_device_name=lambda: "",
    is_built_with_cuda=lambda: False,
    is_gpu_available=lambda *arguments, **named: False,
)
compat = Namespace("tensorflow.compat")
python = Namespace("tensorflow.python")
