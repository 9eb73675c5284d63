"""A user's arrays: checked and converted once; errors say what came and what was expected."""

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Data", "as_input", "as_target", "as_weight", "checked_rows", "split"]

CHUNK = 1 << 20  # elements looked at together when searching for NaN, so that no large copy is made
LARGEST_LABEL = {4: 2**24, 8: 2**53}  # integers up to it are exact in floats of so many bytes


@dataclass(frozen=True)
class Data:
    """Arrays ready for the kernels.

    Attributes
    ----------
    x : ndarray, shape (M, T, F)
        T = 1 for flat inputs.
    sample : tuple
        Shape of one sample as the model knows it: (steps or None, features) or (features,).
    y : ndarray, shape (M, Ty, C), or None
        Ty is 1 or T.
    weight : ndarray, shape (M, Tw, 1), or None
        Tw is 1 or T.
    """

    x: np.ndarray
    sample: tuple[int | None, ...]
    y: np.ndarray | None = None
    weight: np.ndarray | None = None

    @property
    def rows(self) -> int:
        """M."""
        return self.x.shape[0]

    def part(self, rows: slice) -> "Data":
        """Return some rows, as views."""
        y = None if self.y is None else self.y[rows]
        weight = None if self.weight is None else self.weight[rows]
        return Data(self.x[rows], self.sample, y, weight)


def split(data: Data, share: float) -> tuple[Data, Data]:
    """Return (first part, last part); the last holds `share` of the rows, as Keras cuts it."""
    cut = int(data.rows * (1.0 - share))
    if cut in (0, data.rows):
        raise ValueError(
            f"validation_split={share} of {data.rows} rows leaves no row for "
            f"{'training' if cut == 0 else 'validation'}."
        )
    return data.part(slice(cut)), data.part(slice(cut, None))


def as_input(x: Any, shape: tuple[int | None, ...], layer: str, dtype: np.dtype) -> np.ndarray:
    """Return `x` as (M, T, F) of `dtype`.

    Parameters
    ----------
    x : array_like
        (M, T, F), or (M, F) for a flat model.
    shape : tuple
        The sample the model was built for: (steps or None, features) or (features,).
    layer : str
        Who expects it, for errors.
    dtype : dtype
        float32 or float64.
    """
    array = _as_numbers("x", x)
    check_rank(array, len(shape), layer, shape)
    if array.shape[-1] != shape[-1]:
        raise ValueError(
            f"{layer} expects {shape[-1]} features; x of shape {array.shape} has {array.shape[-1]}."
        )
    if len(shape) == 2 and shape[0] is not None and array.shape[1] != shape[0]:
        raise ValueError(
            f"{layer} was built for {shape[0]} steps; x of shape {array.shape} has "
            f"{array.shape[1]}. input_shape=(None, {shape[-1]}) takes any number."
        )
    if array.size == 0:
        raise ValueError(f"x is empty: its shape is {array.shape}.")
    converted = _convert("x", array, dtype)
    return converted if len(shape) == 2 else converted[:, None, :]


def check_rank(
    array: np.ndarray, rank: int, layer: str, shape: tuple[int | None, ...] = ()
) -> None:
    """Raise unless `array` has a batch axis and `rank` more; say which axis is missing."""
    if array.ndim == rank + 1:
        return
    expected = "(batch, steps, features)" if rank == 2 else "(batch, features)"
    text = f"{layer} expects x of shape {expected}; got {array.shape}"
    if array.ndim == rank and array.ndim and array.shape == shape:
        hint = ": the batch axis is missing. x[None] adds one."
    elif array.ndim == rank and array.ndim:
        hint = ": the features axis is missing. x[..., None] adds one."
    elif array.ndim == 1 and rank == 2:
        hint = ": the batch and features axes are missing. x[None, :, None] adds both."
    elif array.ndim > rank + 1:
        hint = f": {array.ndim} axes, {array.ndim - rank - 1} too many."
    else:
        hint = "."
    raise ValueError(text + hint)


def as_target(
    y: Any, rows: int, output: tuple[int, ...], sparse: bool, unit_range: bool, dtype: np.dtype
) -> np.ndarray:
    """Return `y` as (M, Ty, C) of `dtype`.

    Parameters
    ----------
    y : array_like
        Of the shape of the outputs; an axis of one feature may be left out; an axis of one step
        serves all steps. For class indices the features axis is 1 or left out.
    rows : int
        M, the rows of x.
    output : tuple
        Shape of one output: (steps, features) or (features,).
    sparse : bool
        Whether y holds class indices, which are checked.
    unit_range : bool
        Whether y holds probabilities, which must lie in [0, 1].
    dtype : dtype
        float32 or float64.
    """
    array = _as_numbers("y", y)
    if array.ndim == 0 or array.shape[0] != rows:
        came = "is a single number" if array.ndim == 0 else f"has {array.shape[0]}"
        raise ValueError(f"x has {rows} rows, but y {came}.")
    width = 1 if sparse else output[-1]
    full = array
    if width == 1 and array.ndim == len(output):
        full = array[..., None]  # the one feature was left out; so (M, 1) against steps is one step
    steps = output[0] if len(output) == 2 else None
    fits = full.ndim == len(output) + 1 and full.shape[-1] == width
    if not fits or (steps is not None and full.shape[1] not in (1, steps)):
        wanted = (rows, *output[:-1], width)
        kind = " of class indices" if sparse else ""
        raise ValueError(
            f"y of shape {array.shape} does not fit outputs of shape {(rows, *output)}; "
            f"expected y{kind} of shape {wanted}."
        )
    converted = _convert("y", full, dtype)
    if sparse:
        _check_labels(converted, output[-1], dtype)
    elif unit_range:
        _check_range("y", converted, 0.0, 1.0)
    return converted if steps is not None else converted[:, None, :]


def as_weight(weight: Any, rows: int, steps: int | None, dtype: np.dtype) -> np.ndarray:
    """Return sample weights, (M,) or (M, steps), as (M, Tw, 1) of `dtype`."""
    array = _as_numbers("sample_weight", weight)
    shapes = [(rows,), (rows, 1)] + ([] if steps is None else [(rows, steps)])
    if array.shape not in shapes:
        expected = f"{(rows,)}" + ("" if steps is None else f" or {(rows, steps)}")
        raise ValueError(f"sample_weight has shape {array.shape}; expected {expected}.")
    return _convert("sample_weight", array, dtype).reshape(rows, -1, 1)


def checked_rows(x: Any) -> np.ndarray:
    """Return `x` as an array of numbers whose shape may be read before a model is built."""
    return _as_numbers("x", x)


def _as_numbers(name: str, values: Any) -> np.ndarray:
    if isinstance(values, dict | set | str | bytes) or hasattr(values, "__next__"):
        raise TypeError(f"{name} must be an array of numbers; got {type(values).__name__}.")
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} is no array: its rows are of unlike length ({error}).") from None
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers; got dtype {array.dtype}.")
    return array


def _convert(name: str, array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return a C-contiguous array of `dtype` whose values are all finite."""
    with np.errstate(over="ignore"):
        converted = np.ascontiguousarray(array, dtype)
    flat = converted.reshape(-1)
    for start in range(0, flat.size, CHUNK):
        finite = np.isfinite(flat[start : start + CHUNK])
        if not finite.all():
            place = np.unravel_index(start + int(np.argmin(finite)), array.shape)
            value = array[place]
            index = ", ".join(str(int(i)) for i in place)
            reason = f"too large for {dtype.name}" if np.isfinite(value) else "not finite"
            raise ValueError(
                f"{name} is {reason} in row {int(place[0])}: {name}[{index}] is {value}."
            )
    return converted


def _check_labels(labels: np.ndarray, classes: int, dtype: np.dtype) -> None:
    if classes > LARGEST_LABEL[dtype.itemsize]:
        raise ValueError(f"{classes} classes are more than {dtype.name} can number.")
    _check_range("y", labels, 0, classes - 1)
    broken = labels != np.floor(labels)
    if broken.any():
        row = int(np.argwhere(broken)[0, 0])
        raise ValueError(f"y must hold class indices, which are whole numbers; row {row} does not.")


def _check_range(name: str, values: np.ndarray, low: float, high: float) -> None:
    outside = (values < low) | (values > high)
    if outside.any():
        place = tuple(np.argwhere(outside)[0])
        raise ValueError(
            f"{name} must lie in {low:g} to {high:g}; row {int(place[0])} has {values[place]:g}."
        )
