"""Add, Subtract, Multiply, Average, Maximum, Minimum and Concatenate against NumPy."""

import functools

import numpy as np
import pytest

from nlstm import Input, layers
from nlstm.layers import Add, Average, Concatenate, Maximum, Minimum, Multiply, Subtract
from tests.kernels.schedules import same_bits
from tests.layers.binding import Bound
from tests.layers.poison import host

RNG = np.random.default_rng(0)
A, B, C = (RNG.normal(size=(4, 5, 3)) for _ in range(3))
MASK, OTHER = RNG.random((4, 5)) < 0.5, RNG.random((4, 5)) < 0.5
FUNCTIONS = {
    Add: np.add,
    Subtract: np.subtract,
    Multiply: np.multiply,
    Average: np.add,
    Maximum: np.maximum,
    Minimum: np.minimum,
}


@pytest.mark.parametrize("kind", FUNCTIONS)
@pytest.mark.parametrize(
    "inputs",
    [(A, B), (A, B, C), (A, B[:, 0]), (A[:, 0], B[:, 0]), (A, B[..., :1]), (A[:, :1], B, C)],
    ids=["two", "three", "flat", "both flat", "one feature", "one step"],
)
def test_values_and_gradients(inputs, kind):
    if kind is Subtract:
        inputs = inputs[:2]
    bound = Bound(kind(), *inputs)
    full = [x[:, None] if x.ndim < max(one.ndim for one in inputs) else x for x in inputs]
    wanted = functools.reduce(FUNCTIONS[kind], full)
    wanted = wanted / len(inputs) if kind is Average else wanted
    np.testing.assert_allclose(bound.forward()[0], wanted, rtol=1e-14)
    assert bound.shape == wanted.shape[1:]
    bound.check_gradients()


def test_both_sides_may_be_the_same_value():
    bound = Bound(Maximum(), A, A)
    bound.forward()
    slope = np.random.default_rng(1).normal(size=A.shape)
    for dx in bound.backward(slope)[0]:
        np.testing.assert_array_equal(dx, slope / 2)


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_float32_of_odd_width_and_nan_on_several_threads(kind, threads):
    a, b, slope = np.random.default_rng(0).normal(size=(3, 300, 7, 67)).astype(np.float32)
    a[0, 0, 0] = b[1, 1, 1] = np.nan
    wanted = FUNCTIONS[kind](a, b)
    wanted = wanted / np.float32(2) if kind is Average else wanted

    def run():
        bound = Bound(kind(), a, b, dtype="float32", padded=False)
        (y,) = bound.forward()
        return [y, *bound.backward(slope)[0]]

    kernels = "data.merging.forward_parallel", "data.merging.backward_parallel"
    y, da, db = same_bits(threads, run, *kernels)
    np.testing.assert_array_equal(y, wanted)
    slopes = {
        Add: (1, 1),
        Subtract: (1, -1),
        Multiply: (b, a),
        Average: (np.float32(0.5), np.float32(0.5)),
        Maximum: (a > b, b > a),
        Minimum: (a < b, b < a),
    }
    known = ~np.isnan(wanted)
    for found, part in zip((da, db), slopes[kind], strict=True):
        np.testing.assert_array_equal(found[known], (slope * part)[known])


def test_masks():
    bound = Bound(Add(), A, B, masks=(MASK, OTHER))
    bound.forward()
    np.testing.assert_array_equal(host(bound.outputs[0].mask).T, MASK | OTHER)
    assert Bound(Add(), A, B, masks=(MASK, None)).outputs[0].mask is None


@pytest.mark.parametrize(
    "masks",
    [(MASK, MASK), (MASK, OTHER), (MASK, None), (None, OTHER)],
    ids=["same", "both", "first", "second"],
)
@pytest.mark.parametrize("kind", [Multiply, Maximum, Minimum])
def test_masked_steps_leave_the_other_value(kind, masks):
    bound = Bound(kind(), A, B, masks=masks)
    one, other = (np.ones((4, 5), bool) if mask is None else mask for mask in masks)
    wanted = np.where(
        (one & other)[..., None], FUNCTIONS[kind](A, B), np.where(one[..., None], A, B)
    )
    nobody = ~(one | other)
    wanted[nobody] = 0.0 if kind is Multiply else A[nobody]
    np.testing.assert_allclose(bound.forward()[0], wanted, rtol=1e-14)
    bound.check_gradients()


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"add cannot merge shapes \(None, 4, 3\), \(None, 5, 3\)"):
        Add().output_shape((4, 3), (5, 3))
    with pytest.raises(ValueError, match="subtract expects two inputs; got 3"):
        Subtract().output_shape((3,), (3,), (3,))
    with pytest.raises(ValueError, match="add expects two or more inputs; got 1"):
        Add().output_shape((3,))
    assert Add().output_shape((None, 3), (1, 3), (3,)) == (None, 3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("padded", [True, False])
def test_features_side_by_side(padded, dtype):
    bound = Bound(Concatenate(), A, B[..., :1], C, dtype=dtype, padded=padded)
    wanted = np.concatenate([A, B[..., :1], C], axis=-1).astype(dtype)
    assert bound.shape == (5, 7)
    np.testing.assert_array_equal(bound.forward()[0], wanted)
    slope = np.random.default_rng(1).normal(size=wanted.shape).astype(dtype)
    found, _ = bound.backward(slope)
    for one, other in zip(found, np.split(slope, [3, 4], axis=-1)):
        np.testing.assert_array_equal(one, other)


def test_large_features_side_by_side_on_several_threads(threads):
    a, b = np.random.default_rng(0).normal(size=(2, 50, 60, 67))
    slope = np.random.default_rng(1).normal(size=(50, 60, 134))

    def run():
        bound = Bound(Concatenate(), a, b)
        (y,) = bound.forward()
        return [y, *bound.backward(slope)[0]]

    y, da, db = same_bits(threads, run, "data.rearrange.copy_columns_parallel")
    np.testing.assert_array_equal(y, np.concatenate([a, b], axis=-1))
    np.testing.assert_array_equal(np.concatenate([da, db], axis=-1), slope)


def test_steps_one_after_the_other():
    bound = Bound(Concatenate(axis=1), A, B[:, :2], C, masks=(MASK, None, OTHER))
    wanted = np.concatenate([A, B[:, :2], C], axis=1)
    assert bound.shape == (12, 3)
    np.testing.assert_array_equal(bound.forward()[0], wanted)
    ones = np.ones((4, 2), bool)
    np.testing.assert_array_equal(
        host(bound.outputs[0].mask).T, np.concatenate([MASK, ones, OTHER], axis=1)
    )
    slope = np.random.default_rng(1).normal(size=wanted.shape)
    found, _ = bound.backward(slope)
    for one, other in zip(found, np.split(slope, [5, 7], axis=1)):
        np.testing.assert_array_equal(one, other)


def test_concatenated_flat_values():
    bound = Bound(Concatenate(axis=1), A[:, 0], B[:, 0])
    np.testing.assert_array_equal(bound.forward()[0], np.hstack([A[:, 0], B[:, 0]]))


def test_masks_of_concatenated_features():
    bound = Bound(Concatenate(), A, B, masks=(MASK, OTHER))
    bound.forward()
    np.testing.assert_array_equal(host(bound.outputs[0].mask).T, MASK | OTHER)
    assert Bound(Concatenate(), A, B, masks=(None, OTHER)).outputs[0].mask is None


def test_errors_of_concatenate():
    with pytest.raises(ValueError, match=r"differ in axis -1 alone; got \(None, 4, 3\)"):
        Concatenate().output_shape((4, 3), (5, 3))
    with pytest.raises(ValueError, match="concatenate expects inputs of as many axes; got"):
        Concatenate().output_shape((4, 3), (3,))
    with pytest.raises(ValueError, match="axis must be one of"):
        Concatenate(0).output_shape((4, 3), (4, 3))
    with pytest.raises(ValueError, match="axis must be one of"):
        Concatenate(3).output_shape((4, 3), (4, 3))
    with pytest.raises(TypeError, match="axis must be an integer"):
        Concatenate("last")
    assert Concatenate(2).output_shape((None, 3), (4, 2)) == (4, 5)


def test_short_forms():
    x, z = Input((4, 3)), Input((4, 3))
    for name in ("add", "average", "concatenate", "maximum", "minimum", "multiply", "subtract"):
        layer = getattr(layers, name)([x, z], name="made").node.layer
        assert type(layer) is getattr(layers, name.title()) and layer.name == "made"
    assert layers.concatenate([x, z], axis=1).node.layer.axis == 1
