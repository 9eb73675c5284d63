"""Windows of a series, cut into a batch (kernels/cpu/data, windows), by the calls of `Windows`."""

import numpy as np

from benchmarks.asv.cases import check_finite, normal, run_all, selection
from benchmarks.grid import GRID

OPTIONS = {
    "plain": {},
    "standard": {"scaling": "standard"},
    "last": {"scaling": "last"},
    "static": {"static": np.arange(4.0)},
    "future": {"future": [0], "horizon": 4},
    "sampled": {"sampling_rate": 3},
}


class Batch:
    """The inputs of one batch of a shape, from a series of 20,000 steps."""

    params = [
        selection(["seed", "weather", "forecast2", "hydro"], ["seed"]),
        selection(OPTIONS, ["plain", "standard", "last", "static"]),
    ]
    param_names = ["shape", "option"]

    def setup(self, name, option):
        from nlstm.kernels import load
        from nlstm.windows import Windows

        shape, ops = GRID[name], load("cpu", "float32")
        side = Windows(normal(20_000, shape.F), shape.T, **OPTIONS[option]).x
        index = np.random.default_rng(0).permutation(side.shape[0])[: shape.N]
        out = np.full((shape.T, shape.N, side.shape[2]), np.nan, np.float32)
        self.calls = side.feed(ops, index, out)
        self.time_feed()
        check_finite([out], option)
        np.testing.assert_allclose(out.swapaxes(0, 1), side[index], rtol=1e-4, atol=1e-4)

    def time_feed(self, *parameters):
        run_all(self.calls)
