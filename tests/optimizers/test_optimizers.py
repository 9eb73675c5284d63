"""Optimizers on a buffer: ten steps as Keras takes them, state out and in, errors."""

import numpy as np
import pytest

from nlstm import kernels, optimizers
from nlstm.layers import LSTM, Dense
from nlstm.models import Sequential
from nlstm.optimizers import schedules
from nlstm.plan.parameters import Parameter, ParameterBuffer
from nlstm.plan.plan import run
from tests.golden import cases, rules

OPS = kernels.load("cpu", "float64")
IDS = [str(case) for case in cases.OPTIMIZERS]


def made(case):
    config = dict(case[1])
    if isinstance(config["learning_rate"], list):
        name, arguments = config["learning_rate"]
        config["learning_rate"] = getattr(schedules, name)(**arguments)
    optimizer = getattr(optimizers, case[0])(**config)
    if config.get("weight_decay"):
        optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


def buffer():
    """Return a buffer of the cases' weights, packed with padding."""
    values, _ = cases.weights()
    parameters = [
        Parameter(
            name,
            value.shape,
            lambda value=value: value,
            lambda array: np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, 4)]),
            lambda packed: packed[..., :4],
        )
        for name, value in zip(("kernel", "bias"), values)
    ]
    return ParameterBuffer(parameters, OPS)


def steps(optimizer, home, gradients):
    calls = optimizer.bind(OPS, home)
    for step in gradients:
        for parameter, gradient in zip(home.parameters, step):
            parameter.gradient[...] = parameter.pack(gradient)
        run([*optimizer.beforehand, *calls])


@pytest.mark.parametrize("case, wanted", rules("optimizers"), ids=IDS)
def test_ten_steps_of_keras(case, wanted):
    optimizer, home = made(case), buffer()
    steps(optimizer, home, cases.weights()[1])
    assert optimizer.iterations == 10 // case[1].get("gradient_accumulation_steps", 1)
    clipped = any("clip" in name for name in case[1])  # Keras's limits are float32
    limit = {"rtol": 1e-6} if clipped else {"rtol": 1e-9, "atol": 1e-12}
    for found, value in zip(home.get(), wanted):
        np.testing.assert_allclose(found.ravel(), value, **limit)
    optimizer.finalize()
    for found, value in zip(home.get(), wanted[2:]):
        np.testing.assert_allclose(found.ravel(), value, **limit)
    for parameter in home.parameters:
        assert (parameter.packed[..., 4:] == 0).all()


@pytest.mark.parametrize("case", cases.OPTIMIZERS, ids=IDS)
def test_it_goes_on_where_it_stopped(case):
    whole, home = made(case), buffer()
    gradients = cases.weights()[1]
    steps(whole, home, gradients[:4])
    kept, weights = whole.variables(), home.get()
    steps(whole, home, gradients[4:])
    for before in (True, False):  # state given before the model is built, or after
        again, other = made(case), buffer()
        other.set(weights)
        if not before:
            again.bind(OPS, other)
        again.set_variables(kept)
        steps(again, other, gradients[4:])
        np.testing.assert_array_equal(other.value, home.value)
        for name, value in again.variables().items():
            np.testing.assert_array_equal(value, whole.variables()[name])


def test_state_that_does_not_fit_changes_nothing():
    optimizer = optimizers.Adam()
    home = buffer()
    steps(optimizer, home, cases.weights()[1][:2])
    before = optimizer.variables()
    broken = {**before, "momentum/0": np.zeros((2, 2))}
    with pytest.raises(ValueError, match="'momentum/0' has shape .* got"):
        optimizer.set_variables(broken)
    del broken["momentum/0"]
    with pytest.raises(ValueError, match="only the optimizer has 'momentum/0'"):
        optimizer.set_variables(broken)
    for name, value in optimizer.variables().items():
        np.testing.assert_array_equal(value, before[name])


def test_an_epsilon_of_zero_leaves_the_padding_alone():
    for name in ("Adam", "RMSprop", "Nadam", "Adamax", "Adadelta"):
        home = buffer()
        steps(getattr(optimizers, name)(epsilon=0.0), home, cases.weights()[1][:2])
        for parameter in home.parameters:
            assert (parameter.packed[..., 4:] == 0).all()


def test_large_buffers_take_the_parallel_form(monkeypatch):
    case = ("Adam", {"learning_rate": 0.01, "clipnorm": 0.5})
    gradients = cases.weights()[1]
    found = []
    for threshold in (10**6, 1):
        monkeypatch.setattr("nlstm.kernels.cpu.optimizers.choice.PARALLEL_ELEMENTS", threshold)
        home = buffer()
        steps(made(case), home, gradients)
        found.append(home.value.copy())
    np.testing.assert_array_equal(*found)


def test_fit_ends_with_the_averages():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 5, 2)), rng.normal(size=(12, 1))
    model = Sequential([LSTM(3), Dense(1)], dtype="float64")
    optimizer = optimizers.Adam(0.1, use_ema=True, ema_momentum=0.5)
    model.compile(optimizer, "mse")
    model.fit(x, y, epochs=3, verbose=0)
    averages = [value for name, value in optimizer.variables().items() if "average/" in name]
    for weight, average in zip(model.get_weights(), averages):
        np.testing.assert_array_equal(weight, average)


def test_names_and_classes():
    assert isinstance(optimizers.get("AdamW"), optimizers.AdamW)
    assert optimizers.get("rmsprop").name == "rmsprop"
    assert optimizers.get(optimizers.Lion).learning_rate == 0.001
    assert optimizers.get(None) is None


def test_variables_are_numbers_to_arithmetic():
    optimizer = optimizers.SGD(0.25)
    steps, rate = optimizer.variables
    assert steps == 0 and int(steps + 2) == 2 and float(rate) == 0.25 and rate.name
    scheduled = optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 10, 0.9))
    assert [one.name for one in scheduled.variables] == ["iterations"]  # as in Keras
    assert "learning_rate" in scheduled.variables()


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: optimizers.Adam(clipnorm=1.0, clipvalue=1.0), ValueError, "Only one kind of clip"),
        (lambda: optimizers.Adam(ema_momentum=2.0), ValueError, "ema_momentum must lie in 0 to 1"),
        (
            lambda: optimizers.Adam(gradient_accumulation_steps=1),
            ValueError,
            "gradient_accumulation_steps must be at least 2; got 1",
        ),
        (lambda: optimizers.AdamW(weight_decay=None), TypeError, "weight_decay must be a number"),
        (lambda: optimizers.Lion(beta_1=0.0), ValueError, "beta_1 must be above 0"),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call()


@pytest.mark.parametrize(
    "name, value",
    [("beta_1", 0.5), ("epsilon", 1.0), ("clipnorm", 1.0), ("use_ema", True), ("amsgrad", True)],
)
def test_what_kernels_were_made_for_cannot_change(name, value):
    made = optimizers.Adam()
    with pytest.raises(AttributeError, match=f"{name} of Adam cannot change: make a new"):
        setattr(made, name, value)
    made.learning_rate, made.name, made.mine = 0.5, "other", 1
    assert made.get_config()["beta_1"] == made.beta_1 == 0.9


@pytest.mark.parametrize("name", ["gradient_accumulation_steps", "ema_overwrite_frequency"])
def test_numbers_of_steps_that_nobody_takes(name):
    with pytest.raises(ValueError, match=f"{name} must be at most"):
        optimizers.Adam(**{name: 10**400})


def test_state_that_weights_cannot_hold_is_named():
    model = Sequential([Dense(1)])
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((2, 3)), np.ones((2, 1)))
    state = dict(model.optimizer.variables())
    name = next(name for name in state if name.endswith("/0"))
    state[name] = np.full(state[name].shape, 1e300)
    with pytest.raises(ValueError, match=f"{name}' is too large for float32: 1e\\+300 is in it"):
        model.optimizer.set_variables(state)


def test_a_config_has_the_learning_rate_of_now():
    optimizer = optimizers.Adam(0.1)
    optimizer.learning_rate = 0.5
    assert optimizers.Adam.from_config(optimizer.get_config()).learning_rate == 0.5
    schedule = schedules.ExponentialDecay(0.1, 5, 0.5)
    config = optimizers.SGD(schedule).get_config()
    assert optimizers.SGD.from_config(config).get_config() == config
