"""The simple recurrent layer (kernels/cpu/rnn): forward, and backward with a gradient for x."""

from benchmarks.asv.cases import LayerTimes, coins, normal, selection
from benchmarks.grid import GRID

OPTIONS = {
    "last step": {},
    "every step": {"return_sequences": True},
    "relu": {"activation": "relu"},
    "recurrent dropout": {"recurrent_dropout": 0.2},
    "backwards": {"go_backwards": True},
    "mask": {},
}


class Rnn(LayerTimes):
    """A layer as wide as a shape's LSTM; with "mask" half of the steps do not count."""

    params = [
        selection(["seed", "weather", "forecast2", "hydro", "speech"], ["seed"]),
        selection(OPTIONS, ["last step", "relu", "mask"]),
    ]
    param_names = ["shape", "option"]

    def setup(self, name, option):
        from nlstm.layers import SimpleRNN

        shape = GRID[name]
        masks = [coins(shape.N, shape.T)] if option == "mask" else []
        layer = SimpleRNN(shape.H, **OPTIONS[option])
        self.bind(layer, normal(shape.N, shape.T, shape.F), masks=masks)
