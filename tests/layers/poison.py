"""Plans whose memory is NaN before every run, so that what reads what nobody wrote is seen."""

import numpy as np

from nlstm.plan.plan import Arena, Plan, run

__all__ = ["PoisonedPlan", "poisoned_plan"]


class PoisonedPlan(Plan):
    """A plan that poisons its buffers before each forward pass, and its scratch before each call.

    In a plan whose memory is an arena's, all scratch is one buffer; in one without, each request
    has its own.
    """

    def __init__(self, *arguments):
        self.buffers, self.scratches = [], []
        super().__init__(*arguments)

    def array(self, shape):
        found = super().array(shape)
        self.buffers.append(found)
        found.fill(np.nan)
        return found

    def scratch(self, size):
        found = super().scratch(size)
        assert found.size == size, "the scratch is smaller than what was asked for"
        self.scratches.append(found)
        found.fill(np.nan)
        return found

    def run_forward(self):
        """Run the forward pass: nothing is left in any buffer from the run before."""
        for buffer in self.buffers:
            buffer.fill(np.nan)
        self._run(self.forward)

    def run_backward(self, calls=None):
        """Run the backward pass on what the forward pass left in the buffers."""
        self._run(self.backward() if calls is None else calls)

    def _run(self, calls):
        for call in calls:
            for scratch in self.scratches:
                scratch.fill(np.nan)
            run([call])


def poisoned_plan(bind, ops, dtype, rows, steps, training, counter, arena=True):
    """Return a poisoned plan and what `bind` made in it: measured first, as a model's plans are."""
    shape = (dtype, rows, steps, training, counter)
    measured = PoisonedPlan(ops, None, *shape)
    found = bind(measured)
    if not arena:
        return measured, found
    size = measured.size + PoisonedPlan(ops, None, *shape, measured.scratch_size).size
    memory = Arena(dtype)
    memory.reserve(size)
    plan = PoisonedPlan(ops, memory, *shape, measured.scratch_size)
    found = bind(plan)
    assert plan.size == size, "a layer takes other buffers when it is bound again"
    return plan, found
