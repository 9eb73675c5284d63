"""One side of windows, inputs or targets: where its values lie, and the calls that fetch them."""

import math
import operator
from typing import Any, NamedTuple

import numpy as np

from nlstm.kernels.operations import Array, Call, Operations
from nlstm.windows.file_panel import FilePanel
from nlstm.windows.panel import Panel

__all__ = ["Scaling", "Side"]


class Scaling(NamedTuple):
    """How each window is scaled by itself: `kind`, and where the values lie that decide."""

    kind: str
    offsets: np.ndarray

    def moments(
        self, panel: Panel | FilePanel, starts: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return (shift, scale), float64, each of shape (windows, columns)."""
        if self.kind != "standard":
            shift = panel.take(starts, self.offsets[:1])[:, 0].astype(np.float64)
            return shift, np.ones_like(shift)
        values = panel.take(starts, self.offsets).astype(np.float64)
        first = values[:, 0].copy()  # so that equal values have themselves as mean
        values -= first[:, None]
        deviation = values.std(axis=1)
        return first + values.mean(axis=1), np.where(deviation > 0.0, deviation, 1.0)

    def largest(self, dtype: np.dtype) -> float:
        """Return a magnitude up to which `dtype` holds differences, and float64 their squares."""
        most = float(np.finfo(dtype).max) / 2
        if self.kind != "standard":
            return most
        return min(most, math.sqrt(np.finfo(np.float64).max / len(self.offsets)) / 2)


class Side:
    """One side of windows, inputs or targets, as a source that the trainer copies batches from.

    Attributes
    ----------
    shape : tuple of int
        (windows, steps, features), as if they were all in memory.
    dtype : dtype
        Of the series.
    """

    def __init__(
        self,
        panel: Panel | FilePanel,
        starts: Any,
        offsets: np.ndarray,
        scaling: Scaling | None = None,
        scaled: int = 0,
        static: np.ndarray | None = None,
        group: np.ndarray | None = None,
    ) -> None:
        self._panel, self._starts, self._offsets = panel, starts, offsets
        self._scaling, self._scaled = scaling, scaled
        self._static, self._group = static, group
        self.scaled_by = None if scaling is None else scaling.kind
        extra = 0 if static is None else static.shape[1]
        self.shape = (starts.size, offsets.shape[0], offsets.shape[1] + extra)
        self.dtype = panel.dtype
        self.ndim = 3

    def __repr__(self) -> str:
        return f"<Side {self.shape} {self.dtype}>"

    def part(self, rows: slice) -> "Side":
        """Return some windows, as views."""
        return self._with(self._starts[rows], self._offsets, rows)

    def flattened(self, blocks: int = 1) -> "Side":
        """Return the same with all steps side by side: shape (windows, 1, steps * features).

        For outputs that have no steps, such as those of ``Dense(horizon)``. The features are
        so many blocks: all steps of the first block come first, then those of the second.
        """
        if self._static is not None:
            raise ValueError("Windows with static features cannot be flattened.")
        steps, features = self._offsets.shape
        parted = self._offsets.reshape(steps, blocks, features // blocks).swapaxes(0, 1)
        return self._with(self._starts, parted.reshape(1, -1), slice(None))

    def _with(self, starts: Any, offsets: np.ndarray, rows: slice) -> "Side":
        group = None if self._group is None else self._group[rows]
        scaled = 0 if self._scaling is None else self._scaled * offsets.shape[1]
        scaled //= self._offsets.shape[1]
        return Side(self._panel, starts, offsets, self._scaling, scaled, self._static, group)

    def check_size(self, dtype: np.dtype) -> None:
        """Raise where the series holds a number that `dtype` cannot hold, or scale."""
        found, scaling = self._panel.largest, self._scaling
        if found is None:  # each batch of a file is looked at when it comes
            return
        if found > float(np.finfo(dtype).max):
            raise ValueError(f"series holds {found:g}, which {dtype.name} cannot hold.")
        if scaling is not None and found > scaling.largest(dtype):
            raise ValueError(
                f"series holds {found:g}, which scaling={scaling.kind!r} cannot scale in "
                f"{dtype.name}: at most {scaling.largest(dtype):g}."
            )

    def feed(self, ops: Operations, index: Array, out: Array) -> list[Call]:
        """Return the calls that copy windows `index`, as it is when they run, to `out`.

        Parameters
        ----------
        ops : Operations
        index : Array(int64), shape (N,)
        out : Array, shape (T, N, S), S >= features
            Columns past the features are left alone.
        """
        self.check_size(out.dtype)
        tables = [self._offsets]
        if self._scaling is not None:
            tables.append(self._scaling.offsets)
        placed = self._panel.placed(
            ops, self._starts, tables, self._group, index, out, self._scaling
        )
        flat, starts, index = placed.series, placed.starts, placed.index
        calls = placed.before
        calls.append((ops.gather_windows, (flat, starts, index, placed.tables[0], out)))
        if self._scaling is not None:
            kind, offsets = self._scaling.kind, placed.tables[1]
            shape = (1, index.size, offsets.shape[1])
            shift = ops.zeros(shape)
            scale = ops.zeros(shape) if kind == "standard" else None
            if scale is None:
                calls.append((ops.gather_windows, (flat, starts, index, offsets, shift)))
            else:
                moments = (flat, starts, index, offsets, shift, scale)
                calls.append((ops.window_moments, moments))
            calls.append((ops.scale_windows, (out, self._scaled, shift, scale)))
        if self._static is not None:
            first = self._offsets.shape[1]
            static = ops.to_device(self._static.astype(out.dtype))
            calls.append((ops.repeat_static, (static, placed.group, index, first, out)))
        return calls + placed.after

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Return windows as an array, (windows, steps, features); one number gives one window."""
        if np.ndim(rows) == 0 and not isinstance(rows, slice):
            return self[np.array([operator.index(rows)])][0]
        starts = np.asarray(self._starts[rows], np.int64)
        array = self._panel.take(starts, self._offsets)
        if self._scaling is not None:
            shift, scale = self._scaling.moments(self._panel, starts)
            times = self._scaled // shift.shape[1]
            scaled = array[:, :, : self._scaled]
            scaled[:] = (scaled - np.tile(shift, times)[:, None]) / np.tile(scale, times)[:, None]
        if self._static is None:
            return array
        assert self._group is not None
        repeated = np.repeat(self._static[self._group[rows]][:, None], array.shape[1], axis=1)
        return np.concatenate([array, repeated.astype(array.dtype)], axis=2)
