"""Two Python threads train two models at once under every threading layer that is installed."""

import os
import subprocess
import sys

import pytest

LAYERS = ["omp", "tbb", "workqueue"]

TRAIN = """
import sys
import threading
import numba
import numpy as np
import nlstm
from nlstm.layers import LSTM, Dense
from nlstm.models import Sequential

nlstm.set_random_seed(1)
x = np.random.rand(256, 60, 4)
y = np.random.rand(256, 1)


def model():
    nlstm.set_random_seed(2)
    made = Sequential([LSTM(40, input_shape=(60, 4)), Dense(1)])
    made.compile("adam", "mse")
    made.build()
    return made


def fit(made, losses):
    losses.append(made.fit(x, y, batch_size=128, epochs=3, verbose=0).history["loss"])


alone, together = [], []
fit(model(), alone)
threads = [threading.Thread(target=fit, args=(model(), together)) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert numba.threading_layer() == sys.argv[1]
assert together == alone * 2, (together, alone)
"""


def is_installed(layer):
    name = "workqueue" if layer == "workqueue" else f"{layer}pool"
    code = f"import numba.np.ufunc.{name}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


@pytest.mark.parametrize("layer", [layer for layer in LAYERS if is_installed(layer)])
def test_two_threads_train_two_models(layer):
    environment = os.environ | {"NUMBA_THREADING_LAYER": layer, "NUMBA_NUM_THREADS": "2"}
    found = subprocess.run(
        [sys.executable, "-c", TRAIN, layer], env=environment, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr
