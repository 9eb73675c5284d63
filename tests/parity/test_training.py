"""What fit, evaluate and predict report, beside live Keras."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nlstm
from tests.parity import trained
from tests.parity.batches import sample_weight
from tests.parity.peers import keras

EXAMPLES = settings(max_examples=30, derandomize=True, deadline=None)
ROWS, CLASSES = 12, 3


@pytest.fixture(scope="module", autouse=True)
def float64():
    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx(before[0])
    keras.config.set_dtype_policy(before[1])


def compare(agree, name, ours, theirs):
    """Compare logs by name, whatever their order."""
    assert set(ours) == set(theirs), name
    for key in sorted(ours):
        agree(f"{name} {key}", ours[key], theirs[key])


def compare_fits(agree, both, x, y, **arguments):
    """Compare the histories of three epochs, and the weights after them."""
    arguments = {"epochs": 3, "shuffle": False, "verbose": 0} | arguments
    ours, theirs = (model.fit(x, y, **arguments).history for model in both)
    compare(agree, "history", ours, theirs)
    for number, pair in enumerate(zip(*(model.get_weights() for model in both))):
        agree(f"weight {number}", *pair)


def compare_evaluations(agree, both, x, y, batch_size):
    ours, theirs = (
        model.evaluate(x, y, batch_size=batch_size, verbose=0, return_dict=True) for model in both
    )
    compare(agree, "evaluate", ours, theirs)
    ours, theirs = (model.predict(x, verbose=0) for model in both)
    agree("predict", ours, theirs)


@st.composite
def tasks(draw):
    """Draw what is learnt, the data, and what compile and fit are told."""
    kind = draw(st.sampled_from(["numbers", "classes", "one-hot"]))
    sequences, masked = draw(st.booleans()), draw(st.booleans())
    outputs = 2 if kind == "numbers" else CLASSES
    seed = draw(st.integers(0, 999))
    x = trained.inputs(seed, ROWS)
    y = trained.targets(seed, ROWS, sequences, outputs)
    if masked:
        x[np.random.default_rng(seed).random(x.shape[:2]) < 0.3] = 0.0
    if kind == "numbers":
        compiled = {"loss": "mse", "metrics": ["mae"], "weighted_metrics": ["mape"]}
        if not masked:  # Keras leaves the mask out of this one metric
            compiled["metrics"] = ["mae", "RootMeanSquaredError"]
    else:
        y = y.argmax(axis=-1)
        compiled = {"loss": "sparse_categorical_crossentropy"}
        compiled |= {"metrics": ["accuracy"], "weighted_metrics": ["accuracy"]}
        if kind == "one-hot":
            y = np.eye(CLASSES)[y]
            compiled["loss"] = "categorical_crossentropy"
    fitted = {"batch_size": draw(st.sampled_from([4, 5, 12]))}
    weighing = draw(st.sampled_from(["none", "samples", "classes"]))
    if weighing == "samples":
        fitted["sample_weight"] = sample_weight("each", ROWS, x.shape[1] if sequences else None, 1)
    elif weighing == "classes" and kind != "numbers" and not sequences:
        fitted["class_weight"] = {0: 0.5, 2: 2.0}
    held = draw(st.sampled_from(["none", "split", "data", "weighted data"]))
    if held == "split":
        fitted["validation_split"] = 0.3
    elif held != "none":
        fitted["validation_data"] = (x[::-1][:7], y[:7])
        if held == "weighted data":
            steps = x.shape[1] if sequences else None
            fitted["validation_data"] += (sample_weight("each", 7, steps, 2),)
        fitted["validation_freq"] = draw(st.sampled_from([1, 2]))
        fitted["validation_batch_size"] = draw(st.sampled_from([None, 3]))
    activation = None if kind == "numbers" else "softmax"
    options = {"sequences": sequences, "masked": masked, "outputs": outputs,
               "activation": activation}  # fmt: skip
    return seed, options, compiled, x, y, fitted


@EXAMPLES
@given(tasks())
def test_fit_evaluate_predict(parity, task):
    seed, options, compiled, x, y, fitted = task
    both = trained.pair(keras, seed, **options)
    for library, model in zip((nlstm, keras), both):
        model.compile(library.optimizers.Adam(0.0625), **compiled)
    with parity.configuration("fit, evaluate, predict") as agree:
        compare_fits(agree, both, x, y, **fitted)
        compare_evaluations(agree, both, x, y, 5)


def two_outputs(library):
    layers = library.layers
    start = layers.Input((trained.STEPS, trained.FEATURES), name="start")
    hidden = layers.LSTM(trained.UNITS, dtype="float64")(start)
    level = layers.Dense(2, dtype="float64", name="level")(hidden)
    sort = layers.Dense(CLASSES, "softmax", dtype="float64", name="sort")(hidden)
    return library.Model(start, [level, sort])


NAMED = [
    {"loss": ["mse", "sparse_categorical_crossentropy"]},
    {
        "loss": {"level": "mae", "sort": "sparse_categorical_crossentropy"},
        "loss_weights": {"level": 0.25, "sort": 2.0},
        "metrics": {"level": ["mse", "mape"], "sort": "accuracy"},
    },
    {
        "loss": ["mse", "sparse_categorical_crossentropy"],
        "loss_weights": [0.5, 3.0],
        "metrics": [["mae"], ["accuracy"]],
        "weighted_metrics": [["mse"], ["accuracy"]],
    },
    {"loss": [None, "sparse_categorical_crossentropy"], "metrics": [["mae"], []]},
]


@pytest.mark.parametrize("compiled", NAMED)
@pytest.mark.parametrize("weighted", [False, True])
def test_several_outputs(parity, compiled, weighted):
    both = trained.pair(keras, 5, two_outputs)
    x, level = trained.inputs(5, ROWS), trained.targets(5, ROWS)
    y = [level, trained.targets(6, ROWS, outputs=CLASSES).argmax(axis=-1)]
    weight = [sample_weight("each", ROWS, None, seed) for seed in (1, 2)] if weighted else None
    for library, model in zip((nlstm, keras), both):
        model.compile(library.optimizers.SGD(0.125), **compiled)
    with parity.configuration("several outputs") as agree:
        compare_fits(agree, both, x, y, batch_size=5, sample_weight=weight,
                     validation_data=(x[:6], [part[:6] for part in y]))  # fmt: skip
        ours, theirs = (model.evaluate(x, y, verbose=0, return_dict=True) for model in both)
        compare(agree, "evaluate", ours, theirs)
        for pair in zip(*(model.predict(x, verbose=0) for model in both)):
            agree("predict", *pair)


strengths = st.sampled_from([0.0625, 0.25])
kinds = st.sampled_from([None, "L1", "L2", "L1L2", "OrthogonalRegularizer"])
limits = st.sampled_from([None, "MaxNorm", "NonNeg", "UnitNorm", "MinMaxNorm"])


@settings(EXAMPLES, max_examples=20)
@given(st.data())
def test_regularizers_and_constraints(parity, data):
    """The loss that is reported, in training and evaluation, and the weights after three epochs."""
    drawn = {
        f"{part}_regularizer": (data.draw(kinds), data.draw(strengths))
        for part in ("kernel", "recurrent")
    }
    dense = {"kernel_regularizer": (data.draw(kinds), data.draw(strengths))}
    flat = st.sampled_from([None, "L1", "L2", "L1L2"])
    for found, parts in ((drawn, ("bias", "activity")), (dense, ("bias", "activity"))):
        for part in parts:
            found[f"{part}_regularizer"] = (data.draw(flat), data.draw(strengths))
    for found, parts in ((drawn, ("kernel", "recurrent")), (dense, ("kernel",))):
        for part in parts:
            found[f"{part}_constraint"] = (data.draw(limits), None)

    def made(library, found):
        arguments = {}
        for key, (name, strength) in found.items():
            module = library.constraints if key.endswith("constraint") else library.regularizers
            values = () if strength is None else (strength,)
            arguments[key] = None if name is None else getattr(module, name)(*values)
        return arguments

    def build(library):
        layers = library.layers
        return library.Sequential(
            [
                layers.Input((trained.STEPS, trained.FEATURES)),
                layers.LSTM(trained.UNITS, dtype="float64", **made(library, drawn)),
                layers.Dense(2, dtype="float64", **made(library, dense)),
            ]
        )

    seed = data.draw(st.integers(0, 99))
    both = trained.pair(keras, seed, build)
    x, y = trained.inputs(seed, ROWS), trained.targets(seed, ROWS)
    for library, model in zip((nlstm, keras), both):
        model.compile(library.optimizers.SGD(0.0625), "mse", metrics=["mae"])
    with parity.configuration("regularizers and constraints") as agree:
        compare_fits(agree, both, x, y, batch_size=5, validation_split=0.25)
        compare_evaluations(agree, both, x, y, 5)
