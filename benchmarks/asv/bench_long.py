"""Long sequences: training in pieces beside training on sequences of a piece's steps."""

import numpy as np

from benchmarks.asv.cases import QUICK

STEPS = 2_000 if QUICK else 20_000
ROWS, FEATURES = 16, 8


class InPieces:
    """An epoch of one batch of long sequences, and of as many steps in short ones."""

    timeout = 300
    params = [[100, 1_000]]
    param_names = ["steps of a piece"]

    def setup(self, size):
        from nlstm.layers import LSTM, Dense, Input
        from nlstm.models import Sequential

        layers = Input((None, FEATURES)), LSTM(64, return_sequences=True), Dense(1)
        self.model = Sequential(list(layers))
        self.model.compile("adam", "mse")
        x = np.random.default_rng(0).random((ROWS, STEPS, FEATURES), dtype=np.float32)
        self.x, self.y = x, x.mean(axis=2, keepdims=True)
        self.short = [
            np.concatenate(np.split(one, STEPS // size, axis=1)) for one in (self.x, self.y)
        ]
        self.time_pieces(size)
        self.time_short(size)
        self.time_predict(size)

    def fit(self, x, y, **options):
        history = self.model.fit(x, y, batch_size=ROWS, shuffle=False, verbose=0, **options)
        assert np.isfinite(history.history["loss"]).all()

    def time_pieces(self, size):
        self.fit(self.x, self.y, bptt_steps=size)

    def time_sequences(self, size):
        self.fit(self.x, self.y, bptt_steps=size, bptt_update="sequence")

    def time_short(self, size):
        self.fit(*self.short)

    def time_predict(self, size):
        self.model.predict(self.x, batch_size=ROWS, verbose=0)
