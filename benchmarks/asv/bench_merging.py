"""Two values made one (kernels/cpu/data, merging): every kind, and one value for all steps."""

from benchmarks.asv.cases import LayerTimes, normal, selection
from benchmarks.grid import GRID

KINDS = ["Add", "Average", "Subtract", "Multiply", "Maximum", "Minimum"]


class Merge(LayerTimes):
    """The outputs of a shape's LSTM and another value; "row" has one of its steps for all."""

    params = [
        selection(["seed", "weather", "hydro"], ["seed"]),
        selection(KINDS, ["Add", "Multiply"]),
        ["sequence", "row"],
    ]
    param_names = ["shape", "kind", "other"]

    def setup(self, name, kind, other):
        from nlstm import layers

        shape = GRID[name]
        steps = shape.T if other == "sequence" else 1
        inputs = normal(shape.N, shape.T, shape.H), normal(shape.N, steps, shape.H, seed=1)
        self.bind(getattr(layers, kind)(), *inputs)
