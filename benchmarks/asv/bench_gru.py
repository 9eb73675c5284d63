"""The GRU (kernels/cpu/gru, and lstm's): forward, and backward with a gradient for x."""

from benchmarks.asv.cases import LayerTimes, coins, normal, selection
from benchmarks.grid import GRID

OPTIONS = {
    "last step": {},
    "every step": {"return_sequences": True},
    "recurrent dropout": {"recurrent_dropout": 0.2},
    "reset before": {"reset_after": False},
    "mask": {},
}


class Gru(LayerTimes):
    """A layer as wide as a shape's LSTM; with "mask" half of the steps do not count."""

    params = [
        selection(["seed", "weather", "forecast2", "hydro", "speech"], ["seed"]),
        selection(OPTIONS, ["last step", "reset before"]),
    ]
    param_names = ["shape", "option"]

    def setup(self, name, option):
        from nlstm.layers import GRU

        shape = GRID[name]
        masks = [coins(shape.N, shape.T)] if option == "mask" else []
        layer = GRU(shape.H, **OPTIONS[option])
        self.bind(layer, normal(shape.N, shape.T, shape.F), masks=masks)
