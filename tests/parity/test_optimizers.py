"""The weights after ten steps of every optimizer, beside live Keras."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nlstm
from tests.parity import trained
from tests.parity.draws import examples
from tests.parity.peers import keras

EXAMPLES = examples(9)
STEPS = 10

rates = st.sampled_from([2.0**-k for k in range(4, 9)])
betas = st.sampled_from([0.5, 0.75, 0.875, 0.96875])
epsilons = st.sampled_from([1e-7, 1e-3])
# Keras on torch keeps its clip limits in float32 even where all else is float64, so that the limits
# drawn are those that float32 holds exactly.
limits = st.sampled_from([2.0**-k for k in range(2, 9)])
OWN = {
    "SGD": {"momentum": st.sampled_from([0.0, 0.5, 0.9]), "nesterov": st.booleans()},
    "RMSprop": {
        "rho": betas,
        "momentum": st.sampled_from([0.0, 0.5]),
        "epsilon": epsilons,
        "centered": st.booleans(),
    },
    "Adam": {"beta_1": betas, "beta_2": betas, "epsilon": epsilons, "amsgrad": st.booleans()},
    "AdamW": {"beta_1": betas, "beta_2": betas, "epsilon": epsilons, "amsgrad": st.booleans()},
    "Nadam": {"beta_1": betas, "beta_2": betas, "epsilon": epsilons},
    "Adamax": {"beta_1": betas, "beta_2": betas, "epsilon": epsilons},
    "Lion": {"beta_1": betas, "beta_2": betas},
    "Adagrad": {
        "initial_accumulator_value": st.sampled_from([0.0, 0.125]),
        "epsilon": st.just(1e-3),
    },
    "Adadelta": {"rho": betas, "epsilon": epsilons},
}
SCHEDULES = {
    "ExponentialDecay": {"decay_steps": st.integers(1, 6), "decay_rate": betas,
                         "staircase": st.booleans()},
    "InverseTimeDecay": {"decay_steps": st.integers(1, 6), "decay_rate": betas,
                         "staircase": st.booleans()},
    "PolynomialDecay": {"decay_steps": st.integers(1, 12), "power": st.sampled_from([1.0, 0.5, 2]),
                        "cycle": st.booleans(), "end_learning_rate": st.just(2.0**-9)},
    "CosineDecay": {"decay_steps": st.integers(1, 12), "alpha": st.sampled_from([0.0, 0.25]),
                    "warmup_target": st.sampled_from([None, 0.125]),
                    "warmup_steps": st.integers(1, 5)},
    "CosineDecayRestarts": {"first_decay_steps": st.integers(1, 5), "alpha": st.just(0.125),
                            "t_mul": st.sampled_from([1.0, 2.0]),
                            "m_mul": st.sampled_from([1.0, 0.5])},
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def float64():
    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx(before[0])
    keras.config.set_dtype_policy(before[1])


@st.composite
def surroundings(draw):
    """Draw clipping, decay, averages and accumulation."""
    config = {}
    clip = draw(st.sampled_from([None, "clipnorm", "clipvalue", "global_clipnorm"]))
    if clip:
        config[clip] = draw(limits)
    if draw(st.booleans()):
        config["weight_decay"] = draw(st.sampled_from([0.0625, 0.5]))
    if draw(st.booleans()):
        config |= {"use_ema": True, "ema_momentum": draw(betas)}
        config["ema_overwrite_frequency"] = draw(st.sampled_from([None, 1, 3]))
    config["gradient_accumulation_steps"] = draw(st.sampled_from([None, None, 2, 3]))
    return config


@st.composite
def schedules(draw):
    name = draw(st.sampled_from([*SCHEDULES, "PiecewiseConstantDecay"]))
    if name == "PiecewiseConstantDecay":
        return name, {"boundaries": [draw(st.integers(0, 4)), 6], "values": [0.25, 0.125, 0.5]}
    config = {key: draw(value) for key, value in SCHEDULES[name].items()}
    return name, {"initial_learning_rate": draw(rates), **config}


def after_ten(name, config, seed, schedule=None):
    """Return both libraries' weights after ten steps, and those that fit would end with."""
    found = []
    for library, model in zip((nlstm, keras), trained.pair(keras, seed)):
        rate = config.get("learning_rate")
        if schedule is not None:
            kind, arguments = schedule
            rate = getattr(library.optimizers.schedules, kind)(**arguments)
        optimizer = getattr(library.optimizers, name)(**config | {"learning_rate": rate})
        model.compile(optimizer, "mse")
        for step in range(STEPS):
            model.train_on_batch(trained.inputs(seed + step), trained.targets(seed + step))
        weights = model.get_weights()
        if library is nlstm:
            optimizer.finalize()
        else:
            optimizer.finalize_variable_values(model.trainable_variables)
        found.append((weights, model.get_weights()))
    return found


def compare(agree, found):
    (ours, our_end), (theirs, their_end) = found
    for number, arrays in enumerate(zip(ours, theirs, strict=True)):
        agree(f"weight {number}", *arrays)
    for number, arrays in enumerate(zip(our_end, their_end, strict=True)):
        agree(f"final weight {number}", *arrays)


@pytest.mark.parametrize("name", OWN)
def test_ten_steps(parity, name):
    """Every optimizer, its own arguments and what surrounds its rule."""

    @EXAMPLES
    @given(st.data())
    def run(data):
        config = {key: data.draw(value, key) for key, value in OWN[name].items()}
        config |= data.draw(surroundings()) | {"learning_rate": data.draw(rates)}
        seed = data.draw(st.integers(0, 99))
        with parity.configuration(f"optimizer {name}") as agree:
            compare(agree, after_ten(name, config, seed))

    run()


@examples(24)
@given(schedules(), st.sampled_from(["SGD", "Adam"]), st.integers(0, 99))
def test_schedules(parity, schedule, name, seed):
    with parity.configuration("schedule " + schedule[0]) as agree:
        compare(agree, after_ten(name, {}, seed, schedule))


@examples(60)
@given(schedules(), st.integers(0, 60))
def test_schedules_at_any_step(parity, schedule, step):
    name, config = schedule
    ours = getattr(nlstm.optimizers.schedules, name)(**config)(step)
    theirs = getattr(keras.optimizers.schedules, name)(**config)(step)
    with parity.configuration("schedule values " + name) as agree:
        agree("rate", ours, theirs)


def test_weights_left_out_of_the_decay(parity):
    found = []
    for library, model in zip((nlstm, keras), trained.pair(keras, 3)):
        optimizer = library.optimizers.AdamW(weight_decay=0.5)
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        model.compile(optimizer, "mse")
        for step in range(3):
            model.train_on_batch(trained.inputs(step), trained.targets(step))
        found.append((model.get_weights(), model.get_weights()))
    with parity.configuration("exclude_from_weight_decay") as agree:
        compare(agree, found)
