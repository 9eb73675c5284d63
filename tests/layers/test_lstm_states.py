"""The LSTM layer's states, masks and options, against the reference and Keras's numbers."""

import numpy as np
import pytest

from nlstm import Input, Model
from nlstm.initializers import Constant
from nlstm.layers import GRU, LSTM, SimpleRNN
from nlstm.models import Sequential
from tests.layers.gradients import assert_close, gradients, model_of
from tests.layers.planned import Planned
from tests.reference.lstm import lstm_backward, lstm_forward

RNG = np.random.default_rng(0)
N, T, F, H = 5, 7, 3, 4
X = RNG.normal(size=(N, T, F))
MASK = RNG.random((N, T)) < 0.6
MASK[0], MASK[1], MASK[2, -1] = False, True, False
STATES = RNG.normal(size=(2, N, H))


def reference_arguments(planned):
    named = {one.name: one.get() for one in planned.layer.parameters}
    names = {"kernel": "W", "recurrent_kernel": "U", "bias": "b"}
    return {names.get(name, name): value for name, value in named.items()}


@pytest.mark.parametrize("zero_output_for_mask", [False, True])
@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("return_sequences", [False, True])
def test_states_and_masks(return_sequences, go_backwards, zero_output_for_mask):
    rng = np.random.default_rng(1)
    options = {"go_backwards": go_backwards, "zero_output_for_mask": zero_output_for_mask}
    layer = LSTM(H, return_sequences=return_sequences, return_state=True, **options)
    y_shape = (T, H) if return_sequences else (H,)
    assert layer.output_shape((T, F), (H,), (H,)) == (y_shape, (H,), (H,))
    planned = Planned(layer, X, MASK, STATES)
    arguments = reference_arguments(planned) | {"h0": STATES[0], "c0": STATES[1], "mask": MASK}
    trace = lstm_forward(
        X, **arguments, reverse=go_backwards, zero_output_for_mask=zero_output_for_mask
    )
    y = trace.outputs if return_sequences else trace.outputs[:, -1]
    assert_close(planned.forward(), [y, trace.h, trace.c])
    np.testing.assert_array_equal(trace.h[0], STATES[0, 0])  # masked throughout
    mask = planned.outputs[0].mask
    assert (mask is not None) == return_sequences
    assert all(one.mask is None for one in planned.outputs[1:])

    slopes = [rng.normal(size=one.shape) for one in (y, trace.h, trace.c)]
    dy = np.zeros((N, T, H))
    dy[:, slice(None) if return_sequences else -1] = slopes[0]
    wanted = lstm_backward(trace, dy, *slopes[1:])
    found, weights = planned.backward(slopes)
    assert_close(found, [wanted.dx, wanted.dh0, wanted.dc0])
    assert_close(weights, [wanted.dW, wanted.dU, wanted.db])


def test_an_output_that_nobody_uses_has_no_gradient():
    rng = np.random.default_rng(1)
    planned = Planned(LSTM(H, return_sequences=True, return_state=True), X, MASK, STATES)
    planned.forward()
    dc = rng.normal(size=(N, H))
    arguments = reference_arguments(planned) | {"h0": STATES[0], "c0": STATES[1], "mask": MASK}
    wanted = lstm_backward(lstm_forward(X, **arguments), np.zeros((N, T, H)), None, dc)
    (dx, *_), weights = planned.backward([None, None, dc])
    assert_close([dx, *weights], [wanted.dx, wanted.dW, wanted.dU, wanted.db])


def test_prediction_is_the_forward_pass_of_training():
    layer = LSTM(H, return_state=True, zero_output_for_mask=True)
    trained = Planned(layer, X, MASK, STATES).forward()
    predicted = Planned(layer, X, MASK, STATES, training=False).forward()
    for one, other in zip(trained, predicted, strict=True):
        np.testing.assert_array_equal(one, other)


def test_levels_are_layers_in_a_row():
    rng = np.random.default_rng(1)
    options = {"return_sequences": True, "go_backwards": True, "return_state": True}
    states = rng.normal(size=(4, N, H))
    both = Planned(LSTM(H, num_layers=2, **options), X, MASK, states)
    names = ["kernel", "recurrent_kernel", "bias"]
    assert [one.name for one in both.layer.parameters] == names + [f"{name}_1" for name in names]
    y, h, c, h_1, c_1 = both.forward()
    weights = [one.get() for one in both.layer.parameters]
    first = lstm_forward(X, *weights[:3], *states[:2], MASK, reverse=True)
    second = lstm_forward(first.outputs, *weights[3:], *states[2:], MASK, reverse=True)
    assert_close([y, h, c, h_1, c_1], [second.outputs, first.h, first.c, second.h, second.c])

    slopes = [rng.normal(size=one.shape) for one in (y, h, c, h_1, c_1)]
    top = lstm_backward(second, slopes[0], *slopes[3:])
    bottom = lstm_backward(first, top.dx, *slopes[1:3])
    found, gradients = both.backward(slopes)
    assert_close(found, [bottom.dx, bottom.dh0, bottom.dc0, top.dh0, top.dc0])
    wanted = [one.__dict__[f"d{name}"] for one in (bottom, top) for name in "WUb"]
    assert_close(gradients, wanted)


def test_projection():
    rng = np.random.default_rng(1)
    options = {"proj_size": 2, "return_sequences": True, "return_state": True, "num_layers": 2}
    planned = Planned(LSTM(H, **options), X, MASK)
    layer = planned.layer
    assert layer.output_shape((T, F)) == ((T, 2), (2,), (H,), (2,), (H,))
    W, U, b, P, *_, U_1, _, P_1 = (one.get() for one in layer.parameters)
    assert [U.shape, P.shape, U_1.shape] == [(2, 4 * H), (H, 2), (2, 4 * H)]

    def outputs():
        # h = m P goes into the product with U, so m goes into that with P U.
        found, x = [], X
        for number in range(2):
            W, U, b, P = (one.get() for one in layer.parameters[4 * number : 4 * number + 4])
            trace = lstm_forward(x, W, P @ U, b, mask=MASK)
            x = trace.outputs @ P
            found += [trace.h @ P, trace.c]
        return [x, *found]

    assert_close(planned.forward(), outputs())
    slopes = [rng.normal(size=one.shape) for one in outputs()]
    _, found = planned.backward(slopes)

    def loss():
        return sum((slope * one).sum() for slope, one in zip(slopes, outputs()))

    for parameter, derivative in zip(layer.parameters, found, strict=True):
        value = parameter.get()
        way = rng.normal(size=value.shape)
        ends = []
        for step in (1e-6, -1e-6):
            parameter.set(value + step * way)
            ends.append(loss())
        parameter.set(value)
        wanted = (ends[0] - ends[1]) / 2e-6
        assert (derivative * way).sum() == pytest.approx(wanted, rel=1e-6), parameter.name


def test_peepholes_and_zoneout_in_prediction():
    layer = LSTM(H, "softplus", "hard_sigmoid_keras2", peephole=True, zoneout=(0.2, 0.3))
    planned = Planned(layer, X, MASK, training=False)
    arguments = reference_arguments(planned)
    activations = {"activation": "softplus", "recurrent_activation": "hard_sigmoid_keras2"}
    trace = lstm_forward(X, **arguments, mask=MASK, zoneout=(0.2, 0.3), **activations)
    assert_close(planned.forward(), [trace.h])


def test_zoneout_is_drawn_anew_and_repeats_with_the_seed():
    y = np.zeros((N, H))

    def losses(seed, rate=0.5):
        model = model_of(LSTM(H, zoneout=rate, seed=seed), shape=(T, F))
        weights, found = model.get_weights(), []
        for _ in range(3):
            model.set_weights(weights)
            found.append(model.train_on_batch(X, y))
        return found

    first = losses(3)
    assert len(set(first)) == 3
    assert losses(3) == first != losses(4)
    assert len(set(losses(3, 1e-12))) == 1


def test_inputs_have_a_mask_for_each_gate_when_states_are_dropped_too():
    # One row, the same input at every step: a feature dropped for a gate has a zero row of dW.
    model = model_of(LSTM(6, dropout=0.5, recurrent_dropout=0.5, seed=3), shape=(None, 40))
    dW, *_ = gradients(model, np.full((1, 6, 40), 0.1), np.zeros((1, 6)))
    dropped = (dW.reshape(40, 4, 6) == 0).all(axis=2)
    assert (8 <= dropped.sum(axis=0)).all() and (dropped.sum(axis=0) <= 32).all()
    assert len({tuple(column) for column in dropped.T}) == 4


def test_penalties_and_constraints():
    rng = np.random.default_rng(1)
    rules = ("kernel_regularizer", "recurrent_regularizer", "bias_regularizer")
    options = dict(zip(rules, ("l2", "l1", "l1"))) | {"activity_regularizer": "l2"}
    y = rng.normal(size=(N, H))
    plain = model_of(LSTM(H), shape=(T, F))
    W, U, b = plain.get_weights()
    wanted = plain.test_on_batch(X, y) + 0.01 * ((W**2).sum() + np.abs(U).sum())
    wanted += 0.01 * np.abs(b).sum()
    wanted += 0.01 * (plain.predict(X, verbose=0) ** 2).sum() / N
    model = model_of(LSTM(H, recurrent_constraint="non_neg", **options), shape=(T, F))
    assert model.train_on_batch(X, y) == pytest.approx(wanted, rel=1e-10)
    assert (model.get_weights()[1] >= 0).all() and (model.get_weights()[0] < 0).any()


# Stateful


def golden(units=2, **options):
    return LSTM(
        units,
        kernel_initializer=Constant(0.01),
        recurrent_initializer=Constant(0.02),
        bias_initializer=Constant(0.03),
        **options,
    )


def test_keras_statefulness():
    x = np.arange(24).reshape(2, 3, 4).astype("float32")
    layer = golden(4, stateful=True)
    model = Sequential([layer])
    model.build((None, 3, 4))
    for _ in range(2):
        model.predict(x, verbose=0)
        second = model.predict(x, verbose=0)
        np.testing.assert_allclose(second, np.repeat([[0.3124785], [0.6863672]], 4, 1), rtol=1e-5)
        layer.reset_states()
    assert layer.states is None
    model.predict(np.concatenate([x, x]), verbose=0)  # another size after a reset
    assert [state.shape for state in layer.states] == [(4, 4)] * 2
    with pytest.raises(ValueError, match=r"batch of 2 rows .* states of 4; call reset_state"):
        model.predict(x, verbose=0)


@pytest.mark.parametrize("kind, count", [(LSTM, 2), (GRU, 1), (SimpleRNN, 1)])
def test_an_initial_state_goes_before_the_states_that_were_kept(kind, count):
    x = Input((T, F))
    begun = [Input((H,)) for _ in range(count)]
    layer = kind(H, stateful=True)
    model = Model([x, *begun], layer(x, initial_state=begun), dtype="float64")
    plain = kind(H)
    other = Model([x, *begun], plain(x, initial_state=begun), dtype="float64")
    other.set_weights(model.get_weights())
    states = list(STATES[:count])
    wanted = other.predict([X, *states], verbose=0)
    for rows in (N, N, N - 1):  # of any number: nothing is gone on from
        found = model.predict([X[:rows], *(one[:rows] for one in states)], verbose=0)
        np.testing.assert_array_equal(found, wanted[:rows])
        np.testing.assert_array_equal(layer.states[0], wanted[:rows])


def test_a_stateful_layer_goes_on_through_training_and_evaluation():
    rng = np.random.default_rng(1)
    model = model_of(LSTM(H, stateful=True, num_layers=2), shape=(T, F))
    layer, y = model.layers[0], rng.normal(size=(N, H))
    weights = model.get_weights()

    def passes(start):
        first = lstm_forward(X, *weights[:3], *start[:2])
        second = lstm_forward(first.outputs, *weights[3:], *start[2:])
        return first, second

    states = [np.zeros((N, H))] * 4
    for action in (model.test_on_batch, model.train_on_batch, model.test_on_batch):
        first, second = passes(states)
        found = action(X, y)
        assert found == pytest.approx(((second.h - y) ** 2).mean(), rel=1e-10)
        states = [first.h, first.c, second.h, second.c]
        assert_close(layer.states, states)
        model.set_weights(weights)
    with pytest.raises(ValueError, match="call reset_state"):
        model.fit(X[:3], y[:3], verbose=0)
    assert_close(layer.states, states)
    layer.reset_state()
    model.fit(X[:3], y[:3], verbose=0)


# Keras's numbers: keras/src/layers/rnn/lstm_test.py


@pytest.mark.parametrize(
    "go_backwards, wanted",
    [
        (False, [[0.20574439, 0.3558822], [0.64930826, 0.66276]]),
        (True, [[0.13281618, 0.2790356], [0.5839337, 0.5992567]]),
    ],
)
def test_keras_initial_state(go_backwards, wanted):
    x = np.arange(24.0).reshape(2, 4, 3)
    layer, state = golden(go_backwards=go_backwards), np.arange(4.0).reshape(2, 2)
    (found,) = golden_outputs(layer, x, states=[state, state])
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def golden_outputs(layer, x, mask=None, states=()):
    planned = Planned(layer, x, mask, states, training=False)
    for parameter in layer.parameters:
        parameter.initialize()
    return planned.forward()


def test_keras_masking():
    x = np.arange(24.0).reshape(2, 4, 3)
    mask = np.array([[True, True, True, False], [True, True, False, False]])
    (last,) = golden_outputs(golden(), x, mask)
    np.testing.assert_allclose(last, [[0.11755939] * 2, [0.28556206] * 2], rtol=1e-5)
    wanted = np.array(
        [
            [0.01588910, 0.05552048, 0.11755939, 0.11755939],
            [0.14185596, 0.28556206, 0.28556206, 0.28556206],
        ]
    )
    (steps,) = golden_outputs(golden(return_sequences=True), x, mask)
    np.testing.assert_allclose(steps, np.repeat(wanted[..., None], 2, 2), rtol=1e-5)
    zeroed = golden(return_sequences=True, zero_output_for_mask=True)
    (steps,) = golden_outputs(zeroed, x, mask)
    np.testing.assert_allclose(steps, np.repeat((wanted * mask)[..., None], 2, 2), rtol=1e-5)
    backwards = np.array([[False, True, True, True], [False, False, True, True]])
    (last,) = golden_outputs(golden(go_backwards=True), x, backwards)
    np.testing.assert_allclose(last, [[0.15341201] * 2, [0.3844719] * 2], rtol=1e-5)


def test_onnx_peepholes():
    layer = LSTM(3, peephole=True)
    planned = Planned(layer, np.arange(1.0, 9.0).reshape(2, 1, 4), training=False)
    for parameter in layer.parameters:
        parameter.set(np.full(parameter.shape, 0.0 if parameter.name == "bias" else 0.1))
    (found,) = planned.forward()
    np.testing.assert_allclose(found, np.repeat([[0.3750691], [0.6801309]], 3, 1), rtol=1e-6)


# Keras 3.15 with PyTorch in float64; weights from default_rng(7) as below


@pytest.mark.parametrize(
    "activation, recurrent_activation, wanted",
    [
        ("gelu", "hard_sigmoid",
         [-0.043476131774991156, 0.00522856398497137, -0.04551228982765741, -0.011621439434523644]),
        ("selu", "softsign",
         [0.3152188268950296, -0.0724900111420228, -0.1193104321779966, 0.18339801433439146]),
        ("mish", "swish",
         [0.09374687300741115, 0.0018811298371339197, -0.013252378579552755, 0.010929697989512552]),
        ("softplus", "log_sigmoid",
         [-0.19707317841392952, -0.7068278643627669, -0.1966974342982316, -0.7474800263986815]),
        ("relu6", "exponential", [0.0, 0.28122915937390236, 0.0, 0.5959732598102763]),
        ("leaky_relu", "hard_tanh",
         [0.3075998214969936, 0.03299024993763478, -0.0034597394204207627, -0.01016872290770141]),
    ],
)  # fmt: skip
def test_keras_activations(activation, recurrent_activation, wanted):
    rng = np.random.default_rng(7)
    x, W = rng.normal(size=(2, 4, 3)), rng.normal(size=(3, 8)) * 0.5
    U, b = rng.normal(size=(2, 8)) * 0.5, rng.normal(size=8) * 0.5
    layer = LSTM(2, activation, recurrent_activation)
    planned = Planned(layer, x, training=False)
    layer.set_weights([W, U, b])
    np.testing.assert_allclose(planned.forward()[0].ravel(), wanted, rtol=1e-10, atol=1e-14)


# Errors


@pytest.mark.parametrize(
    "options, message",
    [
        ({"zoneout": (0.1, 0.2, 0.3)}, "zoneout must be a number or a pair"),
        ({"zoneout": 1.0}, "zoneout must be at least 0 and below 1"),
        ({"time_major": True}, "time_major must be False"),
        ({"proj_size": 4}, "proj_size must be less than units"),
        ({"proj_size": 2, "stateful": True}, "proj_size does not go with stateful"),
        ({"num_layers": 0}, "num_layers must be a positive integer"),
        ({"activation": "softmax"}, "activation of LSTM"),
    ],
)
def test_arguments_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        LSTM(4, **options)


def test_states_of_another_shape():
    with pytest.raises(ValueError, match=r"initial_state of 2 arrays of shape \(None, 4\)"):
        LSTM(4).output_shape((None, 3), (5,), (5,))
