"""Classes as rows of zeros and a one, and rows made of one length."""

from typing import Any

import numpy as np

from nlstm.arguments.checks import checked_integer, checked_numpy_dtype, is_number
from nlstm.arguments.numbers import as_array, as_numbers

__all__ = ["normalize", "to_categorical"]

LARGEST = 2**53  # whole numbers up to it are exact in float64


def to_categorical(x: Any, num_classes: int | None = None, dtype: Any = np.float64) -> np.ndarray:
    """Return a row of zeros and a one for each class.

    Parameters
    ----------
    x : array_like of int
        Classes from 0; a last axis of length 1 is dropped.
    num_classes : int, optional
        By default the largest class and one.
    dtype : str or dtype, default float64

    Returns
    -------
    ndarray, shape ``(*x.shape, num_classes)``

    Raises
    ------
    ValueError
        A class is no whole number from 0 to below `num_classes`.

    Notes
    -----
    With loss="sparse_categorical_crossentropy" the classes themselves will do.

    Examples
    --------
    >>> to_categorical([2, 0], num_classes=3)
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    dtype = checked_numpy_dtype("dtype", dtype)
    given = as_array("x", x)
    if given.dtype.kind in "OUS":
        try:
            given = given.astype(np.float64)  # strings of digits, as Keras takes them
        except (TypeError, ValueError) as error:
            raise TypeError(f"x must hold classes, whole numbers from 0: {error}.") from None
    given = as_numbers("x", given)
    numbers = given.astype(np.float64)
    broken = ~(np.abs(numbers) <= LARGEST) | (numbers != np.trunc(numbers))  # NaN is broken too
    if broken.any():
        raise ValueError(f"x must hold classes, whole numbers from 0; got {given[broken][0]}.")
    classes = given.astype(np.int64)
    if classes.ndim > 1 and classes.shape[-1] == 1:
        classes = classes[..., 0]
    if not classes.size and not num_classes:
        raise ValueError("to_categorical needs num_classes where x is empty.")
    count = (
        int(classes.max()) + 1
        if not num_classes
        else checked_integer("num_classes", num_classes, 1)
    )
    if classes.size and not 0 <= classes.min() <= classes.max() < count:
        wrong = classes.min() if classes.min() < 0 else classes.max()
        raise ValueError(f"x must have classes from 0 to {count - 1}; got {wrong}.")
    made = np.zeros((classes.size, count), dtype)
    made[np.arange(classes.size), classes.ravel()] = 1
    return made.reshape(*classes.shape, count)


def normalize(x: Any, axis: int = -1, order: float = 2) -> np.ndarray:
    """Return `x` divided by its norm along an axis; where that is 0, `x` as it is.

    Parameters
    ----------
    x : array_like
    axis : int, default -1
    order : float, default 2
        Of the norm.

    Notes
    -----
    As in Keras an infinity or NaN becomes NaN. Finite numbers of any size, in any dtype, come to
    norm 1: they are brought near to 1 first, so that no square is lost.
    """
    array = np.atleast_1d(as_numbers("x", x))
    axis = checked_integer("axis", axis, -array.ndim, array.ndim - 1)
    if not is_number(order) or np.isnan(order):
        raise TypeError(f"order must be a number or infinity; got {order!r}.")
    if array.dtype.kind != "f":
        array = array.astype(np.float64)
    if not array.size:
        return array
    if order:  # 0 counts what is not 0, whatever its size
        array = _near_one(array, axis)
    with np.errstate(all="ignore"):  # infinities, and negative orders of zeros
        norm = np.linalg.norm(array, order, axis, keepdims=True)
        return array / np.where(norm == 0, 1, norm)


def _near_one(array: np.ndarray, axis: int) -> np.ndarray:
    """Return `array` divided by powers of 2 along an axis, which costs no digit."""
    largest = np.abs(array).max(axis, keepdims=True)
    _, exponent = np.frexp(np.where(np.isfinite(largest), largest, 1))
    return np.ldexp(array, -exponent)
