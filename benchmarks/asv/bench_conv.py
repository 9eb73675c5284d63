"""Convolutions and pools over windows (kernels/cpu/conv), and what stands beside them."""

from benchmarks.asv.cases import LayerTimes, normal, selection
from benchmarks.grid import GRID

LAYERS = ("Conv1D", "MaxPooling1D", "AveragePooling1D", "BatchNormalization")
GIVEN = {"Conv1D": (32, 3), "MaxPooling1D": (2,), "AveragePooling1D": (2,)}


class Windows(LayerTimes):
    """A layer on the input of a shape: forward, and backward with a gradient for x."""

    params = [
        selection(["seed", "weather", "hydro", "hydrowide"], ["seed"]),
        selection(LAYERS, ["Conv1D", "BatchNormalization"]),
    ]
    param_names = ["shape", "layer"]

    def setup(self, name, kind):
        from nlstm import layers

        shape = GRID[name]
        layer = getattr(layers, kind)(*GIVEN.get(kind, ()))
        self.bind(layer, normal(shape.N, shape.T, shape.F))
