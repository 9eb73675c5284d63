"""The losses (kernels/cpu/losses) with their gradients, and the metrics."""

import numpy as np

from benchmarks.asv.cases import selection
from nlstm.kernels.cpu.losses.choice import FUNCTIONS

# Those whose gradients the reference gives; the others share their kernels.
NAMES = [
    name
    for name in FUNCTIONS
    if name.startswith(("mean_squared_error", "mean_absolute_error"))
    or ("crossentropy" in name and "focal" not in name)
    or name.endswith("categorical_accuracy")
    and "top" not in name
]
SIZES = ["20,32,1", "1,256,10", "50,64,100"]


class Loss:
    params = [selection(NAMES, NAMES[::5]), selection(SIZES, SIZES[1:2])]
    param_names = ["name", "T,N,features"]

    def setup(self, name, sizes):
        from nlstm.kernels import load

        T, N, O = map(int, sizes.split(","))  # noqa: E741
        ops = load("cpu", "float32")
        self.function = ops.loss(name, (1.0, 0.0, np.nan, 0.0, 0.0))
        rng = np.random.default_rng(0)
        y, p = rng.random((2, T, N, O), dtype=np.float32)
        if name.startswith("categorical"):
            y /= y.sum(axis=2, keepdims=True)
        if name.startswith("sparse"):
            y = rng.integers(0, O, (T, N, 1)).astype(np.float32)
        if "categorical" in name and not name.endswith("from_logits"):
            p /= p.sum(axis=2, keepdims=True)
        padded = np.zeros((T, N, ops.padded(O, "float32")), np.float32)
        padded[:, :, :O] = p
        dp = None if name.endswith("accuracy") else np.empty_like(padded)
        self.arguments = (y, padded, O, None, dp, np.zeros(2))
        self.time_loss()
        self.check(name, y, p)

    def time_loss(self, *parameters):
        self.function(*self.arguments)

    def check(self, name, y, p):
        from tests.reference import losses

        total = self.arguments[-1]
        if name.endswith("accuracy"):
            assert 0.0 <= total[0] <= total[1]
            return
        name, _, form = name.partition("_from_")
        options = {"from_logits": True} if form == "logits" else {}
        value, dp = getattr(losses, name)(y.swapaxes(0, 1), p.swapaxes(0, 1), **options)
        np.testing.assert_allclose(total[0] / total[1], value, rtol=1e-4)
        if form in ("", "logits"):
            found = self.arguments[4][:, :, : p.shape[2]].swapaxes(0, 1)
            np.testing.assert_allclose(found, dp, rtol=0, atol=1e-4 * np.abs(dp).max())
