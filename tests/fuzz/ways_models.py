"""Ways into a model: predict, evaluate, fit and the rest, with data, weights and lengths."""

import numpy as np

import nlstm
from tests.fuzz import networks
from tests.fuzz.arrays import Given, given
from tests.fuzz.cases import Case, unequal

LOSSES = ("mse", "mae", "huber", "log_cosh", "mse", "mse")
OPTIMIZERS = ("sgd", "adam", "rmsprop", "adamw", "nadam", "adamax", "adagrad", "adadelta", "lion")
ARGUMENTS = (
    "x",
    "y",
    "sample_weight",
    "class_weight",
    "lengths",
    "batch_size",
    "validation",
    "epochs",
    "initial_epoch",
    "inputs",
    "input",
    "steps",
    "A batch",
    "labels",
)
DTYPES = (None, None, None, "float64")


def packed(values, names, c=None):
    """Return arguments for several inputs or outputs as a list, or the only one."""
    return values[0] if len(values) == 1 else list(values)


def inputs_of(arguments, plain):
    return packed([one.pick(plain) for one in arguments], None)


def close(dtype):
    return 1e-9 if dtype == "float64" else 2e-3


def predict(c):
    """Predict: alike for each row alone, for batches of any size, and in float64."""
    again, dtype = c.apart(), c.one(DTYPES)
    make = lambda kind=dtype: networks.model(again(), kind)  # noqa: E731
    drawn = make()
    rows, steps = c.one((1, 2, 3, 5, 17)), c.whole(1, 5)
    x = networks.data_for(c, drawn, rows, steps)
    size = c.one((None, None, 1, 2, 4, 32, 1000))
    door = c.one(("predict", "predict", "predict_on_batch", "call"))
    lengths = _lengths(c, drawn, rows, steps) if door == "predict" else None

    def answer(made, values, measured=None):
        if door == "predict":
            return made.predict(values, size, verbose=0, lengths=measured)
        return made(values) if door == "call" else made.predict_on_batch(values)

    def run(plain):
        measured = None if lengths is None else lengths.pick(plain)
        return answer(make().model, inputs_of(x, plain), measured)

    def check(found):
        if lengths is not None:
            if lengths.story == "plain":
                yield from _truncated(make, x, lengths.plain, found)
            return
        values = [np.asarray(one.plain) for one in x]
        if {len(one) for one in values} != {rows}:
            return
        nlstm.set_random_seed(7)
        made = make()
        alone = [made.model.predict(packed([v[n : n + 1] for v in values], None), verbose=0)
                 for n in range(min(rows, 3))]  # fmt: skip
        parts = [np.concatenate(several) for several in zip(*map(_parts, alone))]
        if where := unequal([one[: len(alone)] for one in found], parts):
            yield f"rows: alone they differ in {where}"
        if "dropout': 0." in drawn.story.replace("dropout': 0.0", ""):
            yield from _drawn(made.model, packed(values, None))
        wide = make("float64").model
        wide.set_weights(made.model.get_weights())
        if where := unequal(found, wide.predict(packed(values, None), verbose=0), close(dtype)):
            yield f"float64: differs in {where}"

    given_ = (*x, *([lengths] if lengths else []))
    return Case(run, (*ARGUMENTS, *drawn.model.input_names), given_,
                f"{door} {drawn.story}", check, finite=drawn.finite)  # fmt: skip


def _drawn(model, values):
    """Give whatever differs in draws with dropout on by the rows that are taken together."""
    draws = [
        _parts(model.predict(values, size, verbose=0, samples=9, seed=1)) for size in (None, 1)
    ]
    if where := unequal(*draws):
        yield f"draws: in other batches they differ in {where}"


def _parts(found):
    if isinstance(found, dict):
        return [found[key] for key in sorted(found)]
    return found if isinstance(found, list) else [found]


def _lengths(c, drawn, rows, steps):
    if len(drawn.inputs) > 1 or not c.chance(25):
        return None
    kind, sample = drawn.inputs[0]
    most = sample[0] if sample[0] is not None else steps
    plain = c.rng().integers(1, max(most, 1) + 1, rows)
    if c.chance(60):
        return Given(plain, "plain")
    return optional(given(c, plain, 100, 1, most))


def _truncated(make, x, lengths, found):
    """Give whatever differs from the rows cut to their lengths, where these decide all."""
    nlstm.set_random_seed(7)
    drawn = make()
    kind, sample = drawn.inputs[0]
    # What looks at every step, masked or not, and what has no mask, as Keras's operators.
    apart = ("Global", "Flatten", "[:, -1]", "Softmax", "* 0.5 + 1")
    if any(word in drawn.story for word in apart):
        return
    if sample[0] is not None or drawn.masked or len(found) != 1 or len(found[0]) != len(lengths):
        return
    value = np.asarray(x[0].plain)
    if value.ndim != len(sample) + 1:
        return
    for n, length in enumerate(lengths[:3]):
        alone = _parts(drawn.model.predict(value[n : n + 1, :length], verbose=0))[0][0]
        whole = found[0][n]
        if whole.ndim == 2 and len(whole) != len(alone):
            whole = whole[:length]
        if "go_backwards" in drawn.story or "Bidirectional" in drawn.story:
            return
        if whole.shape == alone.shape and (where := unequal([whole], [alone], 1e-4)):
            yield f"lengths: row {n} cut to {length} differs in {where}"


def targets_for(c, drawn, rows, steps, percent=35):
    """Return a `Given` for each output, of the shape that the model gives, and the shapes."""
    found = drawn.model.predict(
        inputs_of(networks.data_for(c, drawn, rows, steps, 0), True), verbose=0
    )
    rng = c.rng()
    shapes = [part.shape for part in _parts(found)]
    return [given(c, rng.uniform(0, 1, shape), percent) for shape in shapes], shapes


def weights_for(c, rows, shape, percent=25):
    """Return a `Given` of sample weights or None."""
    if not c.chance(percent):
        return None
    plain = c.rng().uniform(0.1, 2, shape[:2] if len(shape) == 3 and c.chance(50) else (rows,))
    return optional(given(c, plain, 40))


def optional(one):
    """Return a `Given` that may be None as well."""
    one.wrong = None if one.wrong == "None" else one.wrong
    return one


def training(c):
    """Fit, evaluate, train_on_batch, test_on_batch: a fresh model of equal weights agrees."""
    again, dtype = c.apart(), c.one(DTYPES)
    make = lambda kind=dtype: networks.model(again(), kind)  # noqa: E731
    nlstm.set_random_seed(7)
    drawn = make()
    rows, steps = c.one((1, 2, 5, 9)), c.whole(1, 4)
    x = networks.data_for(c, drawn, rows, steps, 20)
    y, shapes = targets_for(c, drawn, rows, steps, 20)
    weight = weights_for(c, rows, shapes[0] if len(y) == 1 else (rows,))
    lengths = _lengths(c, drawn, rows, steps)
    loss, metrics = c.one(LOSSES), c.several(("mae", "mse", "rmse"), 20)
    optimizer = c.one(OPTIMIZERS) if c.rare(60) else "adam"
    door = c.one(("fit", "fit", "fit", "evaluate", "train_on_batch", "test_on_batch"))
    options = _fit_options(c) if door == "fit" else {}
    if door == "evaluate":
        options = {"batch_size": c.one((1, 2, 32)), "verbose": 0}
    arguments = (*x, *y, *(one for one in (weight, lengths) if one is not None))

    def values_of(plain):
        given_ = {"x": inputs_of(x, plain), "y": inputs_of(y, plain)}
        if weight is not None:
            given_["sample_weight"] = weight.pick(plain)
        if lengths is not None:
            given_["lengths"] = lengths.pick(plain)
        return given_

    def run(plain):
        model = make().model
        model.compile(optimizer, loss, metrics=list(metrics))
        before = model.get_weights() if model.built else None
        try:
            found = getattr(model, door)(**values_of(plain), **options)
        except (ValueError, TypeError):
            if before is not None and (where := unequal(before, model.get_weights())):
                raise AssertionError(f"an error changed weights in {where}") from None
            raise
        found = found.history if door == "fit" else found
        return found, model.get_weights(), model.predict(inputs_of(x, True), verbose=0)

    def check(found):
        nlstm.set_random_seed(7)
        other = make()
        count = len(other.model.get_weights())
        size = len(other.model.output_names)
        other.model.set_weights(found[len(found) - size - count : len(found) - size])
        if not other.stateful:
            values = inputs_of(x, True)
            if where := unequal(found[-size:], other.model.predict(values, verbose=0)):
                yield f"weights: a new model with them differs in {where}"
        plain = weight is None and lengths is None and not drawn.masked and not metrics
        regular = "regularizer" not in drawn.story
        if door == "test_on_batch" and loss == "mse" and plain and regular and size == 1:
            p, target = np.float64(found[-1]), np.asarray(y[0].plain, np.float64)
            if p.shape == target.shape:
                wanted = np.mean((p - target) ** 2)
                if not np.isclose(found[0], wanted, 1e-3, 1e-5):
                    yield f"loss: {found[0]} for {wanted}"

    story = f"{door} {optimizer} {loss} {metrics} {options} {drawn.story}"
    names = (*ARGUMENTS, *drawn.model.input_names, *drawn.model.output_names)
    return Case(run, names, arguments, story, check, finite=drawn.finite)


def _fit_options(c):
    options = {"verbose": 0, "epochs": c.whole(1, 2), "batch_size": c.one((1, 2, 3, 32))}
    if c.chance(20):
        options["validation_split"] = c.one((0.0, 0.3, 0.5))
    if c.chance(20):
        options["shuffle"] = False
    if c.chance(8):
        name = c.one(("steps_per_epoch", "initial_epoch", "validation_freq"))
        options[name] = c.one((1, 2, 0, -1, 2.5, None, "a", True))
    return options


CLASSES = (
    ("sparse_categorical_crossentropy", "softmax", ("sparse_categorical_accuracy", "accuracy")),
    ("categorical_crossentropy", "softmax", ("categorical_accuracy", "precision", "recall")),
    ("binary_crossentropy", "sigmoid", ("binary_accuracy", "auc", "accuracy")),
)


def classes(c):
    """Labels of classes, with metrics that index by them, class weights and sample weights."""
    again, dtype = c.apart(), c.one(DTYPES)
    loss, last, known = c.one(CLASSES)
    count = c.one((1, 2, 3, 5)) if last == "sigmoid" else c.one((2, 3, 5))
    make = lambda: networks.chain(again(), dtype, outputs=(count, last))  # noqa: E731
    nlstm.set_random_seed(7)
    drawn = make()
    rows, steps = c.one((1, 2, 5, 9)), c.whole(1, 4)
    x = networks.data_for(c, drawn, rows, steps, 10)
    shape = drawn.model.predict(inputs_of(networks.data_for(c, drawn, rows, steps, 0), True),
                                verbose=0).shape  # fmt: skip
    rng, sparse = c.rng(), loss.startswith("sparse")
    labels = rng.integers(0, count, shape[:-1])
    if sparse:
        plain = labels[..., None] if c.chance(50) else labels
        y = given(c, plain, 50, 0, count - 1)
    else:
        plain = np.eye(count)[labels] if last == "softmax" else rng.integers(0, 2, shape) * 1.0
        y = given(c, plain, 40)
    metrics = c.several(known, 40)
    weights = None
    if c.chance(30):
        keys = c.several((*range(count), float(count - 1), np.int64(0), count + 5, -1, "a"), 25)
        weights = {key: c.one((0.5, 2.0, 0, float("nan"), "b", None)) if c.chance(15) else 1.5
                   for key in keys}  # fmt: skip
    door = c.one(("fit", "evaluate", "train_on_batch"))
    options = {} if door == "train_on_batch" else {"verbose": 0, "batch_size": c.one((1, 4, 32))}
    if door != "evaluate" and weights is not None:
        options["class_weight"] = weights

    def run(plain):
        model = make().model
        model.compile("sgd", loss, metrics=list(metrics))
        found = getattr(model, door)(inputs_of(x, plain), y.pick(plain), **options)
        return (found.history if door == "fit" else found), model.get_weights()

    story = f"{door} {loss} {metrics} {weights} {drawn.story}"
    return Case(run, (*ARGUMENTS, "Metric", *drawn.model.input_names), (*x, y), story, finite=False)
