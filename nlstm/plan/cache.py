"""The plans of one bench, kept by the shape of their batches."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from nlstm.kernels.operations import Array, Operations
from nlstm.plan.plan import Arena, Plan
from nlstm.plan.precision import BFLOAT16

__all__ = ["PlanCache"]

PLANS = 16


class PlanCache:
    """Build plans on demand, in one arena, and keep the ones used last.

    Parameters
    ----------
    ops : Operations
    dtype : dtype
        The model's.
    counter : Array(int64), shape (1,)
        The model's count of training steps.
    matmul_precision : str
        The model's.
    """

    def __init__(
        self, ops: Operations, dtype: np.dtype, counter: Array, matmul_precision: str
    ) -> None:
        self._ops, self._dtype, self._counter = ops, dtype, counter
        self._paired = matmul_precision == BFLOAT16 and dtype == np.float32
        self._arena = Arena(ops)
        self.generation = 0  # grows when plans are forgotten: those in somebody's hands are dead
        self._kept: OrderedDict[Any, Any] = OrderedDict()

    def clear(self) -> None:
        """Forget all plans; the arena stays."""
        self._kept.clear()
        self.generation += 1

    def _plan(self, arena: Arena | None, *shape: Any) -> Plan:
        rows, steps, training, scratch_size = shape
        plan = Plan(
            self._ops, arena, self._dtype, rows, steps, training, self._counter, scratch_size
        )
        plan.paired = self._paired
        return plan

    def measure(
        self, rows: int, steps: int, training: bool, bind: Callable[[Plan], Any]
    ) -> tuple[int, int]:
        """Return the elements that a plan takes of the arena, and those of scratch among them."""
        size, mask_size, scratch_size = self._sizes(rows, steps, training, bind)
        return size + -(-mask_size // self._dtype.itemsize), scratch_size

    def _sizes(
        self, rows: int, steps: int, training: bool, bind: Callable[[Plan], Any]
    ) -> tuple[int, int, int]:
        """Return the numbers and bytes that a plan takes, and the numbers of scratch among them."""
        plan = self._plan(None, rows, steps, training, 0)
        bind(plan)
        scratch = self._plan(None, rows, steps, training, plan.scratch_size).size
        return plan.size + scratch, plan.mask_size, plan.scratch_size

    def kept(self, key: Any) -> Any:
        """Return what was made for `key`; None if it is not there."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def get(
        self, key: Any, rows: int, steps: int, training: bool, bind: Callable[[Plan], Any]
    ) -> Any:
        """Return what `bind` made for `key`, from before if it is still there.

        `bind` is called twice: once to measure, once with the arena's memory.
        """
        found = self.kept(key)
        if found is not None:
            return found
        size, mask_size, scratch_size = self._sizes(rows, steps, training, bind)
        if not self._arena.has_room(size, mask_size):
            self.clear()  # their views would keep the old block alive
            self._arena.reserve(size, mask_size)
        made = self._kept[key] = bind(self._plan(self._arena, rows, steps, training, scratch_size))
        while len(self._kept) > PLANS:
            self._kept.popitem(last=False)
        return made
