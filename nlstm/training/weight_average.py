"""The mean of the weights that training goes through, beside them on the device."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nlstm.kernels.operations import Array, Call
from nlstm.network.binder import Binder
from nlstm.training.training import Training

__all__ = ["WeightAverage"]


class WeightAverage:
    """The equally weighted mean of the trained weights at some moments.

    Parameters
    ----------
    binder : Binder
    training : Training

    Attributes
    ----------
    count : int
        How many moments it has.
    shown : bool
        Whether it lies in the weights' place, and they in its.
    """

    def __init__(self, binder: Binder, training: Training) -> None:
        self._weights, self._buffer = binder.weights, binder.optimized(training)
        self._other: Array = self._buffer.ops.zeros(self._buffer.value.size)
        self.count, self.shown = 0, False

    def follow(self, binder: Binder, training: Training) -> None:
        """Raise where other weights are trained now."""
        if binder.optimized(training) is not self._buffer:
            raise RuntimeError(
                "Other weights are trained than those whose average was begun: a callback has "
                "compiled the model anew."
            )

    def add(self) -> None:
        """Take in the weights as they are now, which are not the average."""
        assert not self.shown
        ops, value, mean = self._buffer.ops, self._buffer.value, self._other
        part, minus = ops.empty(value.size), value.dtype.type(-1)
        share = value.dtype.type(1.0 / (self.count + 1))
        calls: list[Call] = [
            (ops.scale, (mean, minus, part)),
            (ops.add, (value, part, part)),
            (ops.scale, (part, share, part)),
            (ops.add, (mean, part, mean)),
        ]
        if not self.count:
            calls = [(ops.copy, (mean, value))]
        fetch = [(ops.copy, pair) for pair in self._buffer.fetching]
        count = (object.__setattr__, (self, "count", self.count + 1))
        self._weights.exclusive(ops.program(whole=[*fetch, *calls, count]))

    def show(self, shown: bool = True) -> None:
        """Exchange weights and average unless they lie as wanted: all of them or none."""
        if shown == self.shown or not self.count:
            return
        ops, value = self._buffer.ops, self._buffer.value
        kept = ops.empty(value.size)
        exchange = [(kept, value), (value, self._other), (self._other, kept)]
        copies = [*self._buffer.fetching, *exchange, *self._buffer.publishing]
        last = (object.__setattr__, (self, "shown", shown))
        self._weights.exclusive(ops.program(whole=[*((ops.copy, pair) for pair in copies), last]))

    def get_state(self) -> dict[str, Any]:
        """Return what is not among the model's weights: the average, or what it stands for."""
        others = self._buffer.split(self._other)
        return {"count": self.count, "shown": self.shown, "others": others}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Put it back; the model's weights are those of then."""
        others = [np.asarray(one) for one in state["others"]]
        shapes = [one.shape for one in self._buffer.parameters]
        if [one.shape for one in others] != shapes:
            raise ValueError("The average is that of a model of other weights.")
        self._buffer.join(others, self._other)
        self.count, self.shown = int(state["count"]), bool(state["shown"])
