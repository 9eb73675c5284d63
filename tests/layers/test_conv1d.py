"""Conv1D, and pools over windows, against references and central differences."""

import numpy as np
import pytest

from nlstm import Sequential
from nlstm.layers import LSTM, AveragePooling1D, Conv1D, Dense, Input, MaxPooling1D
from tests.kernels.schedules import same_bits
from tests.layers.binding import Bound
from tests.reference.windows import conv1d, pool1d

X = np.random.default_rng(0).normal(size=(3, 7, 4))
CASES = [
    {},
    {"strides": 2},
    {"padding": "same"},
    {"padding": "same", "strides": 3},
    {"padding": "causal"},
    {"padding": "causal", "strides": 2},
    {"dilation_rate": 2},
    {"dilation_rate": 3, "padding": "causal"},
    {"dilation_rate": 2, "padding": "same"},
    {"groups": 2},
    {"groups": 2, "padding": "same", "activation": "tanh"},
    {"use_bias": False, "activation": "gelu"},
    {"activation": "softmax"},
]


@pytest.mark.parametrize("options", CASES, ids=str)
@pytest.mark.parametrize("size", [1, 3])
def test_agrees_with_the_reference_and_has_its_gradients(size, options):
    layer = Conv1D(6, size, **options)
    bound = Bound(layer, X)
    y = bound.forward()[0]
    if "activation" not in options:
        kernel, bias = layer.get_weights() if layer.use_bias else (*layer.get_weights(), 0.0)
        how = (layer.strides[0], layer.padding, layer.dilation_rate[0], layer.groups)
        np.testing.assert_allclose(y, conv1d(X, kernel, bias, *how), rtol=1e-12, atol=1e-12)
    assert y.shape[1:] == layer.output_shape((7, 4))
    assert layer.output_shape((None, 4)) == (None, 6)
    bound.check_gradients()


def test_a_wider_one_in_float32():
    x = np.random.default_rng(1).normal(size=(5, 9, 20))
    layer = Conv1D(34, 4, groups=2, padding="same")
    y = Bound(layer, x, dtype="float32").forward()[0]
    wanted = conv1d(x, *layer.get_weights(), padding="same", groups=2)
    np.testing.assert_allclose(y, wanted, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("size, strides", [(2, None), (3, 1), (3, 2), (2, 3), (1, 2)])
@pytest.mark.parametrize("kind, how", [(MaxPooling1D, np.max), (AveragePooling1D, np.mean)])
def test_pools(kind, how, size, strides, padding):
    layer = kind(size, strides, padding)
    bound = Bound(layer, X)
    y = bound.forward()[0]
    wanted = pool1d(X, size, strides or size, padding, how)
    np.testing.assert_allclose(y, wanted, rtol=1e-14, atol=1e-15)
    assert y.shape[1:] == layer.output_shape((7, 4))
    bound.check_gradients()


def test_the_largest_of_equal_values_and_of_nan():
    x = np.array([[[1.0], [1.0], [np.nan], [0.0]]])
    bound = Bound(MaxPooling1D(2), x)
    np.testing.assert_array_equal(bound.forward()[0][0, :, 0], [1.0, np.nan])
    dx, _ = bound.backward(np.ones((1, 2, 1)))
    np.testing.assert_array_equal(dx[0][0, :2, 0], [1.0, 0.0])  # the first


@pytest.mark.parametrize(
    "make, shape, kernels",
    [
        (
            lambda: Conv1D(24, 3, padding="same"),
            (40, 60, 24),
            [
                "conv.taps.gather_parallel",
                "conv.taps.scatter_parallel",
                "dense.dense.forward_parallel",
                "dense.dense.backward_parallel",
            ],
        ),
        (
            lambda: MaxPooling1D(2),
            (41, 60, 60),
            ["conv.windows.largest_windows_parallel", "conv.windows.largest_back_parallel"],
        ),
        (
            lambda: AveragePooling1D(3, 1),
            (41, 60, 60),
            ["conv.windows.average_windows_parallel", "conv.windows.average_back_parallel"],
        ),
    ],
    ids=["conv", "max", "average"],
)
def test_the_same_bits_at_any_number_of_threads(threads, make, shape, kernels):
    x = np.random.default_rng(0).normal(size=shape)

    def run():
        layer = make()
        bound = Bound(layer, x, dtype="float32")
        y = bound.forward()
        slope = np.random.default_rng(1).normal(size=y[0].shape)
        dx, dweights = bound.backward(slope)
        return [*y, *dx, *dweights]

    same_bits(threads, run, *kernels)


def test_in_front_of_an_lstm(tmp_path):
    x = np.random.default_rng(0).normal(size=(8, 12, 3))
    model = Sequential([Input((None, 3)), Conv1D(8, 3, activation="relu"), MaxPooling1D(2)])
    model.add(LSTM(6))
    model.add(Dense(1))
    model.compile("adam", "mse")
    losses = model.fit(x, x[:, -1, :1], epochs=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert [w.shape for w in model.get_weights()][:2] == [(3, 3, 8), (8,)]


def test_errors():
    with pytest.raises(ValueError, match="strides above 1 do not go with"):
        Conv1D(3, 2, strides=2, dilation_rate=2)
    with pytest.raises(ValueError, match="groups must divide filters, 3; got 2"):
        Conv1D(3, 2, groups=2)
    with pytest.raises(ValueError, match="2 groups, which do not divide 3 features"):
        Conv1D(4, 2, groups=2).output_shape((5, 3))
    with pytest.raises(ValueError, match="conv1d sees 5 steps at once; 4 are too few"):
        Conv1D(4, 3, dilation_rate=2).output_shape((4, 3))
    with pytest.raises(ValueError, match="Unknown padding 'causal'"):
        MaxPooling1D(2, padding="causal")
    with pytest.raises(ValueError, match="kernel_size must be a positive integer"):
        Conv1D(3, (2, 2))
    with pytest.raises((ValueError, TypeError), match="data_format must be"):
        Conv1D(3, 2, data_format="channels_first")
    with pytest.raises(ValueError, match="conv1d expects sequences"):
        Conv1D(3, 2).output_shape((3,))
