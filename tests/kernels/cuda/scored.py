"""Losses, metrics, and what stands around an update, on a few numbers; see `operations`."""

from functools import partial

import numpy as np

from tests.kernels.cuda.cases import CASES, case
from tests.kernels.cuda.side import Side

ALL_LOSSES = (
    "mean_squared_error mean_absolute_error huber mean_absolute_percentage_error "
    "mean_squared_logarithmic_error log_cosh poisson hinge squared_hinge binary_accuracy accuracy "
    "cosine_similarity kl_divergence categorical_hinge categorical_accuracy "
    "top_k_categorical_accuracy quantile gaussian_nll student_t_nll nse"
).split()
for _start in ("binary", "categorical", "sparse_categorical"):
    ALL_LOSSES += [f"{_start}_crossentropy", f"{_start}_crossentropy_from_logits"]
ALL_LOSSES += ["binary_crossentropy_from_sigmoid", "categorical_crossentropy_from_softmax"]
ALL_LOSSES += ["sparse_categorical_crossentropy_from_softmax", "sparse_categorical_accuracy"]
ALL_LOSSES += ["sparse_top_k_categorical_accuracy"]
for _start in ("binary", "categorical"):
    ALL_LOSSES += [f"{_start}_focal_crossentropy", f"{_start}_focal_crossentropy_from_logits"]
SETTINGS = {
    "binary_accuracy": (0.5,),
    "huber": (0.3,),
    "quantile": (0.1, 0.5, 0.9),
    "nse": (0.1,),
    "top_k_categorical_accuracy": (2.0,),
    "sparse_top_k_categorical_accuracy": (2.0,),
}
OUTPUTS_A_TARGET = {"quantile": 3, "gaussian_nll": 2, "student_t_nll": 3}
STEPS = 3


def _loss(
    s: Side, name, T=4, N=3, features=5, reduction="mean", weighted=True, sloped=True, Ty=None
):
    sparse = name.startswith("sparse")
    per = OUTPUTS_A_TARGET.get(name, 1)
    p = s.rng.uniform(0.05, 0.95, (T, N, features * per))
    if name.endswith(("logits", "nll")):
        p = 3 * p - 1
    if name.endswith("softmax") or name.startswith("categorical") and "logits" not in name:
        p = p / p.sum(-1, keepdims=True)
    y = s.rng.uniform(0.0, 1.0, (Ty or T, N, features))
    if "accuracy" in name or "hinge" in name:
        y = s.rng.integers(0, 2, y.shape)
    if name == "nse":  # how far each target spreads comes along
        y = np.concatenate([y, y], axis=-1)
    if sparse:
        y = s.rng.integers(0, features, (Ty or T, N, 1))
    default = (1.0, 0.0, np.nan, 0.0, 0.0) if "crossentropy" in name else (0.5,)
    function = s.ops.loss(name, SETTINGS.get(name, default), reduction)
    weight = s.exact(s.rng.uniform(0, 2, (T, N, 1)), s.dtype) if weighted else None
    dp, total = s.out(*p.shape) if sloped else None, s.exact([0.5, 7.0], np.float64)
    target = s.exact(y, s.dtype)
    function(target, s.given(p.astype(s.dtype)), p.shape[2], weight, dp, total)
    return {"total": s.host(total)} | ({"dp": s.host(dp, p.shape[2])} if sloped else {})


for _name in ALL_LOSSES:
    _sloped = "accuracy" not in _name
    CASES[f"loss {_name}"] = partial(_loss, name=_name, sloped=_sloped)
for _reduction in ("sum", "mean_with_sample_weight", "metric"):
    CASES[f"loss by {_reduction}"] = partial(
        _loss, name="mean_squared_error", reduction=_reduction, sloped=_reduction != "metric"
    )
CASES["loss without weights"] = partial(_loss, name="mean_absolute_error", weighted=False, Ty=1)


@case("confusion", only=-1, top=0, by_label=False)
@case("confusion by label", only=-1, top=2, by_label=True, weighted=True)
@case("confusion of one", only=1, top=0, by_label=False, even=False)
def confusion(s: Side, only, top, by_label, even=True, weighted=False):
    thresholds = np.linspace(0, 1, 5) if even else np.array([0.1, 0.5, 0.6])
    function = s.ops.statistic("confusion", thresholds, even, only, top, by_label)
    total = s.exact(np.zeros(2 * (len(thresholds) + 1) * (3 if by_label else 1)), np.float64)
    return _statistic(s, function, total, weighted)


@case("f scores", name="f_scores", constants=(0.5,), size=12)
@case("f scores of the largest", name="f_scores", constants=(np.nan,), size=12, weighted=True)
@case("moments", name="moments", constants=(), size=22, weighted=True)
def statistic(s: Side, name, constants, size, weighted=False):
    total = s.exact(np.zeros(size), np.float64)
    return _statistic(s, s.ops.statistic(name, *constants), total, weighted)


def _statistic(s, function, total, weighted):
    y, p = s.exact(s.rng.integers(0, 2, (4, 3, 3)), s.dtype), s.given(
        s.rng.uniform(0, 1, (4, 3, 3)).astype(s.dtype)
    )  # fmt: skip
    weight = s.exact(s.rng.uniform(0, 2, (4, 3, 1)), s.dtype) if weighted else None
    function(y, p, 3, weight, None, total)
    return {"total": s.host(total)}


@case()
def weights_of_classes(s: Side):
    y, weight = (
        s.exact(s.rng.integers(0, 3, (4, 3, 1)), s.dtype),
        s.exact(np.abs(s.normal(4, 3, 1))),
    )
    found = {}
    for scaled in (False, True):
        for given in (None, weight):
            out = s.exact(np.zeros((4, 3, 1)), s.dtype)
            s.ops.class_weights(y, s.dtype.type(1), given, scaled, out)
            found[f"{scaled} {given is None}"] = s.host(out)
    total = s.exact([1.0, 2.0], np.float64)
    s.ops.count_penalty(s.exact([0.25], np.float64), 3, total)
    return found | {"total": s.host(total)}


ADAM = [0.01, 0.8, 0.95, 1e-7]
RULES = {
    "sgd": ("sgd_update", [0.1, 0.0, 0.0], [()]),
    "momentum": ("sgd_update", [0.1, 0.9, 0.0], [0]),
    "nesterov": ("sgd_update", [0.1, 0.9, 1.0], [0]),
    "adam": ("adam_update", ADAM, [0, 0, None]),
    "amsgrad": ("adam_update", ADAM, [0, 0, 0]),
    "nadam": ("nadam_update", ADAM, [0, 0, "product"]),
    "adamax": ("adamax_update", ADAM, [0, 0]),
    "rmsprop": ("rmsprop_update", [0.01, 0.8, 0.0, 1e-7], [0, None, None]),
    "rmsprop momentum": ("rmsprop_update", [0.01, 0.8, 0.5, 1e-7], [0, 0, None]),
    "rmsprop centered": ("rmsprop_update", [0.01, 0.8, 0.0, 1e-7], [0, None, 0]),
    "rmsprop both": ("rmsprop_update", [0.01, 0.8, 0.5, 1e-7], [0, 0, 0]),
    "lion": ("lion_update", [0.01, 0.8, 0.95], [0]),
    "adagrad": ("adagrad_update", [0.01, 1e-7, 0.0], [0.1]),
    "adadelta": ("adadelta_update", [0.5, 0.8, 1e-7], [0, 0]),
}


def _rule(s: Side, rule, settings, moments):
    size = 13
    made = {"product": lambda: s.exact([1.0], np.float64), (): lambda: s.exact([], s.dtype)}
    value, step = s.exact(s.normal(size)), s.exact([0], np.int64)
    states = [
        None if kind is None
        else made[kind]() if kind in made
        else s.exact(np.full(size, kind), s.dtype)
        for kind in moments
    ]  # fmt: skip
    update, settings = s.ops.update(rule, size), s.exact(settings, np.float64)
    for _ in range(STEPS):
        update(value, s.exact(s.normal(size)), *states, settings, step)
    kept = {f"state {k}": s.host(one) for k, one in enumerate(states) if one is not None}
    return {"value": s.host(value), "step": s.host(step)} | kept


for _name, _given in RULES.items():
    CASES[f"rule {_name}"] = partial(_rule, rule=_given[0], settings=_given[1], moments=_given[2])


@case()
def gradients(s: Side):
    chunks = s.exact([[0, 4, 0], [4, 9, 1], [9, 13, 1]], np.int64)
    gradient, value = s.exact(s.normal(13)), s.exact(s.normal(13))
    partial_sums, scales = (s.exact(np.zeros(n), np.float64) for n in (3, 2))
    s.ops.update("clip_norm", 13)(gradient, chunks, partial_sums, scales, 1.5)
    found = {"clipped": s.host(gradient), "scales": s.host(scales)}
    s.ops.clip_value(gradient, 0.2)
    found["bounded"] = s.host(gradient)
    s.ops.decay_weights(value, chunks[1:], s.exact([0.1, 9.0], np.float64), 0.3)
    found["decayed"] = s.host(value)
    sums, average = s.exact(s.normal(13)), s.exact(s.normal(13))
    for last in (False, True):
        s.ops.accumulate(gradient, sums, s.dtype.type(0.5), last)
        found |= {f"gradient {last}": s.host(gradient), f"sums {last}": s.host(sums)}
    for step, every in ((1, 0), (2, 0), (4, 2)):
        counter = s.exact([step], np.int64)
        s.ops.average_weights(average, value, counter, s.dtype.type(0.9), every)
        found[f"average {step}"] = s.host(average)
    return found | {"value": s.host(value)}


@case("penalty", l1=0.1, l2=0.2)
@case("penalty of squares", l1=0.0, l2=0.2, sloped=False)
def penalised(s: Side, l1, l2, sloped=True):
    value, total = s.drawn(4, 3), s.exact([0.5, 0.0], np.float64)
    gradient = s.drawn(4, 3)
    s.ops.penalty(value, 3, l1, l2, 0.5, gradient if sloped else gradient[:0], total)
    return {"total": s.host(total), "gradient": s.host(gradient, 3)}
