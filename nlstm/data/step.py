"""One batch of one shape, ready to run: gather rows, go forward, in training back and update."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from nlstm.data.sources import Data
from nlstm.kernels.devices import is_gpu
from nlstm.kernels.operations import Array, Cell, Operations
from nlstm.plan.plan import Call, Tensor

__all__ = ["Step"]


@dataclass
class Step:
    """The bound calls of one batch.

    Attributes
    ----------
    index : Cell of int64, size N
        The rows of the data that the next run takes: see `take`.
    inputs, outputs : sequence of Tensor
    targets, weights : sequence of Array or None
        Where targets (Ty, N, C) and sample weights (Tw, N, 1) go.
    calls : list of Call
        Everything after the gathering, but the update.
    update : list of Call
        What changes the weights: all of it runs, or none.
    beforehand : list of Call
        What the host does first.
    """

    index: Cell
    inputs: Sequence[Tensor]
    outputs: Sequence[Tensor]
    targets: Sequence[Array | None]
    weights: Sequence[Array | None]
    calls: list[Call]
    beforehand: list[Call] = field(default_factory=list)
    update: list[Call] = field(default_factory=list)
    _recorded: Callable[[], None] | None = None

    @property
    def rows(self) -> int:
        """N."""
        return self.index.host.size

    def take(self, rows: np.ndarray) -> None:
        """Choose the rows of the data that the next run takes."""
        self.index.host[:] = rows
        self.index.push()

    def program(
        self, ops: Operations, data: Data, order: Array | None = None
    ) -> Callable[[], None]:
        """Return what runs the step on the rows of `data` that were chosen by `take`.

        `order` : for a GPU, from which a step takes its rows by itself (see `next_rows`).
        """
        gathering = self.gathering(ops, data)
        if order is not None:
            gathering.insert(0, (ops.next_rows, (order, self.index.device)))
        elif is_gpu(ops.device):  # these data go; what was recorded of the step stays with it
            if self._recorded is None:
                self._recorded = ops.program(self.calls, whole=self.update)
            return ops.program(self.beforehand, gathering, [(self._recorded, ())])
        return ops.program(self.beforehand, gathering, self.calls, whole=self.update)

    def gathering(self, ops: Operations, data: Data) -> list[Call]:
        """Return the calls that fetch a batch from `data`."""
        calls: list[Call] = []
        index = self.index.device
        for source, tensor in zip(data.x, self.inputs, strict=True):
            calls += source.feed(ops, index, tensor.value)
        for lengths, tensor in zip(data.lengths, self.inputs, strict=False):
            if lengths is not None:
                measured = ops.to_device(lengths)
                calls.append((ops.mask_from_lengths, (measured, index, tensor.mask)))
        for sources, arrays in ((data.y, self.targets), (data.weight, self.weights)):
            for given, array in zip(sources, arrays, strict=False):
                if given is not None and array is not None:
                    calls += given.feed(ops, index, array)
        return calls
