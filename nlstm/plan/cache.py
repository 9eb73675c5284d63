"""The plans of one bench, kept by the shape of their batches."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from nlstm.kernels.operations import Array, Operations
from nlstm.plan.arena import Arena
from nlstm.plan.plan import Plan
from nlstm.plan.precision import BFLOAT16
from nlstm.plan.recompute import AUTO, Recompute, Recomputing

__all__ = ["PlanCache"]

PLANS = 16
LITTLE = 1 << 26  # bytes for which nobody looks whether they are free


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

    def _plan(self, arena: Arena | None, recompute: Recompute, *shape: Any) -> Plan:
        rows, steps, training, scratch_size = shape
        plan = Plan(
            self._ops, arena, self._dtype, rows, steps, training, self._counter, scratch_size
        )
        plan.paired = self._paired
        plan.recompute = recompute
        return plan

    def measure(
        self,
        rows: int,
        steps: int,
        training: bool,
        bind: Callable[[Plan], Any],
        recompute: Recompute = None,
    ) -> tuple[int, int]:
        """Return the elements that a plan takes of the arena, and those of scratch among them."""
        size, mask_size, scratch_size = self._sizes(bind, recompute, rows, steps, training)
        return size + -(-mask_size // self._dtype.itemsize), scratch_size

    def _sizes(
        self, bind: Callable[[Plan], Any], recompute: Recompute, *shape: Any
    ) -> tuple[int, int, int]:
        """Return the numbers and bytes that a plan takes, and the numbers of scratch among them."""
        plan = self._plan(None, recompute, *shape, 0)
        bind(plan)
        scratch = self._plan(None, recompute, *shape, plan.scratch_size).size
        return plan.size + scratch, plan.mask_size, plan.scratch_size

    def kept(self, key: Any) -> Any:
        """Return what was made for `key`; None if it is not there."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def get(
        self,
        key: Any,
        rows: int,
        steps: int,
        training: bool,
        bind: Callable[[Plan], Any],
        aim: Recomputing | None = None,
    ) -> Any:
        """Return what `bind` made for `key`, from before if it is still there.

        `bind` is called twice: once to measure, once with the arena's memory. `aim` knows
        whether gates are computed again; with AUTO it hears that they are.
        """
        found = self.kept(key)
        if found is not None:
            return found
        shape = rows, steps, training
        chosen, (size, mask_size, scratch_size) = self._chosen(bind, aim, *shape)
        if not self._arena.has_room(size, mask_size):
            self.clear()  # their views would keep the old block alive
            self._arena.reserve(size, mask_size)
        made = self._kept[key] = bind(self._plan(self._arena, chosen, *shape, scratch_size))
        while len(self._kept) > PLANS:
            self._kept.popitem(last=False)
        return made

    def _chosen(
        self, bind: Callable[[Plan], Any], aim: Recomputing | None, *shape: Any
    ) -> tuple[Recompute, tuple[int, int, int]]:
        """Return how gates are computed again, and the sizes of a plan that does it so."""
        if aim is None or aim.recompute != AUTO:
            chosen = None if aim is None or aim.recompute == AUTO else aim.recompute
            return chosen, self._sizes(bind, chosen, *shape)
        wanted = None
        try:
            sizes = self._sizes(bind, None, *shape)
        except MemoryError:  # for there are not even the addresses
            less = self._sizes(bind, AUTO, *shape)
        else:
            wanted = self._bytes(sizes)
            if self._has_memory(sizes):
                return None, sizes
            less = self._sizes(bind, AUTO, *shape)
            if less[0] >= sizes[0]:
                return None, sizes
        aim.tell_of_recompute(wanted, self._bytes(less))
        return AUTO, less

    def _bytes(self, sizes: tuple[int, int, int]) -> int:
        return sizes[0] * self._dtype.itemsize + sizes[1]

    def _has_memory(self, sizes: tuple[int, int, int]) -> bool:
        """Whether a plan fits in the arena, or in one that the process may have in its place."""
        size, wanted = self._arena.block.size, self._bytes(sizes)
        if self._arena.has_room(*sizes[:2]) or wanted <= LITTLE:
            return True
        return self._ops.has_room(wanted - self._bytes((size, self._arena.masks.size, 0)))
