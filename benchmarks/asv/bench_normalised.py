"""Layer normalisation by itself and inside the LSTM (kernels/cpu/normalised)."""

from benchmarks.asv.cases import LayerTimes, coins, normal, selection
from benchmarks.grid import GRID

SHAPES = ["seed", "weather", "forecast2", "hydro", "speech"]
OPTIONS = {
    "plain": {},
    "every step": {"return_sequences": True},
    "dropout": {"dropout": 0.2},
    "backwards": {"go_backwards": True},
    "mask": {},
}


class Lstm(LayerTimes):
    """The first layer of a shape, normalised; with "mask" half of the steps do not count."""

    params = [selection(SHAPES, ["seed"]), selection(OPTIONS, ["plain", "mask"])]
    param_names = ["shape", "option"]

    def setup(self, name, option):
        from nlstm.layers import LSTM

        shape = GRID[name]
        masks = [coins(shape.N, shape.T)] if option == "mask" else []
        layer = LSTM(shape.H, layer_norm=True, **OPTIONS[option])
        self.bind(layer, normal(shape.N, shape.T, shape.F), masks=masks)


class LayerNorm(LayerTimes):
    """`LayerNormalization` of every output of a shape's LSTM."""

    params = [selection(SHAPES, ["seed"])]
    param_names = ["shape"]

    def setup(self, name):
        from nlstm.layers import LayerNormalization

        shape = GRID[name]
        self.bind(LayerNormalization(), normal(shape.N, shape.T, shape.H))
