"""Class indices and indices of tables: checked wherever they come from, and weighed by class."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nlstm.arguments.checks import is_number
from nlstm.arguments.numbers import as_numbers
from nlstm.data.sources import Source, is_source, parts_of
from nlstm.kernels.operations import Operations

__all__ = ["check_indices", "check_range", "check_source", "class_weights"]

HINTS = {
    "class indices": " The model has {} outputs, one for each class.",
    "indices": " The table has {} rows, its input_dim.",
}
LARGEST_LABEL = {4: 2**24, 8: 2**53}  # integers up to it are exact in floats of so many bytes


def check_indices(
    name: str, labels: np.ndarray, limit: int, kind: str, dtype: np.dtype, first: int = 0
) -> None:
    """Raise unless `labels`, of rows from `first` on, are whole numbers from 0 to below `limit`."""
    if limit > LARGEST_LABEL[dtype.itemsize]:
        raise ValueError(f"{limit} {kind} are more than {dtype.name} can number.")
    if kind == "indices" and labels.ndim == 3 and labels.shape[1] == 1:
        labels = labels[:, 0]  # a source has their steps where others have features
    hint = HINTS.get(kind, "").format(limit)
    check_range(name, labels, 0, limit - 1, kind == "indices" or labels.ndim == 3, first, hint)
    broken = labels != np.floor(labels)
    if broken.any():
        row = first + int(np.argwhere(broken)[0, 0])
        raise ValueError(f"{name} must hold {kind}, which are whole numbers; row {row} does not.")


def check_range(
    name: str,
    values: np.ndarray,
    low: float,
    high: float,
    steps: bool = False,
    first: int = 0,
    hint: str = "",
) -> None:
    """Raise unless `values`, of rows from `first` on, lie in `low` to `high`."""
    outside = (values < low) | (values > high)
    if outside.any():
        place = tuple(np.argwhere(outside)[0])
        where = f"row {first + int(place[0])}" + (f", step {int(place[1])}," if steps else "")
        found = f"{where} has {values[place]:g}.{hint}"
        raise ValueError(f"{name} must lie in {low:g} to {high:g}; {found}")


def check_source(
    name: str, source: Source, ops: Operations, limit: int, kind: str, ignored: Any = None
) -> None:
    """Raise unless what a source gives are whole numbers from 0 to below `limit`."""
    for first, labels in parts_of(source, ops):
        known = labels if ignored is None else np.where(labels == ignored, 0, labels)
        check_indices(name, known, limit, kind, ops.dtype, first)


def class_weights(
    y: Any, weights: Any, output: tuple[int, ...], width: int, ops: Operations
) -> np.ndarray:
    """Return the weight of each row, or of each row and step, by its class.

    Parameters
    ----------
    y : array_like, shape (M,), (M, T), (M, C) or (M, T, C), or Source
        Class indices where an output has one target feature, else one column a class.
    weights : mapping of int to float
        Classes that are missing weigh 1.
    output : tuple
        Shape of one output: (steps, features) or (features,).
    width : int
        The features of its targets; where they are one, y may lack that axis.
    ops : Operations
        Reads sources.
    """
    chosen = _by_class(weights)
    if is_source(y):
        array = np.concatenate([labels for _, labels in parts_of(y, ops)])
        array = array if len(output) == 2 else array.reshape(len(array), -1)
    else:
        array = as_numbers("y", y)
    if not array.size:
        raise ValueError(f"y is empty: its shape is {array.shape}.")
    lacks_features = width == 1 and array.ndim == len(output)
    if array.ndim > 1 and not lacks_features:
        array = array[..., 0] if array.shape[-1] == 1 else array.argmax(axis=-1)
    labels = np.round(array)
    found = np.ones(labels.shape)
    for label, weight in chosen.items():
        found[labels == label] = weight
    return found


def _by_class(weights: Any) -> dict[int, float]:
    if not isinstance(weights, Mapping):
        raise TypeError(
            f"class_weight must be a dict of class to weight; got {type(weights).__name__}."
        )
    found = {}
    for label, weight in weights.items():
        known = isinstance(label, int | float | np.integer | np.floating | np.bool_)
        if not known or not np.isfinite(label) or label != int(label):
            raise TypeError(f"class_weight must be a dict of class to weight; got key {label!r}.")
        if not is_number(weight) or not np.isfinite(weight):
            raise TypeError(f"class_weight[{label}] must be a finite number; got {weight!r}.")
        found[int(label)] = float(weight)
    return found
