"""One time step at a time, the Python call included."""

import numpy as np

from benchmarks.machine.models import STREAMED, streamed_model

CHECKED_STEPS = 10


class Step:
    params = [[f"{F},{H}" for F, H in STREAMED]]
    param_names = ["F,H"]

    def setup(self, sizes):
        F, H = map(int, sizes.split(","))
        model = streamed_model(F, H)
        if not hasattr(model, "stream"):  # commits before there was one
            raise NotImplementedError("this nlstm has no stream")
        x = np.random.default_rng(0).standard_normal((1, CHECKED_STEPS, F), np.float32)
        stream = model.stream(batch_size=1)
        for t in range(CHECKED_STEPS):
            y = stream.step(x[:, t])
        np.testing.assert_allclose(y, model.predict(x, verbose=0), rtol=1e-5, atol=1e-6)
        self.step, self.x = stream.step, x[:, 0].copy()

    def time_step(self, sizes):
        self.step(self.x)
