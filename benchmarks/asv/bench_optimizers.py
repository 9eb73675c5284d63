"""The optimizers' one pass over all weights (kernels/cpu/optimizers), at the sizes of the grid.

Models of a million weights or more are updated by all threads.
"""

import numpy as np

from benchmarks.asv.cases import check_finite, run_all, selection, update_calls, weight_buffer
from benchmarks.grid import GRID

CHECKED = 50  # weights

# Settings in the order in which tests/reference takes them.
BETAS = {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999}
ADAM = BETAS | {"epsilon": 1e-7}
ROOT_MEAN = {"learning_rate": 0.001, "rho": 0.9}
RULES = {
    "Adam": ("Adam", ADAM),
    "Adam, amsgrad": ("Adam", ADAM | {"amsgrad": True}),
    "Nadam": ("Nadam", ADAM),
    "Adamax": ("Adamax", ADAM),
    "RMSprop": ("RMSprop", ROOT_MEAN),
    "RMSprop, all": (
        "RMSprop",
        ROOT_MEAN | {"momentum": 0.9, "epsilon": 1e-7, "centered": True},
    ),
    "SGD": ("SGD", {"learning_rate": 0.01}),
    "SGD, momentum": ("SGD", {"learning_rate": 0.01, "momentum": 0.9}),
    "SGD, nesterov": ("SGD", {"learning_rate": 0.01, "momentum": 0.9, "nesterov": True}),
    "Lion": ("Lion", BETAS),
    "Adagrad": (
        "Adagrad",
        {"learning_rate": 0.001, "initial_accumulator_value": 0.1, "epsilon": 1e-7},
    ),
    "Adadelta": ("Adadelta", {"learning_rate": 1.0, "rho": 0.9, "epsilon": 1e-7}),
}


class Update:
    """The update alone; `bench_gradients.py` has what may stand around it."""

    params = [selection(GRID, ["seed", "wide"]), list(RULES)]
    param_names = ["shape", "rule"]

    def setup(self, name, rule):
        from nlstm import optimizers
        from tests.reference import optimizers as reference

        kind, settings = RULES[rule]
        buffer = weight_buffer(GRID[name].parameters)
        self.calls = update_calls(getattr(optimizers, kind)(**settings), buffer)
        wanted = buffer.value[:CHECKED].astype(float)
        getattr(reference, kind)(*settings.values()).update(wanted, buffer.gradient[:CHECKED])
        self.time_update()
        check_finite([buffer.value], rule)
        np.testing.assert_allclose(buffer.value[:CHECKED], wanted, rtol=1e-4, atol=1e-5)

    def time_update(self, *parameters):
        run_all(self.calls)
