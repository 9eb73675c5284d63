"""Numbers drawn in a step (kernels/cpu/data, random): masks, their product with values, noise."""

import numpy as np

from benchmarks.asv.cases import LayerTimes, normal, selection
from benchmarks.grid import GRID

RATE = 0.3
LAYERS = ["GaussianNoise", "SpatialDropout1D"]


class Dropout:
    """A mask for every output of a shape's top layer."""

    params = [selection(GRID, ["seed", "forecast2"])]
    param_names = ["shape"]

    def setup(self, name):
        from nlstm.kernels import load

        shape = GRID[name]
        ops = load("cpu", "float32")
        self.mask, self.apply = ops.dropout_mask, ops.dropout_apply
        rows, columns = shape.T * shape.N, ops.padded(shape.H, "float32")
        self.x = np.random.default_rng(0).standard_normal((rows, columns), np.float32)
        self.out = np.empty_like(self.x)
        self.key = (1, np.zeros(1, np.int64), 0, RATE, shape.H)
        self.check(shape.H)

    def check(self, H):
        self.time_mask()
        drawn = self.out[:, :H].copy()
        kept = drawn != 0
        np.testing.assert_allclose(drawn[kept], 1 / (1 - RATE), rtol=1e-6)
        assert abs(kept.mean() - (1 - RATE)) < 0.05
        self.time_apply()
        np.testing.assert_array_equal(self.out[:, :H], self.x[:, :H] * drawn)

    def time_mask(self, *parameters):
        self.mask(*self.key, self.out)

    def time_apply(self, *parameters):
        self.apply(*self.key, self.x, self.out)


class Noise(LayerTimes):
    """A layer that adds noise to the input of a shape, or drops whole features of it."""

    params = [
        selection(["seed", "weather", "speech"], ["seed"]),
        ["GaussianNoise", "SpatialDropout1D"],
    ]
    param_names = ["shape", "layer"]

    def setup(self, name, layer):
        from nlstm import layers

        shape = GRID[name]
        self.bind(getattr(layers, layer)(RATE), normal(shape.N, shape.T, shape.F))
