"""The seam between what is computed and the device that computes it: its words.

Above the kernels an array has ``shape``, ``dtype``, ``size``, ``reshape``, ``[int]``, ``[a:b]``,
``[..., :k]`` and nothing else; what is to be done with it is one of the words here, or a kernel.
Python writes nothing inside a step but ``cell.host``. `tests/opaque` holds the rooms above to it.
"""

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple, Protocol

import numpy as np

from nlstm.kernels.devices import DEFAULT, DEVICES, checked_device, default_device, kind_and_number

__all__ = [
    "DEFAULT",
    "DEVICES",
    "Absent",
    "Array",
    "Call",
    "Cell",
    "GpuOperations",
    "Layout",
    "Operations",
    "default_device",
    "load",
    "named",
]

Call = tuple[Callable[..., Any], tuple[Any, ...]]


class Absent(NotImplementedError):
    """A device has no such operation yet; the text says what, as users call it."""


class Array(Protocol):
    """Memory of a device."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype: ...
    @property
    def size(self) -> int: ...
    @property
    def reshape(self) -> Callable[..., Any]:
        """Return the same memory under another shape."""

    def __getitem__(self, key: Any, /) -> Any:
        """Return the same memory in part: ``[int]``, ``[a:b]``, ``[..., :k]``."""


class Cell(Protocol):
    """A few numbers that the host and the device both read and write, between steps.

    Attributes
    ----------
    host : ndarray, shape (size,)
        Zeros at first. Write it, then `push`; `pull`, then read it.
    device : Array, shape (size,)
        What kernels are bound to.
    """

    host: np.ndarray
    device: Any

    def push(self) -> None:
        """Bring what the host wrote to the device, before what runs next."""

    def pull(self) -> None:
        """Bring what the device wrote to the host, after what ran last."""


class Layout(NamedTuple):
    """The way from Keras's array, (K, O) or (O,), to the device's layout and back, on the host."""

    pack: Callable[[np.ndarray], np.ndarray]
    unpack: Callable[[np.ndarray], np.ndarray]


class Operations(Protocol):
    """A device's kernels, as attributes (see `nlstm.kernels`), and its words.

    Attributes
    ----------
    device : str
    dtype : dtype
        What numbers are stored in.
    compute_dtype : dtype
        What they are computed in.
    """

    device: str
    dtype: np.dtype
    compute_dtype: np.dtype

    def __getattr__(self, kernel: str) -> Any: ...

    def recover(self) -> None:
        """Put right what an interrupt may have left behind in the device's own machinery."""

    # Memory. The dtype is that of `Operations` unless another is given.

    def zeros(self, shape: int | tuple[int, ...], dtype: Any = None) -> Any:
        """Return zeros that begin where vectors load fastest."""

    def empty(self, shape: int | tuple[int, ...], dtype: Any = None) -> Any:
        """Return memory that holds anything."""

    def to_device(self, host: np.ndarray) -> Any:
        """Return an array with what `host` holds, in its dtype; it may be the same memory."""

    def to_host(self, array: Any) -> np.ndarray:
        """Return what `array` holds; it may be the same memory, so copy it to keep it."""

    def write(self, array: Any, host: np.ndarray) -> None:
        """Overwrite `array` with `host`, of its shape or one that broadcasts to it."""

    def cell(self, dtype: Any, size: int) -> Cell:
        """Return a new cell."""

    def has_room(self, size: int) -> bool:
        """Whether `size` bytes fit beside what is there, as far as is known."""

    # What may be bound, or called. Overwritten (=): the first argument, or `out`.

    def fill(self, array: Any, value: Any) -> None:
        """Array = value, a number."""

    def copy(self, out: Any, source: Any) -> None:
        """Out = source, an array of its shape or one that broadcasts to it, or a number."""

    def add(self, a: Any, b: Any, out: Any) -> None:
        """Out = a + b, arrays of one shape; `out` may be one of them."""

    def scale(self, array: Any, factor: Any, out: Any) -> None:
        """Out = array * factor, a number of its dtype; `out` may be `array`."""

    def join(self, a: Any, b: Any, out: Any) -> None:
        """Out = a or b: masks, uint8, of one shape, or with one step for all."""

    # What makes calls and runs them

    def either(self, out: Any, source: Any, mask: Any) -> Call:
        """Return the call that overwrites `out`, (T, N, S), with `source` where `mask` is 1.

        `source` is an array of its shape or a number; `mask` is uint8, (T, N) or (1, N).
        """

    def host(
        self,
        function: Callable[..., Any],
        reads: Sequence[Any],
        writes: Sequence[Any],
        *arguments: Any,
    ) -> Call:
        """Return the call of a user's NumPy code, which gets ndarrays for all arrays.

        Parameters
        ----------
        function : callable
        reads, writes : sequence of Array or None
            Those of `arguments` that it reads, and those that it changes in place.
        *arguments
            Arrays, and anything else.
        """

    def bound(self, calls: Sequence[Call]) -> list[Call]:
        """Return calls that do what `calls` do, looked up beforehand: they run many times."""

    def branch(self, choose: Callable[[], int], *ways: Sequence[Call]) -> Call:
        """Return the call that runs one of several lists of calls, whole: number `choose()`.

        `choose` looks at nothing of the device.
        """

    def program(self, *parts: Sequence[Call], whole: Sequence[Call] = ()) -> Callable[[], None]:
        """Return a function that runs the calls of all parts in order, each part as one piece.

        What differs from run to run of the same part lies in arrays and cells. An interrupt falls
        between two calls, never inside a kernel; those of `whole`, which come last, run all or
        none: no interrupt falls between them. At most one of these is a `branch`.
        """

    def update(self, rule: str, size: int) -> Callable[..., None]:
        """Return the form of a kernel over flat buffers that is best for so many elements."""

    # Shapes

    def padded(self, features: int, dtype: Any) -> int:
        """Return the row length of an array of `features` columns."""

    def slots(self, steps: int, every: bool) -> tuple[int, int]:
        """Return how many slots the states of a recurrence take, and which one is the last.

        `every` : whether all steps are kept; prediction may use two slots in turn.
        """

    def gate_inputs_shape(self, steps: int, rows: int, features: int) -> tuple[int, ...]:
        """Return the shape of inputs of which each gate of an LSTM sees its own."""

    def gru_scratch_size(self, steps: int, rows: int, features: int, units: int) -> int:
        """Return how many numbers of scratch memory an LSTM's kernels need as those of a GRU."""

    # Layouts of weights

    def gate_matrix(self, units: int) -> Layout:
        """Return the layout of (K, 4 * units), as an LSTM's kernel."""

    def gate_vector(self, units: int) -> Layout:
        """Return the layout of (4 * units,), as an LSTM's bias."""

    def peephole_vector(self, units: int) -> Layout:
        """Return the layout of (3 * units,), an LSTM's peephole weights."""

    def gru_matrix(self, units: int, empty: int) -> Layout:
        """Return the layout of (K, 3 * units) among an LSTM's: part `empty` of the four is zero."""

    def gru_bias_rows(self, units: int) -> Layout:
        """Return the layout of (2, 3 * units), the biases of a GRU's two products."""

    def split_matrix(self, units: int) -> Layout:
        """Return the layout of (K, 3 * units), each third by itself."""

    def split_vector(self, units: int) -> Layout:
        """Return the layout of (3 * units,), each third by itself."""

    def unit_matrix(self, units: int) -> Layout:
        """Return the layout of (K, units), as a dense layer's kernel."""

    def unit_vector(self, units: int) -> Layout:
        """Return the layout of (units,), as a dense layer's bias."""

    def row_matrix(self, features: int) -> Layout:
        """Return the layout of (K, features), as an embedding's table."""

    def row_vector(self, features: int) -> Layout:
        """Return the layout of (features,), as what scales each feature."""


class GpuOperations(Operations, Protocol):
    """What a GPU has besides, and is asked of no other: see `nlstm.kernels.devices.is_gpu`."""

    def resident(self, host: np.ndarray) -> Any:
        """Return an array like `host`: for as long as one is there, the same one."""

    def adopt(self, value: Any) -> Any:
        """Return the memory of another library's array on the GPU as an array."""

    def all_finite(self, array: Any) -> bool:
        """Whether no number is NaN or infinite."""

    def next_rows(self, order: Any, index: Any) -> None:
        """Index = the next rows of order[1:]; order[0] counts those that were taken."""


@contextmanager
def named(name: str, ops: Operations) -> Iterator[None]:
    """Say who asked for what the device has not, and where it is to be had."""
    try:
        yield
    except Absent as error:
        raise NotImplementedError(
            f'{name}: {error} is not on {kind_and_number(ops.device)[0]} yet; device="cpu" has it.'
        ) from None


def load(device: str | None = None, dtype: Any = "float32") -> Operations:
    """Return a device's operations on arrays of one dtype: the same object at every call.

    Parameters
    ----------
    device : str, optional
        By default `default_device()`.
    dtype : {"float32", "float64"}

    Raises
    ------
    ValueError
        Unknown device.
    RuntimeError
        It is a GPU, and there is none to compute on.
    """
    device = default_device() if device is None else checked_device(device)
    return _loaded(device, np.dtype(dtype).name)


@cache
def _loaded(device: str, dtype: str) -> Operations:
    module = importlib.import_module(DEVICES[kind_and_number(device)[0]])
    return module.Words(device, np.dtype(dtype))
