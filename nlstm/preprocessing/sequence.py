"""Sequences made of one length, and windows of a series in numbered batches."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from nlstm.arguments.checks import checked_integer, checked_numpy_dtype
from nlstm.arguments.former import warn_former
from nlstm.arguments.numbers import NOT_ARRAYS, as_array
from nlstm.arguments.warned import warn_user
from nlstm.data.py_dataset import PyDataset

__all__ = ["TimeseriesGenerator", "pad_sequences"]


def pad_sequences(
    sequences: Any,
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> np.ndarray:
    """Return sequences as one array, filled up or cut to one length.

    Parameters
    ----------
    sequences : sequence of sequences
        Of numbers, or of arrays of one shape; a sequence may be empty.
    maxlen : int, optional
        By default the length of the longest.
    dtype : str or dtype, default "int32"
    padding, truncating : {"pre", "post"}, default "pre"
        Which end is filled up, and which is cut.
    value : float or str, default 0
        What fills up; a string needs ``dtype=object``.

    Returns
    -------
    ndarray, shape (len(sequences), maxlen, ...)

    Raises
    ------
    ValueError
        An argument is none of these, or the sequences have elements of different shapes.

    Notes
    -----
    With `lengths=` of fit, rows are filled up behind the data: ``padding="post"``.

    Examples
    --------
    >>> pad_sequences([[1], [2, 3, 4]], maxlen=2)
    array([[0, 1],
           [3, 4]], dtype=int32)
    """
    for name, end in (("padding", padding), ("truncating", truncating)):
        if end not in ("pre", "post"):
            raise ValueError(f"{name} must be 'pre' or 'post'; got {end!r}.")
    if not _has_length(sequences):
        raise ValueError(f"sequences must be a list of sequences; got {sequences!r}.")
    kind = checked_numpy_dtype("dtype", dtype).kind
    if isinstance(value, str) and kind not in "OUS":
        raise ValueError(f"value is a string, so dtype must be object; got {dtype!r}.")
    for number, one in enumerate(sequences):
        if not _has_length(one) or isinstance(one, NOT_ARRAYS):
            raise ValueError(f"sequences must be a list of sequences; number {number} is {one!r}.")
    if maxlen is None:
        maxlen = max(map(len, sequences), default=0)
    maxlen = checked_integer("maxlen", maxlen, 0)
    filled = [one for one in sequences if len(one)]
    element = as_array("sequences", filled[0]).shape[1:] if filled else ()
    try:
        made = np.full((len(sequences), maxlen, *element), value, dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"value must fit dtype {dtype!r}; got {value!r} ({error}).") from None
    rounded = False
    for number, one in enumerate(sequences):
        if not len(one) or not maxlen:
            continue
        cut = slice(-maxlen, None) if truncating == "pre" else slice(maxlen)
        try:
            part = np.asarray(one[cut], dtype)
            rounded = rounded or (kind in "iu" and _has_fractions(one[cut], part))
        except (TypeError, ValueError, OverflowError, KeyError) as error:
            raise ValueError(
                f"sequences must hold numbers of dtype {dtype!r}; number {number} does not: {error}"
            ) from None
        if part.shape[1:] != element:
            raise ValueError(
                f"sequences must have elements of one shape, {element}; those of number {number} "
                f"have {part.shape[1:]}."
            )
        start = maxlen - len(part) if padding == "pre" else 0
        made[number, start : start + len(part)] = part
    if rounded:
        warn_user(
            f"sequences hold fractions, which {dtype!r} cuts off; dtype='float32' keeps them.",
            UserWarning,
        )
    return made


def _has_length(value: Any) -> bool:
    return hasattr(value, "__len__") and getattr(value, "ndim", 1) != 0


def _has_fractions(given: Any, whole: np.ndarray) -> bool:
    array = np.asarray(given)
    return array.dtype.kind == "f" and bool((array != whole).any())


class TimeseriesGenerator(PyDataset):
    """Windows of a series in numbered batches, as Keras 2 had them.

    ``timeseries_dataset_from_array`` and `nlstm.windows.Windows` do more.

    Parameters
    ----------
    data, targets : array_like or list, of one length
        The window of `length` steps before step i is given with ``targets[i]``.
    length : int
        Steps before the target; with `sampling_rate` a window has fewer.
    sampling_rate : int, default 1
        Every so many steps are in a window.
    stride : int, default 1
        Steps from one window to the next.
    start_index : int, default 0
        Steps before it are left out.
    end_index : int, optional
        The last step that may be a target; by default the last one.
    shuffle : bool, default False
        Draw windows at random, with replacement.
    reverse : bool, default False
        Give each window backwards.
    batch_size : int, default 128
    **options
        See `PyDataset`.
    """

    def __init__(
        self,
        data: Any,
        targets: Any,
        length: int,
        sampling_rate: int = 1,
        stride: int = 1,
        start_index: int = 0,
        end_index: int | None = None,
        shuffle: bool = False,
        reverse: bool = False,
        batch_size: int = 128,
        **options: Any,
    ) -> None:
        warn_former(
            "Keras 3 has no TimeseriesGenerator; nlstm.windows.Windows and "
            "timeseries_dataset_from_array do more."
        )
        super().__init__(**options)
        for name, one in (("data", data), ("targets", targets)):
            if not _has_length(one):
                raise TypeError(f"{name} must be an array or a list; got {one!r}.")
        if len(data) != len(targets):
            raise ValueError(
                f"data and targets must have one length; got {len(data)} and {len(targets)}."
            )
        self.data, self.targets = data, targets
        self.length = checked_integer("length", length, 1)
        self.sampling_rate = checked_integer("sampling_rate", sampling_rate, 1)
        self.stride = checked_integer("stride", stride, 1)
        self.start_index = checked_integer("start_index", start_index, 0) + self.length
        self.end_index = len(data) - 1 if end_index is None else end_index
        checked_integer("end_index", self.end_index, 0, len(data) - 1)
        self.shuffle, self.reverse = shuffle, reverse
        self.batch_size = checked_integer("batch_size", batch_size, 1)
        if self.start_index > self.end_index:
            raise ValueError(
                f"start_index + length is {self.start_index}, after end_index, {self.end_index}: "
                "no window is left."
            )

    def __len__(self) -> int:
        """Return the number of batches."""
        steps = self.batch_size * self.stride
        return (self.end_index - self.start_index + steps) // steps

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return batch `index`: windows and targets."""
        rows = self._rows(index)
        windows = [self.data[row - self.length : row : self.sampling_rate] for row in rows]
        x = np.array(windows)
        return (x[:, ::-1] if self.reverse else x), np.array([self.targets[row] for row in rows])

    def _rows(self, index: int) -> Sequence[int]:
        end = self.end_index + 1
        if self.shuffle:
            drawn = np.random.randint(self.start_index, end, self.batch_size)  # noqa: NPY002
            return drawn.tolist()
        start = self.start_index + self.batch_size * self.stride * index
        return range(start, min(start + self.batch_size * self.stride, end), self.stride)

    def get_config(self) -> dict[str, Any]:
        """Return the settings, with the series as JSON."""
        names = ("length", "sampling_rate", "stride", "start_index", "end_index")
        return {
            "data": json.dumps(np.asarray(self.data).tolist()),
            "targets": json.dumps(np.asarray(self.targets).tolist()),
            **{name: getattr(self, name) for name in (*names, "shuffle", "reverse", "batch_size")},
        }

    def to_json(self, **kwargs: Any) -> str:
        """Return the config as JSON; `kwargs` are those of `json.dumps`."""
        return json.dumps(
            {"class_name": type(self).__name__, "config": self.get_config()}, **kwargs
        )
