"""Bidirectional layers against the two layers that they are made of, and Keras's own numbers."""

import numpy as np
import pytest

from nlstm.layers import GRU, LSTM, Bidirectional, Dense, SimpleRNN
from tests.layers.binding import Bound
from tests.layers.gradients import assert_descends, model_of

X = np.random.default_rng(0).normal(size=(5, 4, 3))
MASK = np.array([[1, 1, 1, 1], [0, 1, 0, 1], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 1]])
MERGES = {
    "concat": lambda a, b: np.concatenate([a, b], axis=-1),
    "sum": np.add,
    "mul": np.multiply,
    "ave": lambda a, b: (a + b) / 2,
}


def apart(layer, sequences, mask, dtype="float64"):
    """Return what the two layers of a Bidirectional give, with the steps in order."""
    weights = layer.get_weights()
    found = []
    for backwards, own in (
        (False, weights[: len(weights) // 2]),
        (True, weights[len(weights) // 2 :]),
    ):
        one = type(layer.layer)(6, return_sequences=sequences, go_backwards=backwards)
        bound = Bound(one, X, masks=(mask,), dtype=dtype)
        one.set_weights(own)
        (y,) = bound.forward()
        found.append(y[:, ::-1] if sequences and backwards else y)
    return found


@pytest.mark.parametrize("kind", [LSTM, GRU, SimpleRNN])
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("mode", [*MERGES, None])
def test_merges(mode, sequences, kind):
    layer = Bidirectional(kind(6, return_sequences=sequences), mode)
    bound = Bound(layer, X, masks=(MASK,))
    found = bound.forward()
    one, other = apart(layer, sequences, MASK)
    if mode is None:
        wanted = [one, other]
    else:
        wanted = [MERGES[mode](one, other)]
        assert bound.shape == wanted[0].shape[1:]
    counts = MASK[..., None] if sequences else 1  # masked steps of sequences are zero, as in Keras
    for y, right in zip(found, wanted, strict=True):
        np.testing.assert_allclose(y * counts, right * counts, atol=1e-13)
    for y in bound.outputs:
        assert (y.mask is bound.inputs[0].mask) if sequences else (y.mask is None)


@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("mode", ["concat", "mul", None])
@pytest.mark.parametrize("mask", [None, MASK], ids=["plain", "masked"])
def test_gradients(mask, mode, sequences):
    layer = Bidirectional(SimpleRNN(2, return_sequences=sequences), mode)
    Bound(layer, X, masks=(mask,)).check_gradients()


def test_gradients_of_an_lstm():
    Bound(Bidirectional(LSTM(2, return_sequences=True)), X).check_gradients()


def test_float32():
    layer = Bidirectional(LSTM(6, return_sequences=True))
    found = Bound(layer, X, dtype="float32", padded=False).forward()[0]
    wanted = MERGES["concat"](*apart(layer, True, None, "float32"))
    np.testing.assert_array_equal(found, wanted)


def test_masked_steps_are_zero_in_sequences():
    layer = Bidirectional(SimpleRNN(6, return_sequences=True))
    y = Bound(layer, X, masks=(MASK,)).forward()[0]
    assert not y[MASK == 0].any() and y[MASK == 1].all()


def test_states_in_and_out():
    rng = np.random.default_rng(2)
    h1, h2 = rng.normal(size=(5, 6)), rng.normal(size=(5, 6))
    layer = Bidirectional(SimpleRNN(6, return_sequences=True, return_state=True))
    bound = Bound(layer, X, h1, h2)
    y, state1, state2 = bound.forward()
    np.testing.assert_array_equal(state1, y[:, -1, :6])
    np.testing.assert_array_equal(state2, y[:, 0, 6:])
    assert bound.shape == ((4, 12), (6,), (6,))
    bound.check_gradients()


def test_names_and_weights():
    layer = Bidirectional(LSTM(2))
    Bound(layer, X)
    assert layer.name == "bidirectional"
    assert [one.name for one in layer.parameters] == [
        f"{way}_lstm/{name}"
        for way in ("forward", "backward")
        for name in ("kernel", "recurrent_kernel", "bias")
    ]
    start = [np.full(one.shape, i / 10) for i, one in enumerate(layer.parameters)]
    again = Bidirectional(LSTM(2), weights=start)
    Bound(again, X)
    for parameter, value in zip(again.parameters, start):
        parameter.initialize()
        np.testing.assert_array_equal(parameter.get(), value)


def test_arguments_are_copied():
    given = SimpleRNN(
        3, "relu", False, "zeros", "ones", dropout=0.1, recurrent_dropout=0.2, return_state=True
    )
    layer = Bidirectional(given)
    for one in (layer.forward_layer, layer.backward_layer):
        assert one is not given and one.units == 3 and not one.use_bias and one.return_state
        assert (one.dropout, one.recurrent_dropout) == (0.1, 0.2)
        Bound(one, X)
        for parameter, value in zip(one.parameters, (0, 1)):
            parameter.initialize()
            assert (parameter.get() == value).all()
    assert not layer.forward_layer.go_backwards and layer.backward_layer.go_backwards


def test_keras_s_own_numbers():
    """keras/src/layers/rnn/bidirectional_test.py, whose weights are constant."""
    x = np.arange(24.0).reshape(2, 3, 4)
    forward, backward = (0.39687276, 0.7237238), (0.10004295, 0.53391594)
    other = SimpleRNN(2, go_backwards=True)
    for layer, values, wanted in (
        (Bidirectional(SimpleRNN(2)), (1, 2, 3, 1, 2, 3), (forward, backward)),
        (Bidirectional(SimpleRNN(2), "ave"), (1, 2, 3, 1, 2, 3), ((0.24845785, 0.6288199),)),
        (
            Bidirectional(SimpleRNN(2), "mul", backward_layer=other),
            (1, 2, 3, 3, 2, 1),
            ((0.08374989, 0.6740834),),
        ),
    ):
        bound = Bound(layer, x, dtype="float32")
        weights = zip(layer.get_weights(), values)
        layer.set_weights([np.full(w.shape, value / 100) for w, value in weights])
        right = np.repeat(np.transpose(wanted), 2, axis=1)
        np.testing.assert_allclose(bound.forward()[0], right, rtol=2e-6)


def test_a_model_descends_with_it():
    model = model_of(Bidirectional(LSTM(3)), Dense(1), shape=(4, 3))
    assert_descends(model, X, X[:, 0, :1])


def test_errors():
    with pytest.raises(TypeError, match="layer must be a recurrent layer"):
        Bidirectional(Dense(3))
    with pytest.raises(ValueError, match="merge_mode must be one of"):
        Bidirectional(LSTM(3), "max")
    with pytest.raises(ValueError, match="unlike go_backwards; both have True"):
        Bidirectional(LSTM(3, go_backwards=True))
    with pytest.raises(ValueError, match="same return_sequences"):
        Bidirectional(LSTM(3), backward_layer=LSTM(3, go_backwards=True, return_sequences=True))
    with pytest.raises(ValueError, match="outputs of 3 and 2 units by 'sum'"):
        other = LSTM(2, go_backwards=True)
        Bidirectional(LSTM(3), "sum", backward_layer=other).output_shape((4, 3))
    with pytest.raises(TypeError, match="bidirectional cannot run one step"):
        Bidirectional(LSTM(3)).streamed()
