"""What only a GPU shows: others' arrays in place, the same bits again, threads, sanitizers."""

import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest

import nlstm
from nlstm import Sequential, set_random_seed
from nlstm.kernels.devices import gpus
from nlstm.layers import LSTM, Dense, Dropout, Embedding

if gpus.missing() is not None:
    pytest.skip(f"no GPU: {gpus.missing()}", allow_module_level=True)

RNG = np.random.default_rng(0)
X, Y = RNG.random((64, 12, 3)).astype("float32"), RNG.random((64, 1)).astype("float32")
SANITIZED = """
import numpy as np, nlstm
from nlstm.layers import LSTM, Dense
x, y = np.ones((9, 4, {F}), "float32"), np.ones((9, 1), "float32")
model = nlstm.Sequential([LSTM({H}, input_shape=(4, {F})), Dense(1)], device="cuda")
model.compile("adam", "mse")
model.fit(x, y, epochs=3, batch_size=5, verbose=0)
"""


def model(H=16, device="cuda", dropout=0.0):
    set_random_seed(0)
    layers = [LSTM(H, dropout=dropout, input_shape=(12, 3)), Dropout(dropout), Dense(1)]
    made = Sequential(layers, device=device)
    made.compile("adam", "mse")
    return made


def trained(made, x=X, y=Y, **options):
    losses = made.fit(x, y, **{"epochs": 3, "batch_size": 24, "verbose": 0} | options)
    return losses.history["loss"], [w.tobytes() for w in made.get_weights()]


@pytest.mark.parametrize("H", [16, 200, 300])
def test_the_same_bits_in_five_fits(H):
    first = trained(model(H, dropout=0.2))
    assert all(trained(model(H, dropout=0.2)) == first for _ in range(4))


@pytest.mark.parametrize("library", ["torch", "cupy"])
def test_arrays_of_others_are_taken_in_place(library):
    other = pytest.importorskip(library)
    on_gpu = (lambda a: other.from_numpy(a).cuda()) if library == "torch" else other.asarray
    assert trained(model(), on_gpu(X), on_gpu(Y)) == trained(model())
    np.testing.assert_array_equal(
        model().predict(on_gpu(X), verbose=0), model().predict(X, verbose=0)
    )


def test_threads_that_predict_at_once():
    made, wrong = model(), []
    expected = {n: made.predict(X[:n], verbose=0) for n in (1, 7, 32, 64)}

    def serve(rows):
        for _ in range(50):
            if not np.array_equal(made.predict(X[:rows], verbose=0), expected[rows]):
                wrong.append(rows)

    threads = [threading.Thread(target=serve, args=(rows,)) for rows in expected]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not wrong


def test_two_models_in_turn_and_one_that_is_gone():
    first, second = model(), model(40)
    alone = trained(model(), epochs=4)
    for _ in range(4):
        trained(first, epochs=1)
        trained(second, epochs=1)
        trained(model(24), epochs=2)  # its graphs go while others are there
    assert [w.tobytes() for w in first.get_weights()] == alone[1]


def test_varying_shapes_and_lengths():
    set_random_seed(0)
    made = Sequential([Embedding(9, 4, mask_zero=True), LSTM(8), Dense(1)], device="cuda")
    made.compile("adam", "mse")
    for steps in (3, 5, 3, 7, 5):
        x = RNG.integers(0, 9, (10, steps))
        assert np.isfinite(made.train_on_batch(x, Y[:10]))


def test_a_second_gpu_is_refused():
    with pytest.raises((RuntimeError, ValueError), match="cuda:9"):
        nlstm.set_device("cuda:9")


@pytest.mark.parametrize("tool", ["memcheck", "racecheck"])
@pytest.mark.parametrize("H", [8, 200])
def test_sanitizer(tool, H):
    found = shutil.which("compute-sanitizer") or pytest.skip("no compute-sanitizer")
    code = SANITIZED.format(F=3, H=H)
    done = subprocess.run(
        [found, "--tool", tool, "--report-api-errors", "no", "--error-exitcode", "9",
         sys.executable, "-c", code],
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-1000:]
