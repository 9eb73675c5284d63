"""What stands around an update (kernels/cpu/optimizers, gradients): clipping, decay, averages."""

import numpy as np

from benchmarks.asv.cases import check_finite, run_all, selection, update_calls, weight_buffer
from benchmarks.grid import GRID

OPTIONS = {
    "none": {},
    "clipnorm": {"clipnorm": 1.0},
    "global_clipnorm": {"global_clipnorm": 1.0},
    "clipvalue": {"clipvalue": 0.5},
    "weight_decay": {"weight_decay": 0.01},
    "use_ema": {"use_ema": True},
    "gradient_accumulation_steps": {"gradient_accumulation_steps": 2},
}


class Around:
    """A step of SGD with one option; what "none" takes is the update's own."""

    params = [selection(GRID, ["seed", "wide"]), list(OPTIONS)]
    param_names = ["shape", "option"]

    def setup(self, name, option):
        from nlstm.optimizers import SGD

        buffer = weight_buffer(GRID[name].parameters)
        before = buffer.value.copy()
        self.calls = update_calls(SGD(0.001, **OPTIONS[option]), buffer)
        for _ in range(2):  # of accumulated gradients the second one takes the step
            self.time_step()
        check_finite([buffer.value], option)
        assert (buffer.value != before).any()

    def time_step(self, *parameters):
        run_all(self.calls)


class Penalty:
    """A regularizer's sum over all weights, and its slopes in their gradients."""

    params = [selection(GRID, ["seed"])]
    param_names = ["shape"]

    def setup(self, name):
        from nlstm.kernels import load

        buffer, total = weight_buffer(GRID[name].parameters), np.zeros(1)
        value, gradient = buffer.value[None], buffer.gradient[None]
        arguments = (value, value.size, 0.01, 0.02, 1.0, gradient, total)
        self.calls = [(load("cpu", "float32").penalty, arguments)]
        self.time_penalty()
        value = buffer.value.astype(float)
        wanted = 0.01 * np.abs(value).sum() + 0.02 * (value**2).sum()
        np.testing.assert_allclose(total[0], wanted, rtol=1e-4)

    def time_penalty(self, *parameters):
        run_all(self.calls)
