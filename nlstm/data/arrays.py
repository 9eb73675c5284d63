"""A user's arrays: checked and converted once; errors say what came and what was expected."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from nlstm.arguments.numbers import as_numbers
from nlstm.arguments.quiet import quietly
from nlstm.data.file_rows import FileRows, complaint
from nlstm.data.gpu_arrays import lies_on_gpu, taken_in_place
from nlstm.data.labels import check_indices, check_range, check_source
from nlstm.data.on_file import stays_file
from nlstm.data.sources import Rows, Source, is_source, laid_out, parts_of
from nlstm.kernels.operations import Operations

__all__ = [
    "as_input",
    "as_lengths",
    "as_target",
    "as_weight",
    "check_rank",
    "named",
]

CHUNK = 1 << 20  # elements looked at together when searching for NaN, so that no large copy is made


def named(what: str, value: Any, names: Sequence[str]) -> list[Any]:
    """Return one entry for each name from a list or dict of them; with one name, from `value`."""
    if isinstance(value, Mapping):
        missing = [name for name in names if name not in value]
        if missing:
            raise ValueError(
                f"{what} is a dict of {', '.join(map(repr, value)) or 'nothing'}; expected "
                f"{missing[0]!r} in it."
            )
        return [value[name] for name in names]
    if len(names) == 1:
        lone = isinstance(value, list | tuple) and len(value) == 1
        return [value[0]] if lone and getattr(value[0], "ndim", 0) > 1 else [value]
    if not isinstance(value, list | tuple) or len(value) != len(names):
        came = f"{len(value)} of them" if isinstance(value, list | tuple) else type(value).__name__
        raise ValueError(
            f"{what} must be a list of {len(names)} arrays or a dict, for {', '.join(names)}; "
            f"got {came}."
        )
    return list(value)


def as_input(
    x: Any,
    shape: tuple[int | None, ...],
    layer: str,
    ops: Operations,
    name: str = "x",
    index_limit: int | None = None,
) -> Source:
    """Return `x` as a source (M, T, F) of the dtype of `ops`.

    Parameters
    ----------
    x : array_like or Source
        (M, T, F), or (M, F) for a flat model. A last axis of 1 may be left out, or be one too many.
    shape : tuple
        The sample the model was built for: (steps or None, features) or (features,).
    layer : str
        Who expects it, for errors.
    ops : Operations
    name : str
        What the user calls it.
    index_limit : int, optional
        `x` holds indices from 0 to below it.
    """
    given = is_source(x)
    on_gpu = type(x) is not np.ndarray and lies_on_gpu(x)
    if on_gpu:
        array: Any = taken_in_place(name, x, ops)
    else:
        array = x if given else as_numbers(name, x)
    found = array.shape
    if given and len(shape) == 1 and found[1] == 1:
        found = (found[0], found[2])
    if len(found) != len(shape) + 1:
        array = array if given else _with_axes(array, shape)
        found = found if given else array.shape
        check_rank(found, len(shape), layer, shape)
    if shape[-1] is not None and found[-1] != shape[-1]:
        raise ValueError(
            f"{layer} expects {shape[-1]} features; {name} of shape {found} has {found[-1]}."
        )
    if len(shape) == 2 and shape[0] is not None and found[1] != shape[0]:
        raise ValueError(
            f"{layer} was built for {shape[0]} steps; {name} of shape {found} has "
            f"{found[1]}. input_shape=(None, {shape[-1]}) takes any number."
        )
    if 0 in found:
        raise ValueError(f"{name} is empty: its shape is {found}.")
    if given:
        if index_limit is not None:
            check_source(name, array, ops, index_limit, "indices")
        return array
    if on_gpu:
        converted = array
    elif stays_file(array):
        check = None
        if index_limit is not None:
            check = partial(_check_labels, name, index_limit, "indices", None, ops.dtype)
        rows = array if len(shape) == 2 else _one_step(array)
        return FileRows(name, rows, check, array.shape[1:])
    else:
        converted = _convert(name, array, ops.dtype, own=index_limit is not None)
    if index_limit is not None:
        check_indices(name, _on_host(converted, ops), index_limit, "indices", ops.dtype)
    return Rows(converted if len(shape) == 2 else _one_step(converted))


def _with_axes(array: np.ndarray, shape: tuple[int | None, ...]) -> np.ndarray:
    """Return `array` without a last axis of 1 too many, or with one that is missing, as Keras."""
    axes, rank = len(array.shape), len(shape)
    if axes == rank + 2 and array.shape[-1] == 1:
        return array.reshape(array.shape[:-1])
    if axes == rank and shape[-1] == 1 and (rank == 1 or shape[0] in (None, array.shape[-1])):
        return array.reshape((*array.shape, 1))
    return array


def check_rank(
    found: tuple[int, ...], rank: int, layer: str, shape: tuple[int | None, ...] = ()
) -> None:
    """Raise unless `found` has a batch axis and `rank` more; say which axis is missing."""
    axes = len(found)
    if axes == rank + 1:
        return
    expected = "(batch, steps, features)" if rank == 2 else "(batch, features)"
    text = f"{layer} expects x of shape {expected}; got {found}"
    if axes == rank and axes and found == shape:
        hint = ": the batch axis is missing. x[None] adds one."
    elif rank == axes == 2 and shape and found[1] == shape[1] and found[1] != 1:
        hint = (
            ": the batch axis is missing. x[None] is one sequence, nlstm.windows.Windows cuts many."
        )
    elif axes == rank and axes:
        hint = ": the features axis is missing. x[..., None] adds one."
    elif axes == 1 and rank == 2:
        hint = ": the batch and features axes are missing. x[None, :, None] adds both."
    elif axes > rank + 1:
        hint = f": {axes} axes, {axes - rank - 1} too many."
    else:
        hint = "."
    raise ValueError(text + hint)


def as_lengths(lengths: Any, x: Source, shape: tuple[int | None, ...]) -> np.ndarray:
    """Return `lengths` as int64, (M,): how many steps of each row count.

    Parameters
    ----------
    lengths : array_like of int, shape (M,)
        From 1 to the number of steps.
    x : Source
        The input that they measure.
    shape : tuple
        Its sample's.
    """
    rows, steps, _ = x.shape
    if len(shape) != 2:
        raise ValueError(f"lengths measure sequences; the input's samples have shape {shape}.")
    array = as_numbers("lengths", lengths)
    if array.dtype.kind not in "iu":
        raise TypeError(f"lengths must be integers; got dtype {array.dtype}.")
    if array.shape != (rows,):
        raise ValueError(f"lengths has shape {array.shape}; expected {(rows,)}.")
    outside = (array < 1) | (array > steps)
    if outside.any():
        row = int(np.argmax(outside))
        raise ValueError(f"lengths must lie in 1 to {steps}; row {row} has {array[row]}.")
    return np.ascontiguousarray(array, np.int64)


def as_target(
    y: Any,
    rows: int,
    output: tuple[int, ...],
    loss: Any,
    ops: Operations,
    name: str = "y",
) -> Source:
    """Return `y` as a source (M, Ty, C) of the dtype of `ops`.

    Parameters
    ----------
    y : array_like or Source
        Of the shape of the outputs; an axis of one feature may be left out; an axis of one step
        serves all steps. For class indices the features axis is 1 or left out.
    rows : int
        M, the rows of x.
    output : tuple
        Shape of one output: (steps, features) or (features,).
    loss : Loss
        What it expects of targets: see its `sparse`, `unit_range` and `target_features`.
    ops : Operations
    name : str
        What the user calls it.
    """
    given = is_source(y)
    width = loss.target_features(output[-1])
    if given:
        y = laid_out(name, y, len(output) == 1, max(1, width // output[-1]))
    array: Any = y if given else _numbers(name, y, ops)
    shape = array.shape
    if not shape or shape[0] != rows:
        came = f"has {shape[0]}" if shape else "is a single number"
        raise ValueError(f"x has {rows} rows, but {name} {came}.")
    if given and len(output) == 1 and shape[1] == 1:
        shape = (rows, shape[2])
    full = shape
    if width == 1 and len(shape) == len(output):
        full = (*shape, 1)  # the one feature was left out; so (M, 1) against steps is one step
    steps = output[0] if len(output) == 2 else None
    fits = len(full) == len(output) + 1 and full[-1] == width
    if not fits or (steps is not None and full[1] not in (1, steps)):
        wanted = (rows, *output[:-1], width)
        kind = " of class indices" if loss.sparse else ""
        raise ValueError(
            f"{name} of shape {shape} does not fit outputs of shape {(rows, *output)}; "
            f"expected {name}{kind} of shape {wanted}.{_hint(full, wanted, output, loss)}"
        )
    ignored = getattr(loss, "ignore_class", None)
    if given:
        if loss.sparse:
            check_source(name, array, ops, output[-1], "class indices", ignored)
        elif loss.unit_range:
            for first, values in parts_of(array, ops):
                check_range(name, values, 0.0, 1.0, True, first)
        return array
    converted = array.reshape(full)
    if isinstance(array, np.ndarray) and stays_file(array):
        check = None
        if loss.sparse:
            check = partial(_check_labels, name, output[-1], "class indices", ignored, ops.dtype)
        elif loss.unit_range:
            check = partial(_check_shares, name)
        rows_of = converted if steps is not None else _one_step(converted)
        return FileRows(name, rows_of, check, shape[1:])
    if isinstance(array, np.ndarray):
        converted = _convert(name, converted, ops.dtype, own=loss.sparse)
    host = _on_host(converted, ops) if loss.sparse or loss.unit_range else converted
    if loss.sparse:
        labels = host if ignored is None else np.where(host == ignored, 0, host)
        check_indices(name, labels, output[-1], "class indices", ops.dtype)
    elif loss.unit_range:
        check_range(name, host, 0.0, 1.0)
    return Rows(converted if steps is not None else _one_step(converted))


def _check_labels(
    name: str,
    limit: int,
    kind: str,
    ignored: Any,
    dtype: np.dtype,
    values: np.ndarray,
    first: int,
) -> None:
    """Raise unless labels of rows from `first` on, less those ignored, are whole numbers."""
    known = values if ignored is None else np.where(values == ignored, 0, values)
    check_indices(name, known, limit, kind, dtype, first)


def _check_shares(name: str, values: np.ndarray, first: int) -> None:
    check_range(name, values, 0.0, 1.0, True, first)


def _hint(
    shape: tuple[int, ...], wanted: tuple[int, ...], output: tuple[int, ...], loss: Any
) -> str:
    """Return what may have been meant by targets of a shape that does not fit."""
    if loss.sparse and shape == (*wanted[:-1], output[-1]):
        return " One-hot rows are for categorical_crossentropy."
    lacks_classes = shape in (wanted[:-1], (*wanted[:-1], 1))
    if lacks_classes and "Categorical" in type(loss).__name__:
        return " Class indices are for sparse_categorical_crossentropy."
    reads = getattr(loss, "reads", "")
    if reads:
        return f" {type(loss).__name__} reads {reads}."
    if len(shape) == 3 and len(output) == 1 and shape[-1] == wanted[-1]:
        return " The outputs have no steps: return_sequences=True in the last LSTM gives them."
    return ""


def as_weight(
    weight: Any, rows: int, steps: int | None, dtype: np.dtype, name: str = "sample_weight"
) -> Source:
    """Return sample weights, (M,), (M, steps) or (M, steps, 1), as a source (M, Tw, 1)."""
    array = as_numbers(name, weight)
    shapes = [(rows,), (rows, 1)]
    if steps is not None:
        shapes += [(rows, steps), (rows, steps, 1), (rows, 1, 1)]
    if array.shape not in shapes:
        expected = f"{(rows,)}" + ("" if steps is None else f" or {(rows, steps)}")
        raise ValueError(f"{name} has shape {array.shape}; expected {expected}.")
    if stays_file(array):
        return FileRows(name, array.reshape(rows, -1, 1), None, array.shape[1:])
    return Rows(_convert(name, array, dtype).reshape(rows, -1, 1))


def _numbers(name: str, values: Any, ops: Operations) -> Any:
    """Return an array of real numbers, on the host or where it lies on the GPU."""
    if type(values) is not np.ndarray and lies_on_gpu(values):
        return taken_in_place(name, values, ops)
    return as_numbers(name, values)


def _on_host(array: Any, ops: Operations) -> np.ndarray:
    """Return the numbers of an array."""
    return array if isinstance(array, np.ndarray) else ops.to_host(array)


def _one_step(array: Any) -> Any:
    """Return flat values as sequences of one step."""
    return array.reshape(array.shape[0], 1, array.shape[-1])


def _convert(name: str, array: np.ndarray, dtype: np.dtype, own: bool = False) -> np.ndarray:
    """Return a C-contiguous array of `dtype` whose values are all finite.

    With `own` it is a copy, so that indices stay as they were checked.
    """
    if array.dtype is dtype and array.flags.c_contiguous and not own:
        converted = array
    else:
        make: Any = np.array if own else np.asarray  # copy=None is not NumPy 1's
        made = quietly(partial(make, order="C"), array, dtype, over="ignore")
        converted = np.atleast_1d(made)
    flat = converted.reshape(-1)
    for start in range(0, flat.size, CHUNK):
        finite = np.isfinite(flat[start : start + CHUNK])
        if not np.logical_and.reduce(finite):  # `all` takes a microsecond longer
            place = np.unravel_index(start + int(np.argmin(finite)), array.shape)
            index = tuple(int(i) for i in place)
            raise ValueError(complaint(name, index, array[place], dtype))
    return converted
