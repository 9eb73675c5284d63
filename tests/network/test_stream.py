"""One step at a time gives what predict gives over the whole sequence."""

import numpy as np
import pytest

from nlstm.layers import LSTM, Dense, Dropout, Input
from nlstm.models import Model, Sequential
from nlstm.network.stream import Stream
from tests.copied import TWINS, WAYS


def make_model(dtype="float32", activation="linear", activation_="tanh", **lstm):
    return Sequential(
        [
            Input((None, 3)),
            LSTM(20, activation_, return_sequences=True, **lstm),
            Dropout(0.5),
            LSTM(7, return_sequences=True),
            Dense(5, activation),
        ],
        dtype=dtype,
    )


@pytest.mark.parametrize("rows", [1, 2, 9])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", ["linear", "softmax", "tanh", "relu", "sigmoid"])
def test_same_bits_as_predict(rows, dtype, activation):
    model = make_model(dtype, activation, use_bias=activation != "relu")
    x = np.random.default_rng(0).standard_normal((rows, 11, 3)).astype(dtype)
    stream = model.stream(rows)
    steps = [stream.step(x[:, t]).copy() for t in range(11)]
    assert np.array_equal(np.stack(steps, axis=1), model.predict(x, verbose=0))


@pytest.mark.parametrize("rows", [1, 9])
def test_options_of_the_lstm(rows):
    options = {"peephole": True, "zoneout": (0.1, 0.2), "num_layers": 2}
    model = make_model("float32", "gelu", activation_="softplus", **options)
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(0.0, 0.3, w.shape) for w in model.get_weights()])
    x = rng.standard_normal((rows, 6, 3)).astype("float32")
    stream = model.stream(rows)
    assert len(stream.state) == 3
    steps = [stream.step(x[:, t]).copy() for t in range(6)]
    assert np.array_equal(np.stack(steps, axis=1), model.predict(x, verbose=0))


def test_projection():
    # predict multiplies projection and recurrent kernel first: not the same bits.
    model = make_model("float64", proj_size=6)
    x = np.random.default_rng(0).standard_normal((2, 6, 3))
    stream = model.stream(2)
    assert [(h.shape, c.shape) for h, c in stream.state] == [((2, 6), (2, 20)), ((2, 7), (2, 7))]
    steps = [stream.step(x[:, t]).copy() for t in range(6)]
    np.testing.assert_allclose(np.stack(steps, axis=1), model.predict(x, verbose=0), rtol=1e-10)


def test_what_cannot_stream():
    model = Sequential([Input((None, 3)), LSTM(4, go_backwards=True)])
    with pytest.raises(TypeError, match="lstm goes backwards"):
        model.stream()


def test_a_decoder_goes_on_from_its_encoder():
    past, ahead = Input((None, 2)), Input((None, 3))
    _, h, c = LSTM(4, return_state=True)(past)
    decoder, head = LSTM(4, return_sequences=True), Dense(2)
    outputs = head(decoder(ahead, initial_state=[h, c]))
    model = Model([past, ahead], outputs)
    states = Model(past, [h, c])
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(3, 5, 2)), rng.normal(size=(3, 6, 3))
    wanted = model.predict([x, z], verbose=0)
    again = Input((None, 3))
    stream = Model(again, head(decoder(again))).stream(3)
    stream.state = [states.predict(x, verbose=0)]
    steps = [stream.step(z[:, t]).copy() for t in range(6)]
    np.testing.assert_allclose(np.stack(steps, axis=1), wanted, rtol=1e-6)


def test_reset_and_state():
    stream = make_model().stream()
    x = np.random.default_rng(0).standard_normal((4, 3))
    first = [stream.step(x_t).copy() for x_t in x]
    kept = stream.state
    fifth = stream.step([1, 2, 3]).copy()
    assert [(h.shape, c.shape) for h, c in kept] == [((1, 20), (1, 20)), ((1, 7), (1, 7))]

    stream.reset()
    assert not any(h.any() or c.any() for h, c in stream.state)
    again = [stream.step(x_t[None]).copy() for x_t in x]
    assert np.array_equal(first, again)

    stream.reset()
    stream.state = kept
    assert np.array_equal(stream.step([1, 2, 3]), fifth)


def test_reads_the_weights_of_now():
    model = make_model()
    stream = model.stream()
    model.set_weights([0 * weight for weight in model.get_weights()])
    assert not stream.step([1, 2, 3]).any()


def test_output_is_reused():
    stream = make_model().stream()
    assert stream.step([1, 2, 3]) is stream.step([4, 5, 6]) is stream.output


@pytest.mark.parametrize("shape", [(), (2,), (1, 1), (2, 3), (1, 1, 3)])
def test_wrong_shape_changes_nothing(shape):
    stream = make_model().stream()
    with pytest.raises(
        ValueError, match=r"^step expects x of shape \(batch, features\) = \(1, 3\); got"
    ):
        stream.step(np.ones(shape))
    assert not any(h.any() for h, _ in stream.state)


def test_wrong_state():
    with pytest.raises(ValueError, match="^state expects arrays of shapes"):
        make_model().stream().state = [(np.zeros((1, 20)), np.zeros((1, 20)))]
    for wrong in (None, 3.0, [1, 2]):
        with pytest.raises(TypeError, match=r"^state must be a list of \(h, c\) for each LSTM"):
            make_model().stream().state = wrong
    stream = make_model().stream()
    with pytest.raises(ValueError, match=r"^state is too large for float32: 1e\+300 is in it"):
        stream.state = [(np.full(h.shape, 1e300), c) for h, c in stream.state]
    assert not any(h.any() for h, _ in stream.state)


def test_needs_weights_and_forward_layers():
    with pytest.raises(ValueError, match="stream needs weights"):
        Sequential([LSTM(3)]).stream()
    with pytest.raises(TypeError, match="lstm goes backwards: it needs the last step first"):
        make_model(go_backwards=True).stream()


def test_a_functional_chain_streams():
    x = Input((None, 2))
    h = LSTM(3, return_sequences=True)(x)
    model = Model(x, Dense(1)(h))
    stream = model.stream(batch_size=7)
    given = np.random.default_rng(0).normal(size=(7, 5, 2)).astype(np.float32)
    steps = [stream.step(x_t).copy() for x_t in given.swapaxes(0, 1)]
    np.testing.assert_array_equal(np.stack(steps, 1), model.predict(given, verbose=0))
    with pytest.raises(TypeError, match="its layers do not form a chain"):
        Model(x, [Dense(1)(h), Dense(2)(h)]).stream()


def run(stream, x):
    return np.stack([stream.step(x_t).copy() for x_t in x])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("rows", [1, 3])
def test_a_copy_goes_on_by_itself(way, rows):
    options = {"peephole": True, "zoneout": (0.1, 0.2), "num_layers": 2}
    model = make_model("float32", **options)
    stream = model.stream(rows)
    x = np.random.default_rng(0).standard_normal((8, rows, 3))
    run(stream, x[:3])
    twin = TWINS[way](stream)
    assert np.array_equal(twin.output, stream.output)
    found = run(twin, x[3:])
    twin.reset()
    assert np.array_equal(run(stream, x[3:]), found)
    model.set_weights([0 * weight for weight in model.get_weights()])
    twin.state = [(0 * h, 0 * c) for h, c in twin.state]
    assert run(twin, x[3:]).any()


@pytest.mark.parametrize("way", ["deepcopy", "pickle"])
@pytest.mark.parametrize("stream_first", [False, True])
def test_a_copy_with_its_model_follows_it(way, stream_first):
    model = make_model("float64")
    stream, x = model.stream(), np.ones((4, 1, 3))
    run(stream, x)
    pair = (stream, model) if stream_first else (model, stream)
    twin, follower = sorted(TWINS[way](pair), key=lambda one: isinstance(one, Stream))
    assert np.array_equal(run(follower, x), run(stream, x))
    twin.set_weights([2 * weight for weight in twin.get_weights()])
    for one in (follower, fresh := twin.stream()):
        one.reset()
    assert np.array_equal(run(follower, x), run(fresh, x))
    assert len(twin.binder.weights.homes) == 1


def test_it_follows_weights_that_a_new_layer_moves():
    model = make_model("float64")
    stream, x = model.stream(), np.ones(3)
    before = stream.step(x).copy()
    model.add(Dense(1))
    stream.reset()
    np.testing.assert_array_equal(stream.step(x), before)
    model.set_weights([0 * weight for weight in model.get_weights()])
    stream.reset()
    assert not np.array_equal(stream.step(x), before)


@pytest.mark.parametrize(
    "x, kind, message",
    [
        ([1.0, np.nan, 2.0], ValueError, r"x is not finite: x\[1\] is nan"),
        (np.array([[1.0, 2.0, -np.inf]]), ValueError, r"x is not finite: x\[0, 2\] is -inf"),
        (np.ma.masked_array([1.0, 2.0, 3.0], [0, 1, 0]), ValueError, "x is not finite"),
        (np.ones(3, complex), TypeError, "x must hold real numbers; got dtype complex128"),
        ([b"a", b"b", b"c"], TypeError, "x must hold real numbers"),
        (np.ones(3, object), TypeError, "x must hold real numbers; got dtype object"),
    ],
)
def test_what_is_no_finite_number_changes_nothing(x, kind, message):
    stream = make_model().stream()
    stream.step(np.ones(3))
    before, output = stream.state, stream.output.copy()
    with pytest.raises(kind, match=message):
        stream.step(x)
    np.testing.assert_array_equal(stream.output, output)
    for pair, kept in zip(stream.state, before, strict=True):
        np.testing.assert_array_equal(pair[1], kept[1])
