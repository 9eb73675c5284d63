"""Where predictions go that a user has a place for: batch by batch into `out`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nlstm.arguments.outs import checked_out
from nlstm.arguments.structures import matched
from nlstm.data.on_file import Pages
from nlstm.data.step import Step
from nlstm.kernels.operations import Operations
from nlstm.network.network import Network
from nlstm.plan.plan import Tensor

__all__ = ["Results", "results_in"]


class Results:
    """The user's arrays, one for each output, and how far they are written.

    Parameters
    ----------
    names : sequence of str
        What errors call them.
    arrays : sequence of ndarray, shape (M, ...)
    """

    def __init__(self, names: Sequence[str], arrays: Sequence[np.ndarray]) -> None:
        self.names, self.arrays = names, arrays
        self.rows = len(arrays[0])
        self.first = 0  # the row at which the data begin of which batches are written
        self._pages = Pages(*arrays)
        self._memory: dict[tuple[int, ...], Any] = {}

    def views(self, rows: int) -> list[np.ndarray]:
        """Return the places of so many rows that come next, each (rows, T, F)."""
        parts = [one[self.first : self.first + rows] for one in self.arrays]
        return [part if part.ndim == 3 else part[:, None] for part in parts]

    def write(self, ops: Operations, step: Step, start: int, moved: bool) -> None:
        """Write the outputs of a batch whose first row is `start` of its data."""
        for output, out in zip(step.outputs, self.arrays, strict=True):
            values = self._host(ops, output)
            if moved:  # its rows are in another order
                out[self.first + step.index.host] = values
            else:
                out[self.first + start : self.first + start + len(values)] = values
            self._pages.touch(values.nbytes)

    def _host(self, ops: Operations, output: Tensor) -> np.ndarray:
        shape = (output.value.shape[1], output.steps, output.features)
        memory = self._memory.get(shape)
        if memory is None:
            memory = self._memory[shape] = ops.empty(shape)
        ops.scatter_steps(output.value, 0, memory)
        host = ops.to_host(memory)
        return host if output.sequence else host[:, 0]

    def append(self, outputs: Sequence[np.ndarray]) -> None:
        """Write all outputs of the rows that come next."""
        for out, values in zip(self.arrays, outputs, strict=True):
            out[self.first : self.first + len(values)] = values
            self._pages.touch(values.nbytes)
        self.first += len(outputs[0])

    def expect(self, shapes: Sequence[tuple[int, ...]]) -> None:
        """Raise where outputs of a batch, of shapes (rows, ...), do not fit."""
        if self.first + shapes[0][0] > self.rows:
            raise ValueError(
                f"{self.names[0]} has {self.rows} rows, but x gives more: at least "
                f"{self.first + shapes[0][0]}."
            )
        for name, array, shape in zip(self.names, self.arrays, shapes, strict=True):
            checked_out(name, array, (None, *shape[1:]))

    def check_full(self) -> None:
        """Raise where batches have ended before the rows did."""
        if self.first < self.rows:
            raise ValueError(
                f"{self.names[0]} has {self.rows} rows, but x gave {self.first}, which are written."
            )


def results_in(
    out: Any, network: Network, rows: int | None, shapes: Sequence[tuple[int, ...]] | None
) -> Results:
    """Return where results go, for an `out` that fits.

    Parameters
    ----------
    out : ndarray, or a list or dict of them as the model gives its outputs
    network : Network
    rows : int or None
        Those of the data, where they are known.
    shapes : sequence of tuple, optional
        Those of one sample of each output.
    """
    names = list(network.output_names)
    arrays, called = [out], ["out"]
    if len(names) > 1:
        called = [f"out[{name!r}]" for name in names]
        arrays = _each(out, network, names)
    elif isinstance(out, list | tuple) and len(out) == 1:
        arrays = list(out)
    for place, (name, array) in enumerate(zip(called, arrays, strict=True)):
        if shapes is None:
            sample = getattr(array, "shape", (0,))[1:]
        else:
            sample = shapes[place]
        checked_out(name, array, (rows, *sample))
        if len(array) != len(arrays[0]):
            raise ValueError(f"{name} has {len(array)} rows, but {called[0]} has {len(arrays[0])}.")
    return Results(called, arrays)


def _each(out: Any, network: Network, names: list[str]) -> list[Any]:
    if network.nested[1]:
        out = matched("out", network.form, out)
    if isinstance(out, Mapping):
        missing = [name for name in names if name not in out]
        if missing:
            raise ValueError(f"out is a dict without {missing[0]!r}; the outputs are {names}.")
        return [out[name] for name in names]
    if not isinstance(out, list | tuple) or len(out) != len(names):
        raise ValueError(
            f"out must be a list of {len(names)} arrays or a dict, for {', '.join(names)}; got "
            f"{type(out).__name__}."
        )
    return list(out)
