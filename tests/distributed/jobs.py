"""What workers of the tests do, where every process can import it."""

import os
import signal
import time
from pathlib import Path

import numpy as np

import nlstm
from nlstm.layers import LSTM, Dense, Dropout

COUNT = 200


def build():
    model = nlstm.Sequential([LSTM(3), Dropout(0.2), Dense(1)])
    model.compile("adam", "mse")
    return model


def data_of(number, nan=False):
    random = np.random.default_rng(number)
    x = random.random((12, 4, 1)).astype(np.float32)
    if nan:
        x[3, 1] = np.nan
    return x, x[:, 0]


def series(count=COUNT, nan=()):
    return {f"s{number:03d}": data_of(number, number in nan) for number in range(count)}


class Build:
    """Builds, notes its key, takes a while, and may kill its process, once or always."""

    def __init__(self, log=None, seconds=0.0, fatal=(), once=None):
        self.log, self.seconds, self.fatal, self.once = log, seconds, fatal, once

    def __call__(self, key, data):
        time.sleep(self.seconds)
        if key in self.fatal:
            if self.once is None:
                os.kill(os.getpid(), signal.SIGKILL)
            if not Path(self.once).exists():
                Path(self.once).touch()
                os.kill(os.getpid(), signal.SIGKILL)
        if self.log is not None:
            with open(self.log, "ab", buffering=0) as file:
                file.write(f"{key}\n".encode())
        return build()


def weights_of(fits):
    return {key: b"".join(w.tobytes() for w in fits[key].get_weights()) for key in fits}
