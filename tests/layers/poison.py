"""Plans whose memory is NaN before every run, so that what reads what nobody wrote is seen."""

import numpy as np

from nlstm import kernels
from nlstm.plan.arena import Arena
from nlstm.plan.plan import Plan, run

__all__ = ["PoisonedPlan", "host", "poisoned_plan"]

UNSET = 170  # of a byte of a mask, which is 0 or 1


def host(array):
    """Return what a device's array or a host's holds."""
    return array if isinstance(array, np.ndarray) else kernels.load().to_host(array)


class PoisonedPlan(Plan):
    """A plan that poisons its buffers before each forward pass, and its scratch before each call.

    In a plan whose memory is an arena's, all scratch is one buffer; in one without, each request
    has its own.
    """

    def __init__(self, *arguments):
        self.buffers, self.masks, self.scratches = [], [], []
        super().__init__(*arguments)

    def array(self, shape):
        found = super().array(shape)
        self.buffers.append(found)
        self.ops.fill(found, np.nan)
        return found

    def mask(self, steps, rows):
        found = super().mask(steps, rows)
        self.masks.append(found)
        self.ops.fill(found, UNSET)
        return found

    def scratch(self, size):
        found = super().scratch(size)
        assert found.size == size, "the scratch is smaller than what was asked for"
        self.scratches.append(found)
        self.ops.fill(found, np.nan)
        return found

    def run_forward(self):
        """Run the forward pass: nothing is left in any buffer from the run before."""
        run(self.beforehand)
        for buffer in self.buffers:
            self.ops.fill(buffer, np.nan)
        for mask in self.masks:
            self.ops.fill(mask, UNSET)
        self._run(self.forward)

    def run_backward(self, calls=None):
        """Run the backward pass on what the forward pass left in the buffers."""
        self._run(self.backward() if calls is None else calls)

    def _run(self, calls):
        for call in calls:
            for scratch in self.scratches:
                self.ops.fill(scratch, np.nan)
            run([call])


def poisoned_plan(bind, ops, dtype, rows, steps, training, counter, arena=True):
    """Return a poisoned plan and what `bind` made in it: measured first, as a model's plans are."""
    shape = (dtype, rows, steps, training, counter)
    measured = PoisonedPlan(ops, None, *shape)
    found = bind(measured)
    if not arena:
        return measured, found
    size = measured.size + PoisonedPlan(ops, None, *shape, measured.scratch_size).size
    memory = Arena(ops)
    memory.reserve(size, measured.mask_size)
    plan = PoisonedPlan(ops, memory, *shape, measured.scratch_size)
    found = bind(plan)
    assert plan.size == size, "a layer takes other buffers when it is bound again"
    return plan, found
