"""The reference LSTM against finite differences, published values and PyTorch."""

import itertools

import numpy as np
import pytest

from tests.reference.finite_differences import gradient
from tests.reference.lstm import lstm_backward, lstm_forward


def random_arguments(N, T, F, H, seed=0):
    rng = np.random.default_rng(seed)
    shapes = dict(x=(N, T, F), W=(F, 4 * H), U=(H, 4 * H), b=(4 * H,), h0=(N, H), c0=(N, H))
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


def assert_gradients(arguments, **options):
    """Compare every gradient of a random combination of outputs and last states."""
    rng = np.random.default_rng(1)
    trace = lstm_forward(**arguments, **options)
    doutputs, dh, dc = (rng.normal(size=np.shape(a)) for a in (trace.outputs, trace.h, trace.c))

    def loss():
        trace = lstm_forward(**arguments, **options)
        return (trace.outputs * doutputs).sum() + (trace.h * dh).sum() + (trace.c * dc).sum()

    gradients = lstm_backward(trace, doutputs, dh, dc)
    for name in arguments:
        found = getattr(gradients, {"peephole": "dp"}.get(name, f"d{name}"))
        expected = gradient(loss, arguments[name])
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7, err_msg=f"d{name}")


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (3, 4, 2, 5), (2, 7, 3, 1), (1, 3, 5, 2)])
@pytest.mark.parametrize("reverse", [False, True])
def test_gradients_of_odd_shapes(shape, reverse):
    assert_gradients(random_arguments(*shape), reverse=reverse)


@pytest.mark.parametrize("shared", [False, True], ids=["mask per gate", "one mask"])
@pytest.mark.parametrize("zero_output_for_mask", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
def test_gradients_with_every_option(reverse, zero_output_for_mask, shared):
    N, T, F, H = 4, 5, 3, 2
    rng = np.random.default_rng(2)
    mask = rng.random((N, T)) < 0.6
    mask[1], mask[2] = False, [False, False, True, False, True]
    assert_gradients(
        random_arguments(N, T, F, H),
        mask=mask,
        x_mask=rng.binomial(1, 0.7, size=(N, F)) / 0.7,
        h_masks=rng.binomial(1, 0.7, size=(1 if shared else 4, N, H)) / 0.7,
        reverse=reverse,
        zero_output_for_mask=zero_output_for_mask,
    )


@pytest.mark.parametrize("reverse", [False, True])
def test_gradients_of_peepholes_and_zoneout(reverse):
    N, T, F, H = 4, 5, 3, 2
    rng = np.random.default_rng(2)
    assert_gradients(
        random_arguments(N, T, F, H) | {"peephole": rng.normal(size=3 * H)},
        mask=rng.random((N, T)) < 0.6,
        x_mask=rng.binomial(1, 0.7, size=(4, N, F)) / 0.7,
        zoneout=(rng.binomial(1, 0.3, (T, N, H)), 0.2),
        reverse=reverse,
    )


@pytest.mark.parametrize(
    ("activation", "recurrent_activation"),
    [
        ("relu", "sigmoid"),
        ("tanh", "hard_sigmoid"),
        ("tanh", "hard_sigmoid_keras2"),
        ("linear", "sigmoid"),
        ("softsign", "softplus"),
        ("gelu", "silu"),
        ("elu", "tanh"),
    ],
)
def test_gradients_of_activations(activation, recurrent_activation):
    assert_gradients(
        random_arguments(3, 4, 2, 3, seed=4),
        activation=activation,
        recurrent_activation=recurrent_activation,
    )


def test_default_states_are_zero():
    arguments = random_arguments(3, 4, 2, 5)
    arguments |= {"h0": np.zeros((3, 5)), "c0": np.zeros((3, 5))}
    expected = lstm_forward(**arguments)
    found = lstm_forward(*(arguments[name] for name in ("x", "W", "U", "b")))
    np.testing.assert_array_equal(found.outputs, expected.outputs)
    np.testing.assert_array_equal(found.c, expected.c)


def test_masked_steps_are_as_if_they_were_not_there():
    arguments = random_arguments(2, 6, 3, 4)
    mask = np.array([False, True, True, False, True, False])
    trace = lstm_forward(**arguments, mask=np.stack([mask, mask]))
    shorter = lstm_forward(**(arguments | {"x": arguments["x"][:, mask]}))
    np.testing.assert_array_equal(trace.outputs[:, mask], shorter.outputs)
    np.testing.assert_array_equal(
        trace.outputs[:, [0, 3, 5]].transpose(1, 0, 2),
        [arguments["h0"], trace.outputs[:, 2], trace.outputs[:, 4]],
    )
    np.testing.assert_array_equal(trace.c, shorter.c)


def test_a_row_that_is_masked_throughout_returns_its_initial_state():
    arguments = random_arguments(2, 3, 2, 4)
    trace = lstm_forward(**arguments, mask=[[True] * 3, [False] * 3])
    for state in ("h", "c"):
        np.testing.assert_array_equal(getattr(trace, state)[1], arguments[f"{state}0"][1])
    zeroed = lstm_forward(**arguments, mask=[[True] * 3, [False] * 3], zero_output_for_mask=True)
    assert not zeroed.outputs[1].any()
    np.testing.assert_array_equal(zeroed.h, trace.h)


def test_reverse_is_the_reversed_input():
    arguments = random_arguments(2, 5, 3, 4)
    mask = np.random.default_rng(3).random((2, 5)) < 0.7
    found = lstm_forward(**arguments, mask=mask, reverse=True)
    turned = arguments | {"x": arguments["x"][:, ::-1]}
    expected = lstm_forward(**turned, mask=mask[:, ::-1])
    np.testing.assert_array_equal(found.outputs, expected.outputs)


def test_masks_of_dropout_scale_the_product_only():
    arguments = random_arguments(2, 1, 3, 4)
    rng = np.random.default_rng(4)
    x_mask, h_masks = rng.normal(size=(2, 3)), rng.normal(size=(4, 2, 4))
    found = lstm_forward(**arguments, x_mask=x_mask, h_masks=h_masks)
    x = arguments["x"][:, 0] * x_mask
    W, U, b = (np.split(arguments[name], 4, axis=-1) for name in ("W", "U", "b"))
    i, f, g, o = (
        x @ W[gate] + (arguments["h0"] * h_masks[gate]) @ U[gate] + b[gate] for gate in range(4)
    )
    i, f, o = (1.0 / (1.0 + np.exp(-z)) for z in (i, f, o))
    c = f * arguments["c0"] + i * np.tanh(g)
    np.testing.assert_allclose(found.c, c, rtol=1e-13)
    np.testing.assert_allclose(found.h, o * np.tanh(c), rtol=1e-13)


# Published values: Keras's lstm_test.py, weights 0.01, recurrent weights 0.02, bias 0.03


def keras_example(N, T, F, H, use_bias=True, unit_forget_bias=True):
    bias = np.full((4, H), 0.03 if use_bias else 0.0)
    if use_bias and unit_forget_bias:
        bias[1] = 1.0
    return {
        "x": np.arange(N * T * F, dtype=float).reshape(N, T, F),
        "W": np.full((F, 4 * H), 0.01),
        "U": np.full((H, 4 * H), 0.02),
        "b": bias.ravel(),
    }


def assert_published(found, expected):
    """Compare with values of one number a row, equal in all units, or of one a unit."""
    expected = np.asarray(expected)
    if expected.ndim < found.ndim:
        expected = np.repeat(expected[..., None], found.shape[-1], axis=-1)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0.6288687, 0.86899155, 0.9460773]),
        ({"reverse": True}, [0.35622165, 0.74789524, 0.8872726]),
        ({"unit_forget_bias": False}, [0.57019705, 0.8661914, 0.9459622]),
        ({"use_bias": False}, [0.54986924, 0.86226785, 0.9443936]),
    ],
)
def test_keras_correctness(options, expected):
    reverse = options.pop("reverse", False)
    trace = lstm_forward(**keras_example(3, 6, 4, 3, **options), reverse=reverse)
    assert_published(trace.h, expected)


def test_keras_statefulness():
    example = keras_example(2, 3, 4, 4)
    first = lstm_forward(**example)
    second = lstm_forward(**example, h0=first.h, c0=first.c)
    assert_published(second.h, [0.3124785, 0.6863672])


@pytest.mark.parametrize(
    ("reverse", "expected"),
    [
        (False, [[0.20574439, 0.3558822], [0.64930826, 0.66276]]),
        (True, [[0.13281618, 0.2790356], [0.5839337, 0.5992567]]),
    ],
)
def test_keras_initial_state(reverse, expected):
    state = np.arange(4.0).reshape(2, 2)
    example = keras_example(2, 4, 3, 2)
    assert_published(lstm_forward(**example, h0=state, c0=state, reverse=reverse).h, expected)


def test_keras_masking():
    example = keras_example(2, 4, 3, 2)
    mask = [[True, True, True, False], [True, True, False, False]]
    expected = np.array(
        [
            [0.01588910, 0.05552048, 0.11755939, 0.11755939],
            [0.14185596, 0.28556206, 0.28556206, 0.28556206],
        ]
    )
    assert_published(lstm_forward(**example, mask=mask).outputs, expected)
    zeroed = lstm_forward(**example, mask=mask, zero_output_for_mask=True).outputs
    assert_published(zeroed, expected * mask)
    backwards_mask = [[False, True, True, True], [False, False, True, True]]
    backwards = lstm_forward(**example, mask=backwards_mask, reverse=True)
    assert_published(backwards.h, [0.15341201, 0.3844719])


def test_keras_bidirectional_states():
    """From bidirectional_test.py; the second direction has the same weights."""
    example = keras_example(2, 4, 3, 2)
    forward, backward = lstm_forward(**example), lstm_forward(**example, reverse=True)
    assert_published(forward.h, [0.1990008, 0.52335435])
    assert_published(forward.c, [0.35567185, 1.0492687])
    assert_published(backward.h, [0.12659755, 0.44717982])
    assert_published(backward.c, [0.2501858, 0.941473])


# Published values: ONNX's lstm.py, which orders gates i, o, f, g and stores transposed weights


def from_onnx(W, R, B=None):
    """Turn ONNX's W (4H, F), R (4H, H), B (8H,) into W, U, b."""

    def reorder(rows):
        return np.concatenate([np.split(rows, 4)[gate] for gate in (0, 2, 3, 1)])

    H = R.shape[1]
    B = np.zeros(8 * H) if B is None else B
    return {"W": reorder(W).T, "U": reorder(R).T, "b": reorder(B[: 4 * H] + B[4 * H :])}


@pytest.mark.parametrize(
    ("name", "x", "H", "weight", "bias", "expected"),
    [
        (
            "defaults",
            [[[1, 2]], [[3, 4]], [[5, 6]]],
            3,
            0.1,
            0.0,
            (0.0952412, 0.2560644, 0.4032377),
        ),
        (
            "batchwise",
            [[[1, 2]], [[3, 4]], [[5, 6]]],
            7,
            0.3,
            0.0,
            (0.3336926, 0.6223932, 0.718579),
        ),
    ],
)
def test_onnx_published_values(name, x, H, weight, bias, expected):
    weights = from_onnx(np.full((4 * H, 2), weight), np.full((4 * H, H), weight))
    assert_published(lstm_forward(np.array(x, dtype=float), **weights).h, expected)


def test_onnx_initial_bias():
    x = np.arange(1.0, 10.0).reshape(3, 1, 3)
    H = 4
    B = np.concatenate([np.full(4 * H, 0.1), np.zeros(4 * H)])
    weights = from_onnx(np.full((4 * H, 3), 0.1), np.full((4 * H, H), 0.1), B)
    assert_published(lstm_forward(x, **weights).h, [0.2560644, 0.5367278, 0.6672132])


def test_onnx_peepholes():
    x = np.arange(1.0, 9.0).reshape(2, 1, 4)
    weights = from_onnx(np.full((12, 4), 0.1), np.full((12, 3), 0.1))
    found = lstm_forward(x, **weights, peephole=np.full(9, 0.1)).h
    assert_published(found, [0.3750691, 0.6801309])


# PyTorch, where it is installed


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (3, 5, 2, 7), (4, 2, 9, 3)])
def test_pytorch_values_and_gradients(shape, bidirectional):
    torch = pytest.importorskip("torch")
    N, T, F, H = shape
    peer = torch.nn.LSTM(F, H, batch_first=True, bidirectional=bidirectional).double()
    suffixes = ("", "_reverse")[: 1 + bidirectional]
    arguments = [random_arguments(N, T, F, H, seed) for seed in (5, 6)][: len(suffixes)]
    x = torch.tensor(arguments[0]["x"], requires_grad=True)
    states = [
        torch.tensor(np.stack([a[name] for a in arguments]), requires_grad=True)
        for name in ("h0", "c0")
    ]
    with torch.no_grad():
        for suffix, a in zip(suffixes, arguments):
            getattr(peer, f"weight_ih_l0{suffix}").copy_(torch.from_numpy(a["W"].T))
            getattr(peer, f"weight_hh_l0{suffix}").copy_(torch.from_numpy(a["U"].T))
            getattr(peer, f"bias_ih_l0{suffix}").copy_(torch.from_numpy(a["b"]))
            getattr(peer, f"bias_hh_l0{suffix}").zero_()
    outputs, (h, c) = peer(x, tuple(states))
    rng = np.random.default_rng(7)
    doutputs, dh, dc = (rng.normal(size=tuple(a.shape)) for a in (outputs, h, c))
    pairs = zip((outputs, h, c), (doutputs, dh, dc))
    sum((value * torch.from_numpy(slope)).sum() for value, slope in pairs).backward()

    dx = np.zeros((N, T, F))
    for k, (suffix, a) in enumerate(zip(suffixes, arguments)):
        in_time = slice(None, None, -1 if k else 1)  # PyTorch turns the reverse outputs back
        units = slice(k * H, (k + 1) * H)
        trace = lstm_forward(**(a | {"x": arguments[0]["x"]}), reverse=bool(k))
        found = [trace.outputs[:, in_time], trace.h, trace.c]
        expected = [value.detach().numpy() for value in (outputs[..., units], h[k], c[k])]
        gradients = lstm_backward(trace, doutputs[..., units][:, in_time], dh[k], dc[k])
        dx += gradients.dx
        found += [gradients.dW, gradients.dU, gradients.db, gradients.dh0, gradients.dc0]
        expected += [
            getattr(peer, f"weight_ih_l0{suffix}").grad.numpy().T,
            getattr(peer, f"weight_hh_l0{suffix}").grad.numpy().T,
            getattr(peer, f"bias_ih_l0{suffix}").grad.numpy(),
            *(state.grad.numpy()[k] for state in states),
        ]
        for value, peers_value in itertools.zip_longest(found, expected):
            np.testing.assert_allclose(value, peers_value, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(dx, x.grad.numpy(), rtol=1e-10, atol=1e-12)
