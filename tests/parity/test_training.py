"""What fit, evaluate and predict report, beside live Keras."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nlstm
from tests.parity import trained
from tests.parity.batches import sample_weight
from tests.parity.draws import examples
from tests.parity.peers import keras

FLAG, SEEDS = st.booleans(), st.integers(0, 2**16)
pytestmark = pytest.mark.usefixtures("float64")
ROWS, HELD = 12, 7
CLASSES = 3
SPARSE = "sparse_categorical_crossentropy"
# What is learnt: columns of the output, its activation, what compile is told, and the metrics that
# Keras shows no mask.
KINDS = {
    "numbers": (2, None, {"loss": "mse", "metrics": ["mae"], "weighted_metrics": ["mape"]},
                ["RootMeanSquaredError"]),
    "classes": (CLASSES, "softmax",
                {"loss": SPARSE, "metrics": ["accuracy"], "weighted_metrics": ["accuracy"]}, []),
    "one-hot": (CLASSES, "softmax",
                {"loss": "categorical_crossentropy", "metrics": ["accuracy"],
                 "weighted_metrics": ["categorical_crossentropy"]}, []),
    "yes-no": (1, "sigmoid",
               {"loss": "binary_crossentropy", "metrics": ["accuracy"], "weighted_metrics": []},
               ["AUC", "Precision", "Recall"]),
}  # fmt: skip


def weights_for(kind, rows, sequences, seed):
    """Return sample weights; where outputs have steps, Keras wants those of rows in a column."""
    weight = sample_weight(kind, rows, trained.STEPS if sequences else None, seed)
    return weight[:, None] if kind == "rows" and sequences else weight


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


def compare_evaluations(agree, both, x, y, **arguments):
    arguments |= {"verbose": 0}
    ours, theirs = (model.evaluate(x, y, return_dict=True, **arguments) for model in both)
    compare(agree, "evaluate", ours, theirs)
    if "weighted_accuracy" not in theirs:  # Keras lists the other accuracy twice then
        agree("evaluate's list", *(model.evaluate(x, y, **arguments) for model in both))
    ours, theirs = (model.predict(x, batch_size=5, verbose=0) for model in both)
    for pair in zip(*(one if isinstance(one, list) else [one] for one in (ours, theirs))):
        agree("predict", *pair)


OPTIMIZERS = {
    "plain": lambda o: o.Adam(0.06),
    "schedule": lambda o: o.SGD(o.schedules.ExponentialDecay(0.2, 2, 0.7), momentum=0.5),
    "average": lambda o: o.Nadam(0.03, use_ema=True, ema_momentum=0.8),
}


WEIGHINGS = ("none", "rows", "each", "classes")


@st.composite
def tasks(draw, weighing=None):
    """Draw what is learnt, from what, and how."""
    weighing = weighing or draw(st.sampled_from(WEIGHINGS))
    classes = weighing == "classes"  # Keras has them for rows alone
    task = {
        "kind": draw(st.sampled_from([kind for kind in KINDS if kind != "numbers" or not classes])),
        "sequences": draw(FLAG) and not classes,
        "masked": draw(FLAG),
        "batch_size": draw(st.sampled_from([4, 5, 12])),
        "optimizer": draw(st.sampled_from(list(OPTIMIZERS))),
        "weighing": weighing,
        "held": draw(st.sampled_from(["split", "data", "weighted data", "none"])),
        "validation_freq": draw(st.sampled_from([1, 2, [1, 3]])),
        "validation_batch_size": draw(st.sampled_from([None, 3])),
        "column": draw(FLAG),
        "seed": draw(SEEDS),
    }
    if task["masked"] and task["sequences"] and task["weighing"] == "rows":
        task["weighing"] = "each"  # Keras on PyTorch cannot multiply a mask of steps into a column
    return task


def data_of(task):
    """Return x, y, and the weights of training and of validation."""
    columns, seed = KINDS[task["kind"]][0], task["seed"]
    x = trained.inputs(seed, ROWS)
    if task["masked"]:
        x[np.random.default_rng(seed).random(x.shape[:2]) < 0.3] = 0.0
    y = trained.targets(seed, ROWS, task["sequences"], columns)
    if task["kind"] == "yes-no":
        y = (y > 0.0).astype(float)
    elif task["kind"] != "numbers":
        y = y.argmax(axis=-1)
        if task["kind"] == "one-hot":
            y = np.eye(CLASSES)[y]
        elif task["column"]:
            y = y[..., None]
    kind, sequences = task["weighing"], task["sequences"]
    weights = [
        weights_for("none" if kind == "classes" else kind, ROWS, sequences, seed),
        weights_for("each", HELD, sequences, seed + 1),
    ]
    if task["masked"]:
        # Whole numbers: into weights of its own dtype Keras on PyTorch multiplies masks, and the
        # scale of its loss, in place (losses/loss.py, apply_mask: "sample_weight *= float_mask"),
        # so that the weighted metrics get them once more. On JAX and TensorFlow arrays do not
        # change, and Keras's results are ours.
        weights = [None if one is None else (4 * one).astype(int) for one in weights]
    return x, y, *weights


def fit_arguments(task, x, y, weight, held_weight):
    found = {"batch_size": task["batch_size"], "sample_weight": weight}
    if task["weighing"] == "classes":
        found["class_weight"] = {0: 0.5, 2: 2.0}
    if task["held"] == "split":
        found["validation_split"] = 0.3
    elif task["held"] != "none":
        weights = (held_weight,) if task["held"] == "weighted data" else ()
        found["validation_data"] = (x[::-1][:HELD], y[:HELD], *weights)
        found["validation_batch_size"] = task["validation_batch_size"]
    if task["held"] != "none":
        found["validation_freq"] = task["validation_freq"]
    return found


def compiled(both, task):
    """Compile both models for a task."""
    _, _, arguments, unmasked = KINDS[task["kind"]]
    if not (task["masked"] and task["sequences"]):
        arguments = arguments | {"metrics": arguments["metrics"] + unmasked}
    for library, model in zip((nlstm, keras), both):
        model.compile(OPTIMIZERS[task["optimizer"]](library.optimizers), **arguments)


def models(task):
    columns, activation, _, _ = KINDS[task["kind"]]
    options = {"sequences": task["sequences"], "masked": task["masked"]}
    both = trained.pair(keras, task["seed"], outputs=columns, activation=activation, **options)
    compiled(both, task)
    return both


@pytest.mark.parametrize("weighing", WEIGHINGS)
def test_fit_evaluate_predict(parity, weighing):
    @examples(20)
    @given(tasks(weighing))
    def run(task):
        both, (x, y, *weights) = models(task), data_of(task)
        with parity.configuration("fit, evaluate, predict") as agree:
            compare_fits(agree, both, x, y, **fit_arguments(task, x, y, *weights))
            compare_evaluations(agree, both, x, y, batch_size=5, sample_weight=weights[0])

    run()


@examples(20)
@given(tasks())
def test_batch_by_batch(parity, task):
    """train_on_batch, test_on_batch and predict_on_batch."""
    both, (x, y, weight, _) = models(task), data_of(task)
    given = {"sample_weight": weight, "return_dict": True}
    with parity.configuration("batch by batch") as agree:
        for rows in (slice(0, 5), slice(5, 12)):
            part = {**given, "sample_weight": None if weight is None else weight[rows]}
            if task["weighing"] == "classes":
                part["class_weight"] = {0: 0.5, 2: 2.0}
            logs = [model.train_on_batch(x[rows], y[rows], **part) for model in both]
            compare(agree, "train_on_batch", *logs)
        logs = [model.test_on_batch(x, y, **given) for model in both]
        compare(agree, "test_on_batch", *logs)
        agree("predict_on_batch", *(model.predict_on_batch(x) for model in both))
        for number, pair in enumerate(zip(*(model.get_weights() for model in both))):
            agree(f"weight {number}", *pair)


@examples(12)
@given(tasks(), st.sampled_from([None, 2]), st.sampled_from([None, 1]))
def test_data_that_come_in_batches(parity, task, steps, held_steps):
    """Generators, cut into epochs by steps_per_epoch, and numbered batches."""
    task |= {"weighing": "each" if task["weighing"] == "classes" else task["weighing"]}
    both, (x, y, weight, held_weight) = models(task), data_of(task)

    def batches(rows, weight):
        parts = [slice(first, min(first + 5, rows)) for first in range(0, rows, 5)]
        return [
            (x[part], y[part]) if weight is None else (x[part], y[part], weight[part])
            for part in parts
        ]

    def numbered(library, found):
        class Numbered(library.utils.PyDataset if library is keras else object):
            def __len__(self):
                return len(found)

            def __getitem__(self, number):
                return found[number]

        return Numbered()

    def generated(found):
        while True:
            yield from found

    logs, held = [], batches(HELD, held_weight if task["held"] == "weighted data" else None)
    for library, model in zip((nlstm, keras), both):
        found = batches(ROWS, weight)
        arguments = {"epochs": 3, "shuffle": False, "verbose": 0}
        if task["held"] != "none":
            arguments["validation_data"] = numbered(library, held)
            arguments["validation_steps"] = held_steps
        if steps is None:
            data = numbered(library, found)
        else:
            data, arguments["steps_per_epoch"] = generated(found), steps
        logs.append(model.fit(data, **arguments).history)
    with parity.configuration("fit on batches") as agree:
        compare(agree, "history", *logs)
        for number, pair in enumerate(zip(*(model.get_weights() for model in both))):
            agree(f"weight {number}", *pair)


def two_outputs(library, sequences=False):
    layers = library.layers
    start = layers.Input((trained.STEPS, trained.FEATURES), name="start")
    hidden = layers.LSTM(trained.UNITS, return_sequences=sequences, dtype="float64")(start)
    level = layers.Dense(2, dtype="float64", name="level")(hidden)
    sort = layers.Dense(CLASSES, "softmax", dtype="float64", name="sort")(hidden)
    return library.Model(start, [level, sort])


NAMED = [
    {"loss": ["mse", SPARSE]},
    {
        "loss": {"level": "mae", "sort": SPARSE},
        "loss_weights": {"level": 0.25, "sort": 2.0},
        "metrics": {"level": ["mse", "mape"], "sort": "accuracy"},
    },
    {
        "loss": ["mse", SPARSE],
        "loss_weights": [0.5, 3.0],
        "metrics": [["mae"], ["accuracy"]],
        "weighted_metrics": [["mse"], ["accuracy"]],
    },
    {"loss": [None, SPARSE], "metrics": [["mae"], []]},
]


@pytest.mark.parametrize("number", range(len(NAMED)))
@pytest.mark.parametrize("weighing", ["none", "one for all", "rows", "each"])
def test_several_outputs(parity, number, weighing):
    compiled, sequences = NAMED[number], weighing == "each" or number % 2 == 1
    both = trained.pair(keras, 5, two_outputs, sequences=sequences)
    x, level = trained.inputs(5, ROWS), trained.targets(5, ROWS, sequences)
    y = [level, trained.targets(6, ROWS, sequences, CLASSES).argmax(axis=-1)]
    if weighing == "one for all":
        weight = weights_for("rows", ROWS, sequences, 1)
    elif weighing != "none":
        weight = [weights_for(weighing, ROWS, sequences, seed) for seed in (1, 2)]
    else:
        weight = None
    for library, model in zip((nlstm, keras), both):
        model.compile(library.optimizers.SGD(0.1), **compiled)
    with parity.configuration("several outputs") as agree:
        compare_fits(agree, both, x, y, batch_size=5, sample_weight=weight,
                     validation_data=(x[:6], [part[:6] for part in y]))  # fmt: skip
        compare_evaluations(agree, both, x, y)


strengths = st.sampled_from([0.0625, 0.25])
kinds = st.sampled_from([None, "L1", "L2", "L1L2", "OrthogonalRegularizer"])
limits = st.sampled_from([None, "MaxNorm", "NonNeg", "UnitNorm", "MinMaxNorm"])


@examples(20)
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
        compare_evaluations(agree, both, x, y, batch_size=5)


@pytest.mark.parametrize("loss", ["crossentropy", "ce"])
@pytest.mark.parametrize("kind", ["classes", "one-hot", "yes-no"])
def test_what_compile_leaves_open(parity, kind, loss):
    """Targets decide the cross-entropy and the accuracy."""

    @examples(4)
    @given(SEEDS, FLAG, FLAG)
    def run(seed, sequences, column):
        task = {"kind": kind, "sequences": sequences, "masked": False, "column": column}
        x, y, _, _ = data_of(task | {"weighing": "none", "seed": seed})
        outputs, activation, *_ = KINDS[kind]
        both = trained.pair(
            keras, seed, sequences=sequences, activation=activation, outputs=outputs
        )
        for library, model in zip((nlstm, keras), both):
            model.compile(library.optimizers.SGD(0.125), loss, metrics=["accuracy"])
        with parity.configuration("compile with crossentropy") as agree:
            compare_evaluations(agree, both, x, y)
            compare_fits(agree, both, x, y)

    run()
