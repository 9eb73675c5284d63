"""The weights after ten steps of every optimizer, beside live Keras."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nlstm
from tests.parity import trained
from tests.parity.draws import examples
from tests.parity.peers import keras

pytestmark = pytest.mark.usefixtures("float64")
STEPS = 10
rates = st.sampled_from([0.1, 0.03, 0.004])
betas = st.sampled_from([0.5, 0.9, 0.99])
epsilons = st.sampled_from([1e-7, 1e-3])
limits = st.sampled_from([0.3, 0.1, 0.02])  # from above most of these gradients to far below
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
        "initial_accumulator_value": st.sampled_from([0.0, 0.1]),
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
                        "cycle": st.booleans(), "end_learning_rate": st.just(0.001)},
    "CosineDecay": {"decay_steps": st.integers(1, 12), "alpha": st.sampled_from([0.0, 0.3]),
                    "warmup_target": st.sampled_from([None, 0.1]),
                    "warmup_steps": st.integers(1, 5)},
    "CosineDecayRestarts": {"first_decay_steps": st.integers(1, 5), "alpha": st.just(0.1),
                            "t_mul": st.sampled_from([1.0, 2.0]),
                            "m_mul": st.sampled_from([1.0, 0.7])},
    "PiecewiseConstantDecay": {"boundaries": st.sampled_from([[0, 6], [3, 6]]),
                               "values": st.just([0.03, 0.01, 0.1])},
}  # fmt: skip


@st.composite
def surroundings(draw):
    """Draw clipping, decay, averages and accumulation."""
    config = {}
    clip = draw(st.sampled_from([None, "clipnorm", "clipvalue", "global_clipnorm"]))
    if clip:
        config[clip] = draw(limits)
    if draw(st.booleans()):
        config["weight_decay"] = draw(st.sampled_from([0.004, 0.5]))
    if draw(st.booleans()):
        config |= {"use_ema": True, "ema_momentum": draw(betas)}
        config["ema_overwrite_frequency"] = draw(st.sampled_from([None, 1, 3]))
    config["loss_scale_factor"] = draw(st.sampled_from([None, None, 3.3]))
    config["gradient_accumulation_steps"] = draw(st.sampled_from([None, None, 2, 3]))
    return config


def configurations(name):
    """Draw an optimizer's own arguments and what surrounds its rule."""
    return st.tuples(st.fixed_dictionaries(OWN[name]), surroundings()).map(
        lambda parts: parts[0] | parts[1]
    )


@st.composite
def schedules(draw):
    name = draw(st.sampled_from([*SCHEDULES]))
    config = {key: draw(value) for key, value in SCHEDULES[name].items()}
    if name != "PiecewiseConstantDecay":
        config["initial_learning_rate"] = draw(rates)
    return name, config


def after_ten(name, config, seed, rate_for, before_step=None):
    """Return what both libraries have after ten steps, and the weights that fit would end with.

    `rate_for(library)` is the learning rate; `before_step(optimizer, step)` may change it.
    """
    found = []
    for library, model in zip((nlstm, keras), trained.pair(keras, seed)):
        optimizer = getattr(library.optimizers, name)(rate_for(library), **config)
        model.compile(optimizer, "mse")
        for step in range(STEPS):
            if before_step:
                before_step(optimizer, step)
            model.train_on_batch(trained.inputs(seed + step), trained.targets(seed + step))
        state = {"iterations": optimizer.iterations, "learning rate": optimizer.learning_rate}
        state |= {f"weight {k}": weight for k, weight in enumerate(model.get_weights())}
        if library is nlstm:
            optimizer.finalize()
        else:
            optimizer.finalize_variable_values(model.trainable_variables)
        state |= {f"final weight {k}": weight for k, weight in enumerate(model.get_weights())}
        found.append(state)
    return found


def compare(agree, found):
    ours, theirs = found
    for name, value in theirs.items():
        agree(name, ours[name], value)


@pytest.mark.parametrize("name", OWN)
def test_ten_steps(parity, name):
    """Every optimizer, its own arguments and what surrounds its rule: 20 configurations of each."""

    @examples(20)
    @given(configurations(name), rates, st.integers(0, 99))
    def run(config, rate, seed):
        with parity.configuration(f"optimizer {name}") as agree:
            compare(agree, after_ten(name, config, seed, lambda library: rate))

    run()


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_schedules(parity, name):
    @examples(24)
    @given(schedules(), configurations(name), st.integers(0, 99))
    def run(schedule, config, seed):
        kind, arguments = schedule

        def rate_for(library):
            return getattr(library.optimizers.schedules, kind)(**arguments)

        with parity.configuration(f"schedule {kind}") as agree:
            compare(agree, after_ten(name, config, seed, rate_for))

    run()


@examples(60)
@given(schedules(), st.integers(0, 60))
def test_schedules_at_any_step(parity, schedule, step):
    name, config = schedule
    ours = getattr(nlstm.optimizers.schedules, name)(**config)(step)
    theirs = getattr(keras.optimizers.schedules, name)(**config)(step)
    with parity.configuration("schedule values " + name) as agree:
        agree("rate", ours, theirs)


def test_a_function_as_learning_rate(parity):
    now = [0.1]

    def before_step(optimizer, step):
        now[0] = 0.1 / (1 + step)

    with parity.configuration("learning rate: a function") as agree:
        config = {"weight_decay": 0.5}
        compare(agree, after_ten("SGD", config, 1, lambda library: lambda: now[0], before_step))


def test_a_learning_rate_that_is_set(parity):
    def before_step(optimizer, step):
        optimizer.learning_rate = 0.1 / (1 + step)

    with parity.configuration("learning rate: set") as agree:
        compare(agree, after_ten("Adam", {}, 2, lambda library: 0.5, before_step))


def test_weights_left_out_of_the_decay(parity):
    def before_step(optimizer, step):
        if not step:
            optimizer.exclude_from_weight_decay(var_names=["bias"])

    with parity.configuration("exclude_from_weight_decay") as agree:
        config = {"weight_decay": 0.5}
        compare(agree, after_ten("AdamW", config, 3, lambda library: 0.1, before_step))
