"""The register tile (kernels/cpu/products): GFLOP/s by shape and length, in the nearest cache."""

import time

import numba
import numpy as np

from benchmarks.asv.cases import selection
from nlstm.kernels.cpu.products.tile import ROWS, VECTORS, tile

SECONDS = 0.05

# Without a cache: its key would not hold the tile's own file.
njit = numba.njit(error_model="numpy")


@njit
def products(rows, vectors, C, A, B, L, repeats):
    K, width = B.shape
    for _ in range(repeats):
        place = (C, 0, C.shape[1], L)
        tile(rows, vectors, place, None, ((A, 0, K, 1, 0, B, 0, L, width, 0, K, 1),))


class Tile:
    """Higher is better here; the limit is one thread of `benchmarks/machine/peak.py`."""

    params = [
        selection(sorted({1, ROWS // 2, ROWS}), [ROWS]),
        selection(sorted({1, VECTORS // 2, VECTORS}), [VECTORS]),
        selection([16, 64, 256], [64]),
    ]
    param_names = ["rows", "vectors", "K"]

    def setup(self, rows, vectors, K):
        from nlstm.kernels import load

        L = load("cpu", "float32").lanes("float32")
        rng = np.random.default_rng(0)
        A = rng.standard_normal((rows, K), np.float32)
        B = rng.standard_normal((K, vectors * L), np.float32)
        C = np.empty((rows, vectors * L), np.float32)
        self.arguments = (rows, vectors, C, A, B, L)
        self.flops = 2 * A.size * vectors * L
        self.run(1)
        np.testing.assert_allclose(C, A @ B, rtol=1e-4, atol=1e-4)

    def run(self, repeats):
        start = time.perf_counter()
        products(*self.arguments, repeats)
        return time.perf_counter() - start

    def track_gflops(self, rows, vectors, K):
        repeats = max(1, int(SECONDS / 5 / max(self.run(1000) / 1000, 1e-9)))
        seconds = min(self.run(repeats) for _ in range(5))
        return self.flops * repeats / seconds / 1e9

    track_gflops.unit = "GFLOP/s"
