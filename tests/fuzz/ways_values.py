"""Losses and metrics by themselves, beside the references in NumPy."""

import numpy as np

import nlstm
from nlstm import losses, metrics, optimizers
from tests.fuzz.arrays import Given, given
from tests.fuzz.cases import Case
from tests.fuzz.ways_models import optional
from tests.reference import loss_values as reference

# Class, reference of a row's values, what its targets are, outputs for each target.
LOSSES = {
    "MeanSquaredError": (reference.squared, "numbers"),
    "MeanAbsoluteError": (reference.absolute, "numbers"),
    "MeanAbsolutePercentageError": (reference.percentage, "numbers"),
    "MeanSquaredLogarithmicError": (reference.logarithmic, "numbers"),
    "Huber": (reference.huber, "numbers"),
    "LogCosh": (reference.log_cosh, "numbers"),
    "Poisson": (reference.poisson, "numbers"),
    "KLDivergence": (reference.divergence, "shares"),
    "CosineSimilarity": (reference.cosine, "numbers"),
    "Hinge": (reference.hinge, "signs"),
    "SquaredHinge": (reference.squared_hinge, "signs"),
    "CategoricalHinge": (reference.categorical_hinge, "one"),
    "BinaryCrossentropy": (reference.binary, "bits"),
    "BinaryFocalCrossentropy": (reference.binary_focal, "bits"),
    "CategoricalCrossentropy": (reference.categorical, "one"),
    "CategoricalFocalCrossentropy": (reference.categorical_focal, "one"),
    "SparseCategoricalCrossentropy": (reference.sparse, "labels"),
}
METRICS = {
    "labels": ("SparseCategoricalAccuracy", "SparseCategoricalCrossentropy",
               "SparseTopKCategoricalAccuracy"),
    "one": ("CategoricalAccuracy", "TopKCategoricalAccuracy", "Precision", "Recall", "F1Score",
            "AUC", "CategoricalCrossentropy"),
    "bits": ("BinaryAccuracy", "AUC", "Precision", "Recall", "TruePositives", "FalseNegatives",
             "PrecisionAtRecall", "FBetaScore", "BinaryCrossentropy"),
    "numbers": ("MeanSquaredError", "MeanAbsoluteError", "RootMeanSquaredError", "R2Score", "NSE",
                "KGE", "Accuracy", "CosineSimilarity", "Mean", "Sum"),
}  # fmt: skip
NAMES = ("y_true", "y_pred", "sample_weight", "y", "values", "weights", "Metric", "columns",
         "features", "threshold", "k", "beta", "average", "num_thresholds", "recall", "class_id",
         "top_k", "ignore_class", "shape")  # fmt: skip


def values_of(c, kind, shape, count):
    """Return y_true and y_pred as plain arrays, and limits of labels."""
    rng = c.rng()
    p = rng.uniform(0.05, 0.95, (*shape, count))
    if kind in ("one", "labels", "shares"):
        p /= p.sum(axis=-1, keepdims=True)
    labels = rng.integers(0, count, shape)
    y = {
        "one": np.eye(count)[labels],
        "bits": rng.integers(0, 2, p.shape) * 1.0,
        "signs": rng.integers(0, 2, p.shape) * 2.0 - 1.0,
        "shares": p[::-1].copy() if shape else p,
        "labels": labels[..., None] if c.chance(50) else labels,
    }.get(kind)
    y = rng.uniform(0.1, 1, p.shape) if y is None else y
    return y, p.astype(np.float32) if c.chance(50) else p


def pair(c, kind, count, percent=40):
    shape = c.one(((1,), (2,), (5,), (3, 2), (1, 4), (2, 3)))
    y, p = values_of(c, kind, shape, count)
    limits = (0, count - 1) if kind == "labels" else (None, None)
    y, p = given(c, y, percent, *limits), given(c, p, percent // 2)
    weight = None
    if c.chance(35):
        which = c.one((shape, shape[:1], (*shape, 1), (), (1,)))
        weight = optional(given(c, c.rng().uniform(0.1, 2, which), 40))
    # Infinities and NaN in numbers are a user's own: y_true and y_pred are not looked at for them.
    for one in (y, p, weight):
        if one is not None and one.wrong and any(w in one.wrong for w in ("inf", "nan")):
            one.wrong = None
    return y, p, weight, shape


def is_tame(*several):
    """Whether all is plain numbers of the shapes that were drawn."""
    for one in several:
        if one is None:
            continue
        try:
            value = np.asarray(one.plain)
        except ValueError:
            return False
        if value.dtype.kind not in "fiub" or not value.size or not np.isfinite(value).all():
            return False
        if np.abs(value).max() > 1e3:
            return False
    return True


def loss(c):
    """A loss called with arrays, beside the reference in float64; its function gives rows."""
    name = c.one(tuple(LOSSES))
    wanted, kind = LOSSES[name]
    count = c.one((1, 2, 3, 5)) if kind not in ("one", "labels") else c.one((2, 3, 5))
    y, p, weight, shape = pair(c, kind, count)
    kinds = ("sum_over_batch_size", "sum", "mean_with_sample_weight")
    options = {"reduction": c.one(kinds)} if c.chance(25) else {}
    if name == "SparseCategoricalCrossentropy" and c.chance(20):
        options["ignore_class"] = c.one((0, 1, -1, 100, -1e9, 2**40, None))

    def run(plain):
        made = getattr(losses, name)(**options)
        return made(y.pick(plain), p.pick(plain), None if weight is None else weight.pick(plain))

    def check(found):
        if weight is not None or options or not is_tame(y, p):
            return
        target, guess = np.asarray(y.plain, float), np.asarray(p.plain, float)
        columns = 1 if kind == "labels" else count
        if guess.shape != (*shape, count) or target.size != guess.size // count * columns:
            return
        target = target.reshape(*shape, -1)
        expected = np.mean(wanted(target, guess))
        if not np.isclose(found[0], expected, 2e-3, 1e-4, equal_nan=True):
            yield f"value: {found[0]} for {expected}"

    used = tuple(one for one in (y, p, weight) if one is not None)
    story = f"{name} {options} {[one.story for one in used]}"
    whole = np.asarray(p.plain).dtype.kind in "iub" if is_tame(p) else True  # sums may be 0
    return Case(run, NAMES, used, story, check, finite=is_tame(*used) and not whole)


FUNCTIONS = ("mean_squared_error", "mean_absolute_error", "huber", "log_cosh", "poisson", "hinge",
             "cosine_similarity", "kl_divergence", "binary_crossentropy", "categorical_hinge",
             "categorical_crossentropy", "sparse_categorical_crossentropy")  # fmt: skip


def function(c):
    """A loss as a function, which gives a number for each row and step."""
    name = c.one(FUNCTIONS)
    kind = {"s": "labels", "c": "one", "b": "bits"}.get(name[0], "numbers")
    kind = "numbers" if name.startswith("cosine") else kind
    count = c.one((2, 3, 5))
    y, p, _, shape = pair(c, kind, count)

    def run(plain):
        return getattr(losses, name)(y.pick(plain), p.pick(plain))

    return Case(run, NAMES, (y, p), f"{name} {y.story} {p.story}", finite=False)


def metric(c):
    """A metric that is updated several times: with other sizes, wrong labels, weights."""
    kind = c.one(tuple(METRICS))
    name = c.one(METRICS[kind])
    count = c.one((1, 2, 3, 5)) if kind in ("numbers", "bits") else c.one((2, 3, 5))
    updates = []
    for _ in range(c.whole(1, 3)):
        size = count if c.chance(93) else c.one((1, 4, 40))
        updates.append(pair(c, kind, max(size, 2) if kind in ("one", "labels") else size, 15)[:3])
    options = {}
    if name == "PrecisionAtRecall":
        options["recall"] = c.one((0.5, 0.9, 0, 1))
    if "TopK" in name:
        options["k"] = c.one((1, 2, 5, 100, 10**9))
    if name in ("Precision", "Recall") and c.chance(30):
        options[c.one(("top_k", "class_id"))] = c.one((0, 1, 2, 5, 10**8, -1))
    if name == "AUC" and c.chance(30):
        options["num_thresholds"] = c.one((2, 3, 10, 200))
    if name in ("F1Score", "FBetaScore"):
        options["average"] = c.one((None, "micro", "macro", "weighted"))

    def run(plain):
        made, found = getattr(metrics, name)(**options), []
        for y, p, weight in updates:
            given_ = None if weight is None else weight.pick(plain)
            if name in ("Mean", "Sum"):
                made.update_state(y.pick(plain), given_)
            else:
                made.update_state(y.pick(plain), p.pick(plain), given_)
            found.append(made.result())
        return found

    used = tuple(one for update in updates for one in update if one is not None)
    if name in ("Mean", "Sum"):
        used = tuple(one for y, _, weight in updates for one in (y, weight) if one is not None)
    if name.endswith("Accuracy"):
        for y, *_ in updates:
            if y.wrong and y.wrong[-1:].isdigit():
                y.wrong = None  # a class that is none is never right
    story = f"{name} {options} {[one.story for one in used]}"
    return Case(run, (*NAMES, name), used, story, finite=False)


RATES = (0.1, 0, 1, -1, float("nan"), float("inf"), "a", None, [0.1], np.float32(0.01), 1e-300, 2.5,
         True, np.array(0.1), np.array([0.1]), 10**400, 1j)  # fmt: skip
SETTINGS = ("learning_rate", "beta_1", "beta_2", "momentum", "rho", "epsilon", "weight_decay",
            "clipnorm", "clipvalue", "global_clipnorm", "ema_momentum", "use_ema", "nesterov",
            "gradient_accumulation_steps", "ema_overwrite_frequency", "amsgrad",
            "centered")  # fmt: skip
OPTIMIZERS = ("SGD", "Adam", "RMSprop", "AdamW", "Nadam", "Adamax", "Adagrad", "Adadelta", "Lion")


def optimizer(c):
    """An optimizer with settings of any kind, in a step on a small model."""
    name = c.one(OPTIMIZERS)
    options = {key: c.one(RATES) if c.chance(20) else c.one((0.5, 0.9, 0.1))
               for key in c.several(SETTINGS, 6)}  # fmt: skip
    later = c.one((None, 0.5, *RATES)) if c.chance(30) else None

    def run(plain):
        made = getattr(optimizers, name)(**options)
        model = nlstm.Sequential([nlstm.layers.Dense(2, input_shape=(3,))])
        model.compile(made, "mse")
        x, y = np.linspace(-1, 1, 12).reshape(4, 3), np.ones((4, 2))
        found = [model.train_on_batch(x, y)]
        if later is not None:
            made.learning_rate = later
        found.append(model.train_on_batch(x, y))
        return found, model.get_weights()

    names = (*SETTINGS, "rate", "argument", name, "setting", "accumulation")
    story = f"{name} {options} later {later!r}"
    return Case(run, names, (), story, finite=False, kinds=(ValueError, TypeError))


__all__ = ["Given", "function", "loss", "metric", "optimizer"]
