"""Arrays of torch, CuPy and others that lie on a GPU, taken where they are."""

from typing import Any

import numpy as np

from nlstm.arguments.numbers import first_not_finite
from nlstm.kernels.devices import is_gpu, kind_and_number
from nlstm.kernels.operations import Operations

__all__ = ["lies_on_gpu", "resident", "taken_in_place"]


def lies_on_gpu(value: Any) -> bool:
    """Whether an array says that it lies on a GPU."""
    return getattr(value, "__cuda_array_interface__", None) is not None


def resident(host: np.ndarray, ops: Operations) -> Any:
    """Return an array of `ops` like `host`: for as long as one is there, the same one."""
    return ops.resident(host) if is_gpu(ops.device) else ops.to_device(host)


def taken_in_place(name: str, value: Any, ops: Operations) -> Any:
    """Return an array of `ops` in the memory of one on the GPU, whose numbers are finite.

    Raises
    ------
    TypeError, ValueError
        It does not fit; the error says in a sentence what to do.
    """
    if not is_gpu(ops.device):
        raise TypeError(
            f"{name} lies on a GPU, but the model is on {ops.device}: give it a copy on the host, "
            f'{name}.cpu() of torch or {name}.get() of CuPy, or move the model: model.to("cuda").'
        )
    interface = value.__cuda_array_interface__
    dtype, shape = np.dtype(interface["typestr"]), interface["shape"]
    strides = interface.get("strides")
    if dtype != ops.dtype:
        raise TypeError(
            f"{name} is {dtype} on the GPU, where the model takes {ops.dtype} alone: convert it "
            f"there, or give a copy on the host, which may have any dtype."
        )
    if strides is not None and tuple(strides) != _packed(shape, dtype.itemsize):
        raise ValueError(
            f"{name} does not lie row by row in the GPU's memory: give {name}.contiguous() of "
            f"torch, or ascontiguousarray({name}) of CuPy."
        )
    own, other = kind_and_number(ops.device)[1], _number_of(value)
    if other not in (None, own):
        raise ValueError(f"{name} lies on GPU {other}, but the model is on {ops.device}.")
    array = ops.adopt(value)
    if not ops.all_finite(array):
        host = ops.to_host(array)
        place = first_not_finite(host)
        assert place is not None
        index = ", ".join(map(str, place))
        raise ValueError(
            f"{name} is not finite in row {place[0]}: {name}[{index}] is {host[place]}."
        )
    return array


def _packed(shape: tuple[int, ...], size: int) -> tuple[int, ...]:
    """Return the strides of an array that lies row by row."""
    strides: list[int] = []
    for count in reversed(shape):
        strides.append(size)
        size *= count
    return tuple(reversed(strides))


def _number_of(value: Any) -> int | None:
    """Return the number of an array's GPU, where it says it: torch has an index, CuPy an id."""
    device = getattr(value, "device", None)
    found = getattr(device, "index", getattr(device, "id", None))
    return found if isinstance(found, int) else None
