"""A training step with each option of layers and of `fit`; `peers/costs.py` gives the ratios."""

from benchmarks.asv.cases import selection
from benchmarks.grid import GRID
from benchmarks.machine.options import LIMITS, nlstm_steps


class Costs:
    """A few steps of `fit` with one option."""

    params = [
        selection(["weather", "hydro"], ["weather"]),
        selection(["plain", *LIMITS], ["plain", "half lengths", "recurrent_dropout"]),
    ]
    param_names = ["shape", "option"]
    timeout = 300

    def setup(self, name, option):
        self.run = nlstm_steps(GRID[name], option)
        self.run()

    def time_steps(self, name, option):
        self.run()
