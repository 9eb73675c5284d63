"""Vectors by index, and the sums of their gradients (kernels/cpu/dense, embedding)."""

import numpy as np

from benchmarks.asv.cases import LayerTimes, selection

SIZES = ["32,50,100,16", "32,80,10000,64", "64,200,30000,128"]


class Vectors(LayerTimes):
    """Indices fall as words do: few of them make up most of a text."""

    params = [selection(SIZES, SIZES[:1]), [False, True]]
    param_names = ["N,T,indices,features", "mask_zero"]

    def setup(self, sizes, mask_zero):
        from nlstm.layers import Embedding

        N, T, indices, features = map(int, sizes.split(","))
        drawn = np.random.default_rng(0).zipf(1.3, (N, T)) % indices
        layer = Embedding(indices, features, mask_zero=mask_zero)
        self.bind(layer, drawn.astype(np.float32), padded=False)
