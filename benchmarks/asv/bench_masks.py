"""Masks of steps (kernels/cpu/data, masks): from values and lengths, for losses, and applied."""

import numpy as np

from benchmarks.asv.cases import LayerTimes, check_finite, coins, normal, run_all, selection
from benchmarks.grid import GRID

SHAPES = ["seed", "weather", "hydro", "long"]


class Masking(LayerTimes):
    """The layer: where the value is 0 it finds the mask alone, else it copies the steps too."""

    params = [selection(SHAPES, ["seed"]), [0.0, -1.0]]
    param_names = ["shape", "value"]

    def setup(self, name, value):
        from nlstm.layers import Masking

        shape = GRID[name]
        x = normal(shape.N, shape.T, shape.F)
        x[coins(shape.N, shape.T) == 0] = value
        self.bind(Masking(value), x)


class Masks:
    """What a step calls for lengths, for zeros in x, for a masked loss, for masked outputs."""

    params = [selection(SHAPES, ["seed"]), ["lengths", "zeros", "loss weights", "outputs"]]
    param_names = ["shape", "use"]

    def setup(self, name, use):
        from nlstm.kernels import load

        shape, ops = GRID[name], load("cpu", "float32")
        T, N, index = shape.T, shape.N, np.arange(shape.N)
        mask, found = coins(T, N), np.full((T, N), 2, np.uint8)
        if use == "lengths":
            lengths = mask.sum(axis=0, dtype=np.int64)
            call, out = (ops.mask_from_lengths, (lengths, index, found)), found
            wanted = np.arange(T)[:, None] < lengths
        elif use == "zeros":
            value = mask[..., None].astype(np.float32)
            call, out, wanted = (ops.mask_from_values, (value, True, found)), found, mask
        elif use == "loss weights":
            out = np.full((T, N, 1), np.nan, np.float32)
            call = ops.weights_from_mask, (mask, None, True, out)
            wanted = mask[..., None] * (mask.size / mask.sum())
        else:
            x = normal(T, N, ops.padded(shape.H, "float32"))
            out = np.full_like(x, np.nan)
            call = ops.zero_masked_steps, (x, mask, 0, 1, out)
            wanted = x * mask[..., None]
        self.calls = [call]
        self.time_call()
        check_finite([out], use)
        np.testing.assert_allclose(out, wanted, rtol=1e-5)

    def time_call(self, *parameters):
        run_all(self.calls)
