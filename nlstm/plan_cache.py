"""The plans of one model, kept by the shape of their batches."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from nlstm.plan import Arena, Plan

__all__ = ["PlanCache"]

PLANS = 16


class PlanCache:
    """Build plans on demand, in one arena, and keep the ones used last.

    Parameters
    ----------
    ops : namespace
        The kernels.
    dtype : dtype
        The model's.
    counter : ndarray(int64), shape (1,)
        The model's count of training steps.
    """

    def __init__(self, ops: Any, dtype: np.dtype, counter: np.ndarray) -> None:
        self._ops, self._dtype, self._counter = ops, dtype, counter
        self._arena = Arena(dtype)
        self._kept: OrderedDict[Any, Any] = OrderedDict()

    def clear(self) -> None:
        """Forget all plans; the arena stays."""
        self._kept.clear()

    def get(
        self, key: Any, rows: int, steps: int, training: bool, bind: Callable[[Plan], Any]
    ) -> Any:
        """Return what `bind` made for `key`, from before if it is still there.

        `bind` is called twice: once to measure, once with the arena's memory.
        """
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]

        def plan(arena: Arena | None, scratch_size: int) -> Plan:
            shape = (rows, steps, training)
            return Plan(self._ops, arena, self._dtype, *shape, self._counter, scratch_size)

        measure = plan(None, 0)
        bind(measure)
        scratch_size = measure.scratch_size
        size = measure.size + plan(None, scratch_size).size
        del measure
        if size > self._arena.block.size:
            self._kept.clear()  # their views would keep the old block alive
            self._arena.reserve(size)
        made = self._kept[key] = bind(plan(self._arena, scratch_size))
        while len(self._kept) > PLANS:
            self._kept.popitem(last=False)
        return made
