"""Training and predicting by the public API: the grid, and growth with each of N, T, F and H."""

from dataclasses import replace

import numpy as np

from benchmarks.asv.cases import selection
from benchmarks.grid import GRID, Shape
from benchmarks.machine.models import compiled_model


class _Trained:
    """A model that has compiled and been checked before anything is timed."""

    timeout = 300

    def prepare(self, shape, batches):
        self.shape = shape
        self.x, self.y = shape.data(batches)
        self.model = compiled_model(shape)
        before = self.model.get_weights()
        self.fit()
        if any(np.array_equal(old, new) for old, new in zip(before, self.model.get_weights())):
            raise AssertionError(f"{shape}: fit left a weight as it was")
        # Not "the loss fell": Adam's first steps overshoot where a layer is wide, in any library.
        loss = self.model.evaluate(self.x, self.y, batch_size=shape.N, verbose=0)
        outputs = self.model.predict(self.x, batch_size=shape.N, verbose=0)
        y = self.y[:, None] if shape.every_step else self.y
        np.testing.assert_allclose(loss, np.mean((outputs - y) ** 2), rtol=1e-4)

    def fit(self):
        self.model.fit(self.x, self.y, batch_size=self.shape.N, epochs=1, verbose=0)


class Fit(_Trained):
    """A few steps of `fit`, one predict, on the grid; with more threads it must not be slower."""

    params = [selection(GRID, ["seed", "weather", "speech"]), [1, 2]]
    param_names = ["shape", "threads"]

    def setup(self, name, threads):
        import nlstm

        try:
            nlstm.set_num_threads(threads)
        except ValueError as error:  # fewer cores
            raise NotImplementedError(str(error)) from error
        shape = GRID[name]
        self.prepare(shape, batches=2 if shape.step_flops > 2e9 else 8)

    def time_fit(self, name, threads):
        self.fit()

    def time_predict(self, name, threads):
        self.model.predict(self.x[: self.shape.N], batch_size=self.shape.N, verbose=0)


class Memory(_Trained):
    """The highest memory of the whole process; `bench_memory.py` tells the fit's own part."""

    params = [selection(GRID, ["seed"])]
    param_names = ["shape"]

    def setup(self, name):
        self.prepare(GRID[name], batches=2)

    def peakmem_fit(self, name):
        self.fit()


class Growth(_Trained):
    """One letter grows, the others stand: the slope shows what the letter costs."""

    params = [["N", "T", "F", "H"], selection([1, 2, 4, 8], [1, 4])]
    param_names = ["letter", "times"]
    start = Shape("growth", N=16, T=25, F=8, H=32, layers=1)

    def setup(self, letter, times):
        grown = {letter: times * getattr(self.start, letter)}
        self.prepare(replace(self.start, **grown), batches=4)

    def time_fit(self, letter, times):
        self.fit()
