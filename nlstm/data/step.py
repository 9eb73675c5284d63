"""One batch of one shape, ready to run: gather rows, go forward, in training back and update."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nlstm.data.sources import Data
from nlstm.plan.plan import Call, Tensor

__all__ = ["Step"]


@dataclass
class Step:
    """The bound calls of one batch.

    Attributes
    ----------
    index : ndarray(int64), shape (N,)
        The rows of the data that the next run takes; write it before running.
    inputs, outputs : sequence of Tensor
    targets, weights : sequence of ndarray or None
        Where targets (Ty, N, C) and sample weights (Tw, N, 1) go.
    calls : list of Call
        Everything after the gathering.
    """

    index: np.ndarray
    inputs: Sequence[Tensor]
    outputs: Sequence[Tensor]
    targets: Sequence[np.ndarray | None]
    weights: Sequence[np.ndarray | None]
    calls: list[Call]

    def calls_on(self, ops: Any, data: Data) -> list[Call]:
        """Return all calls for batches taken from `data`."""
        calls: list[Call] = []
        for source, tensor in zip(data.x, self.inputs, strict=True):
            calls += source.feed(ops, self.index, tensor.value)
        for lengths, tensor in zip(data.lengths, self.inputs, strict=False):
            if lengths is not None:
                calls.append((ops.mask_from_lengths, (lengths, self.index, tensor.mask)))
        for sources, arrays in ((data.y, self.targets), (data.weight, self.weights)):
            for given, array in zip(sources, arrays, strict=False):
                if given is not None and array is not None:
                    calls += given.feed(ops, self.index, array)
        return calls + self.calls
