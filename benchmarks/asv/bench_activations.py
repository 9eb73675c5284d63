"""Activations as layers of their own (kernels/cpu/activations): one by one, ramps, and softmax."""

from benchmarks.asv.cases import LayerTimes, normal, selection
from benchmarks.grid import GRID
from nlstm.activations import FUNCTIONS

NAMES = [name for name in FUNCTIONS if name != "linear"]
RAMPS = {
    "ReLU, cut": ("ReLU", {"max_value": 6.0, "threshold": 0.1}),
    "LeakyReLU": ("LeakyReLU", {}),
    "ELU, alpha": ("ELU", {"alpha": 0.5}),
}
SHAPES = ["seed", "weather", "hydro"]


class Pointwise(LayerTimes):
    """An activation of every output of a shape's LSTM."""

    params = [selection(SHAPES, ["seed"]), selection(NAMES, ["tanh", "relu", "gelu", "softmax"])]
    param_names = ["shape", "activation"]

    def setup(self, name, activation):
        from nlstm.layers import Activation

        shape = GRID[name]
        self.bind(Activation(activation), normal(shape.N, shape.T, shape.H))


class Ramp(LayerTimes):
    """Rectifiers with a slope, a threshold or a limit of their own."""

    params = [selection(SHAPES, ["seed"]), list(RAMPS)]
    param_names = ["shape", "layer"]

    def setup(self, name, layer):
        from nlstm import layers

        shape, (kind, arguments) = GRID[name], RAMPS[layer]
        self.bind(getattr(layers, kind)(**arguments), normal(shape.N, shape.T, shape.H))
