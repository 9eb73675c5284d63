"""exp, sigmoid, tanh (kernels/cpu/machine): ns for one vector, on numbers in the nearest cache."""

import time

import numba
import numpy as np

from benchmarks.asv.cases import selection
from nlstm.kernels.cpu.machine import simd

NUMBERS = 1024
SECONDS = 0.05

# Without a cache: its key would not hold the vocabulary, which is compiled into these loops.
njit = numba.njit(error_model="numpy")


@njit
def exp(x, y, L, repeats):
    for _ in range(repeats):
        for k in range(0, x.size, L):
            simd.store(y, k, simd.exp(simd.load(x, k)))


@njit
def sigmoid(x, y, L, repeats):
    for _ in range(repeats):
        for k in range(0, x.size, L):
            simd.store(y, k, simd.sigmoid(simd.load(x, k)))


@njit
def tanh(x, y, L, repeats):
    for _ in range(repeats):
        for k in range(0, x.size, L):
            simd.store(y, k, simd.tanh(simd.load(x, k)))


WORDS = {
    "exp": (exp, np.exp),
    "sigmoid": (sigmoid, lambda x: 1 / (1 + np.exp(-x))),
    "tanh": (tanh, np.tanh),
}


class Vector:
    params = [list(WORDS), selection(["float32", "float64"], ["float32"])]
    param_names = ["word", "dtype"]

    def setup(self, word, dtype):
        from nlstm.kernels.cpu.machine.jit import lanes

        self.function, exact = WORDS[word]
        self.x = np.random.default_rng(0).normal(0, 2, NUMBERS).astype(dtype)
        self.y, self.lanes = np.empty_like(self.x), lanes(dtype)
        self.run(1)
        np.testing.assert_allclose(self.y, exact(self.x), rtol=1e-5)

    def run(self, repeats):
        start = time.perf_counter()
        self.function(self.x, self.y, self.lanes, repeats)
        return time.perf_counter() - start

    def track_nanoseconds(self, word, dtype):
        repeats = max(1, int(SECONDS / 5 / max(self.run(100) / 100, 1e-9)))
        seconds = min(self.run(repeats) for _ in range(5))
        return 1e9 * seconds / repeats / (NUMBERS // self.lanes)

    track_nanoseconds.unit = "ns"
