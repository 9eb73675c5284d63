"""Arrays of other libraries on the GPU: taken where they are, or a sentence says what to do."""

from types import SimpleNamespace

import numpy as np
import pytest

from nlstm import Sequential, set_random_seed
from nlstm.layers import LSTM, Dense, Embedding

RNG = np.random.default_rng(0)
X, Y = RNG.random((6, 3, 2)).astype("float32"), RNG.random((6, 1)).astype("float32")


class OnGpu:
    """An array as torch has it: the simulator's GPU has the host's memory."""

    def __init__(self, array, device=0):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.device = SimpleNamespace(index=device)
        self.looked_at = 0

    @property
    def __cuda_array_interface__(self):
        self.looked_at += 1
        strides = None if self.array.flags.c_contiguous else self.array.strides
        return {
            "shape": self.array.shape,
            "typestr": self.array.dtype.str,
            "data": (self.array.ctypes.data, False),
            "strides": strides,
            "version": 2,
        }

    def __array__(self, *given, **options):
        raise TypeError("can't convert cuda:0 device type tensor to numpy.")


def model(device="cuda", first=None, last=1, loss="mse"):
    set_random_seed(0)
    made = Sequential([*(first or []), LSTM(2), Dense(last)], device=device)
    made.compile("adam", loss)
    return made


def test_they_are_taken_where_they_are():
    x, y = X.copy(), Y.copy()
    found = model()
    history = found.fit(OnGpu(x), OnGpu(y), batch_size=4, epochs=1, verbose=0, shuffle=False)
    expected = model("cpu")
    others = expected.fit(X, Y, batch_size=4, epochs=1, verbose=0, shuffle=False)
    assert history.history["loss"] == pytest.approx(others.history["loss"], rel=1e-5)
    predicted = expected.predict(X, verbose=0)
    np.testing.assert_allclose(found.predict(OnGpu(x), verbose=0), predicted, rtol=1e-5)
    split = {"validation_split": 0.5, "epochs": 1, "verbose": 0}
    found.fit(OnGpu(x), OnGpu(y[:, 0].copy()), **split)
    np.testing.assert_array_equal(x, X)


def test_flat_inputs_and_labels():
    indices = RNG.integers(0, 5, (6, 3)).astype("float32")
    labels = RNG.integers(0, 3, 6).astype("float32")
    made = model(first=[Embedding(5, 2, input_shape=(3,))], last=3, loss=sparse)
    made.fit(OnGpu(indices), OnGpu(labels), epochs=1, verbose=0)
    with pytest.raises(ValueError, match=r"x must lie in 0 to 4; row 1.* has 9"):
        made.predict(OnGpu(np.where(np.arange(6)[:, None] == 1, 9, indices)), verbose=0)
    with pytest.raises(ValueError, match="y must lie in 0 to 2"):
        made.fit(OnGpu(indices), OnGpu(labels + 3), verbose=0)


sparse = "sparse_categorical_crossentropy"


def broken():
    x = X.copy()
    x[2, 1, 0] = np.nan
    return x


@pytest.mark.parametrize(
    "device, x, error, message",
    [
        ("cpu", OnGpu(X), TypeError, r"but the model is on cpu: .*x.cpu\(\).*model.to\(.cuda"),
        (
            "cuda",
            OnGpu(X.astype("float64")),
            TypeError,
            "x is float64 on the GPU, .* float32 alone",
        ),
        ("cuda", OnGpu(X[:, ::-1]), ValueError, r"does not lie row by row .*x.contiguous\(\)"),
        ("cuda", OnGpu(X, 1), ValueError, "x lies on GPU 1, but the model is on cuda"),
        ("cuda", OnGpu(broken()), ValueError, r"x is not finite in row 2: x\[2, 1, 0\] is nan"),
        ("cuda", OnGpu(X[0].copy()), ValueError, "axis is missing"),
    ],
)
def test_what_does_not_fit_is_said(device, x, error, message):
    made = model(device)
    made.predict(X, verbose=0)
    with pytest.raises(error, match=message):
        made.predict(x, verbose=0)


def test_sample_weights_are_of_the_host():
    with pytest.raises(TypeError, match="sample_weight lies on a GPU and is needed on the host"):
        model().fit(X, Y, sample_weight=OnGpu(Y[:, 0].copy()), verbose=0)
