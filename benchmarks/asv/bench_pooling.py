"""All steps made one (kernels/cpu/data, pooling): the mean, of some steps too, and the largest."""

from benchmarks.asv.cases import LayerTimes, coins, normal, selection
from benchmarks.grid import GRID


class Pooling(LayerTimes):
    """Every output of a shape's LSTM; with "masked mean" half of the steps do not count."""

    params = [
        selection(["seed", "weather", "hydro", "long"], ["seed"]),
        ["mean", "masked mean", "largest"],
    ]
    param_names = ["shape", "kind"]

    def setup(self, name, kind):
        from nlstm.layers import GlobalAveragePooling1D, GlobalMaxPooling1D

        shape = GRID[name]
        masks = [coins(shape.N, shape.T)] if kind == "masked mean" else []
        for mask in masks:
            mask[:, 0] = 1  # the mean of no steps is NaN
        layer = GlobalMaxPooling1D() if kind == "largest" else GlobalAveragePooling1D()
        self.bind(layer, normal(shape.N, shape.T, shape.H), masks=masks)
