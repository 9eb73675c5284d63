"""Products of bfloat16 (kernels/cpu/lstm/paired) beside those of float32: steps of one layer."""

from benchmarks.asv.cases import selection
from benchmarks.grid import GRID


class Pairs:
    """A training step, and a prediction, of a shape of the grid."""

    params = [selection(["float32", "bfloat16"], ["bfloat16"]), selection([*GRID], ["speech"])]
    param_names = ["precision", "shape"]

    def setup(self, precision, shape):
        from benchmarks.machine.models import compiled_model
        from nlstm.plan.precision import multiplying

        with multiplying(precision):
            self.model = compiled_model(GRID[shape])
        x, y = GRID[shape].data(1)
        self.x, self.y = x, y
        self.time_train(precision, shape)
        self.time_predict(precision, shape)
        assert self.model.matmul_precision == precision

    def time_train(self, precision, shape):
        self.model.train_on_batch(self.x, self.y)

    def time_predict(self, precision, shape):
        self.model.predict_on_batch(self.x)
