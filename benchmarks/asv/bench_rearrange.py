"""Values moved to other places (kernels/cpu/data, rearrange): joined, reshaped, repeated."""

from benchmarks.asv.cases import LayerTimes, normal, selection
from benchmarks.grid import GRID

MOVES = ["concatenate", "flatten", "fold", "repeat"]


class Move(LayerTimes):
    """The outputs of a shape's LSTM twice side by side, in one row, folded; its last one repeated.

    A fold halves the number of steps and doubles the features.
    """

    params = [selection(["seed", "weather", "hydro"], ["seed"]), MOVES]
    param_names = ["shape", "move"]

    def setup(self, name, move):
        from nlstm.layers import Concatenate, Flatten, RepeatVector, Reshape

        shape = GRID[name]
        T = shape.T // 2 * 2
        x = normal(shape.N, T, shape.H)
        if move == "concatenate":
            self.bind(Concatenate(), x, normal(*x.shape, seed=1))
        elif move == "repeat":
            self.bind(RepeatVector(T), x[:, 0])
        else:
            self.bind(Flatten() if move == "flatten" else Reshape((T // 2, 2 * shape.H)), x)
