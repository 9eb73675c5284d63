"""The optimizers' one pass over all weights, at the sizes of the grid's models."""

import numpy as np

from benchmarks.asv.cases import selection
from benchmarks.grid import GRID

RULES = {
    "adam_update": (2, [0.001, 0.9, 0.999, 1e-7]),
    "sgd_update": (1, [0.01, 0.9, 0.0]),
}


class Update:
    params = [selection(GRID, ["seed", "wide"]), list(RULES), ["serial", "parallel"]]
    param_names = ["shape", "rule", "form"]

    def setup(self, name, rule, form):
        from nlstm.kernels import load

        moments, settings = RULES[rule]
        size = GRID[name].parameters
        ops = load("cpu", "float32")
        self.update = getattr(ops, rule + ("_parallel" if form == "parallel" else ""))
        rng = np.random.default_rng(0)
        value, gradient = rng.standard_normal((2, size), np.float32)
        states = [np.zeros(size, np.float32) for _ in range(moments)]
        if rule == "adam_update":
            states.append(None)  # no AMSGrad
        self.arguments = (value, gradient, *states, np.array(settings), np.zeros(1, np.int64))
        self.check(rule)

    def check(self, rule):
        """Compare the first weights after one step with the reference."""
        from tests.reference import optimizers

        value, gradient, settings = self.arguments[0], self.arguments[1], self.arguments[-2]
        wanted = value[:50].astype(float)
        known = {"adam_update": optimizers.Adam, "sgd_update": optimizers.SGD}[rule](*settings)
        known.update(wanted, gradient[:50])
        self.time_update()
        np.testing.assert_allclose(value[:50], wanted, rtol=1e-4, atol=1e-6)

    def time_update(self, *parameters):
        self.update(*self.arguments)
