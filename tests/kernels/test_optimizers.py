"""Optimizer kernels against the reference, and their two forms against each other."""

import numpy as np
import pytest

from nlstm.kernels.cpu.optimizers import gradients as around
from nlstm.kernels.cpu.optimizers.choice import PARALLEL_ELEMENTS, update
from nlstm.kernels.cpu.optimizers.choice import RULES as RULE_FORMS
from nlstm.kernels.cpu.optimizers.chunks import CHUNK
from tests.kernels.schedules import same_bits
from tests.reference import optimizers as reference

TOLERANCE = {"float32": 1e-5, "float64": 1e-13}
STEPS = 5
ADAM = [0.01, 0.8, 0.95, 1e-7]
# rule: reference, settings, moments (None: off; a number: what it begins with)
RULES = {
    "sgd_update": (lambda: reference.SGD(0.1, 0.9, True), [0.1, 0.9, 1.0], [0]),
    "adam_update": (lambda: reference.Adam(*ADAM), ADAM, [0, 0, None]),
    "nadam_update": (lambda: reference.Nadam(*ADAM), ADAM, [0, 0, "product"]),
    "adamax_update": (lambda: reference.Adamax(*ADAM), ADAM, [0, 0]),
    "rmsprop_update": (
        lambda: reference.RMSprop(0.01, 0.8, 0.5, 1e-7, True),
        [0.01, 0.8, 0.5, 1e-7],
        [0, 0, 0],
    ),
    "lion_update": (lambda: reference.Lion(0.01, 0.8, 0.95), [0.01, 0.8, 0.95], [0]),
    "adagrad_update": (lambda: reference.Adagrad(0.01, 0.1, 1e-7), [0.01, 1e-7, 0.0], [0.1]),
    "adadelta_update": (lambda: reference.Adadelta(0.5, 0.8, 1e-7), [0.5, 0.8, 1e-7], [0, 0]),
}

PARALLEL = {
    "sgd_update": "optimizers.descent.sgd_update_parallel",
    "adam_update": "optimizers.adaptive.adam_update_parallel",
    "nadam_update": "optimizers.adaptive.nadam_update_parallel",
    "adamax_update": "optimizers.adaptive.adamax_update_parallel",
    "rmsprop_update": "optimizers.adaptive.rmsprop_update_parallel",
    "lion_update": "optimizers.descent.lion_update_parallel",
    "adagrad_update": "optimizers.descent.adagrad_update_parallel",
    "adadelta_update": "optimizers.descent.adadelta_update_parallel",
}


def arrays(size, dtype):
    rng = np.random.default_rng(3)
    return rng.normal(size=size).astype(dtype), rng.normal(size=(STEPS, size)).astype(dtype)


def moment(kind, like):
    if kind is None:
        return None
    return np.ones(1) if kind == "product" else np.full_like(like, kind)


def run(rule, value, gradients, settings, moments, parallel=False):
    value = value.copy()
    states = [moment(kind, value) for kind in moments]
    step = np.zeros(1, np.int64)
    for gradient in gradients:
        RULE_FORMS[rule][parallel](value, gradient, *states, np.array(settings), step)
    assert step[0] == len(gradients)
    return value


def check(found, rule, value, gradients):
    wanted = value.astype(np.float64)
    for gradient in gradients:
        rule.update(wanted, gradient)
    limit = TOLERANCE[found.dtype.name]
    np.testing.assert_allclose(found, wanted, rtol=limit, atol=limit)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", RULES)
def test_matches_reference(name, dtype):
    rule, settings, moments = RULES[name]
    value, gradients = arrays(33, dtype)
    check(run(name, value, gradients, settings, moments), rule(), value, gradients)


@pytest.mark.parametrize("size", [1, 7, 100])
def test_adam_at_odd_sizes(size):
    value, gradients = arrays(size, "float32")
    found = run("adam_update", value, gradients, ADAM, [0, 0, None])
    check(found, reference.Adam(*ADAM), value, gradients)


def test_amsgrad():
    value, gradients = arrays(33, "float64")
    gradients[2:] *= 0.01
    found = run("adam_update", value, gradients, ADAM, [0, 0, 0])
    check(found, reference.Adam(*ADAM, amsgrad=True), value, gradients)


def test_rmsprop_without_momentum_and_centre():
    value, gradients = arrays(33, "float64")
    found = run("rmsprop_update", value, gradients, [0.01, 0.8, 0.0, 1e-7], [0, None, None])
    check(found, reference.RMSprop(0.01, 0.8), value, gradients)


@pytest.mark.parametrize("momentum, nesterov", [(0.0, False), (0.9, False)])
def test_sgd_of_other_kinds(momentum, nesterov):
    value, gradients = arrays(33, "float32")
    found = run("sgd_update", value, gradients, [0.1, momentum, float(nesterov)], [0])
    check(found, reference.SGD(0.1, momentum, nesterov), value, gradients)


@pytest.mark.parametrize("name", RULES)
def test_the_same_bits_at_any_number_of_threads(name, threads):
    _, settings, moments = RULES[name]
    value, gradients = arrays(3 * CHUNK + 5, "float32")
    wanted = run(name, value, gradients, settings, moments)
    [found] = same_bits(
        threads,
        lambda: [run(name, value, gradients, settings, moments, True)],
        PARALLEL[name],
    )
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("name", RULES)
def test_where_nothing_pulls_nothing_moves(name):
    _, settings, moments = RULES[name]
    value = np.zeros(33, np.float32)
    assert (run(name, value, np.zeros((2, 33), np.float32), settings, moments) == 0).all()


@pytest.mark.parametrize("name", RULE_FORMS)
def test_large_buffers_take_the_parallel_form(name):
    alone, parallel = RULE_FORMS[name]
    assert update(name, PARALLEL_ELEMENTS - 1) is alone
    assert update(name, PARALLEL_ELEMENTS) is parallel


# Around the rules

CHUNKS = np.array([[0, 10, 0], [10, 17, 0], [20, 41, 1]])


def clip(gradient, chunks, limit, parallel=False):
    numbers = np.zeros(len(chunks)), np.zeros(chunks[:, 2].max() + 1)
    RULE_FORMS["clip_norm"][parallel](gradient, chunks, *numbers, limit)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_norms_are_clipped_parameter_by_parameter(dtype):
    _, (g, *_) = arrays(41, dtype)
    g[20:] *= 0.01
    g[17:20] = 0.0
    found = g.copy()
    clip(found, CHUNKS, 1.5)
    np.testing.assert_allclose(np.linalg.norm(found[:17]), 1.5, rtol=TOLERANCE[dtype])
    np.testing.assert_allclose(found[:17] / found[0], g[:17] / g[0], rtol=10 * TOLERANCE[dtype])
    np.testing.assert_array_equal(found[17:], g[17:])
    whole = CHUNKS * [1, 1, 0]
    found = g.copy()
    clip(found, whole, 1.5)
    wanted = g * 1.5 / np.linalg.norm(g.astype(float))
    np.testing.assert_allclose(found, wanted, rtol=TOLERANCE[dtype])


def test_a_norm_that_is_not_finite_stays_visible():
    for broken in (np.nan, np.inf):
        gradient = np.array([1.0, broken, 2.0])
        clip(gradient, np.array([[0, 3, 0]]), 1.0)
        assert np.isnan(gradient).all()


def test_norms_have_the_same_bits_at_any_number_of_threads(threads):
    _, (g, *_) = arrays(70001, "float32")
    starts = np.arange(0, g.size, 16384)
    chunks = np.stack([starts, np.minimum(starts + 16384, g.size), 0 * starts], axis=1)
    wanted = g.copy()
    clip(wanted, chunks, 0.1)

    def run_parallel():
        found = g.copy()
        clip(found, chunks, 0.1, True)
        return [found]

    [found] = same_bits(threads, run_parallel, "optimizers.gradients.clip_norm_parallel")
    np.testing.assert_array_equal(found, wanted)


def test_values_are_clipped():
    gradient = np.array([-3.0, -0.5, np.nan, 0.0, 7.0], np.float32)
    around.clip_value(gradient, 0.5)
    np.testing.assert_array_equal(gradient, np.float32([-0.5, -0.5, np.nan, 0.0, 0.5]))


def test_decay_leaves_the_others_alone():
    value = np.ones(41)
    around.decay_weights(value, CHUNKS[:2], np.array([0.1, 5.0]), 0.2)
    np.testing.assert_allclose(value[:17], 0.98)
    assert (value[17:] == 1.0).all()


def test_averages():
    average, step = np.full(3, np.nan), np.zeros(1, np.int64)
    average[:] = 5.0
    values = [np.full(3, v) for v in (1.0, 2.0, 4.0)]
    wanted = [1.0, 0.75 * 1.0 + 0.25 * 2.0]
    wanted.append(0.75 * wanted[1] + 0.25 * 4.0)
    for value, mean in zip(values, wanted):
        step += 1
        around.average_weights(average, value, step, 0.75, 3)
        np.testing.assert_allclose(average, mean)
    np.testing.assert_array_equal(values[2], average)  # the third step overwrites
    np.testing.assert_array_equal(values[1], 2.0)


def test_accumulation():
    sums, gradient = np.array([1.0, 2.0]), np.array([4.0, 5.0])
    around.accumulate(gradient, sums, 0.5, False)
    np.testing.assert_array_equal(sums, [5.0, 7.0])
    around.accumulate(gradient, sums, 0.5, True)
    np.testing.assert_array_equal(gradient, [4.5, 6.0])
    assert (sums == 0).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_penalty(dtype):
    value = np.array([-2.0, 0.0, 3.0, 0.0], dtype)
    gradient, total = np.ones(4, dtype), np.array([0.5])
    around.penalty(value[None], value.size, 0.1, 0.01, 0.5, gradient[None], total)
    np.testing.assert_allclose(total[0], 0.5 + 0.5 * (0.1 * 5 + 0.01 * 13))
    wanted = 1 + 0.5 * np.array([-0.1 - 0.04, 0.0, 0.1 + 0.06, 0.0])
    np.testing.assert_allclose(gradient, wanted, rtol=1e-6)
    around.penalty(value[None], value.size, 0.1, 0.0, 1.0, gradient[None][:0], total)
    np.testing.assert_allclose(gradient, wanted, rtol=1e-6)


def test_penalty_looks_at_features_alone():
    value, gradient, total = np.full((3, 4), np.nan), np.zeros((3, 4)), np.zeros(1)
    value[:, :2] = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    around.penalty(value, 2, 1.0, 0.0, 1.0, gradient, total)
    assert total[0] == 21.0
    np.testing.assert_array_equal(gradient, [[1.0, 1.0, 0.0, 0.0]] * 3)
