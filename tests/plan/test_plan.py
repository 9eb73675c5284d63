"""Plans: fan-out, the arena, and how little is kept."""

import gc
import weakref

import numpy as np

from nlstm import kernels
from nlstm.layers import LSTM, Dense
from nlstm.models import Sequential
from nlstm.plan.cache import PLANS
from nlstm.plan.parameters import ALIGNMENT, ParameterBuffer
from nlstm.plan.plan import Plan, Tensor, run


def test_a_value_with_two_consumers_gets_both_gradients():
    ops, dtype, rows = kernels.load("cpu", "float64"), np.dtype("float64"), 6
    bottom, left, right = Dense(5, "tanh"), Dense(2, use_bias=False), Dense(3, use_bias=False)
    bottom.build(ops, (4,), dtype)
    left.build(ops, (5,), dtype)
    right.build(ops, (5,), dtype)
    ParameterBuffer([*bottom.parameters, *left.parameters, *right.parameters], ops)
    plan = Plan(ops, None, dtype, rows, 1, True, np.zeros(1, np.int64), 10_000)
    rng = np.random.default_rng(0)
    x = Tensor(rng.normal(size=(1, rows, 4)), 4, False)
    h = bottom.bind(plan, x)
    outputs = [left.bind(plan, h), right.bind(plan, h)]
    run(plan.forward)
    slopes = [rng.normal(size=(rows, output.features)) for output in outputs]
    for output, slope in zip(outputs, slopes):
        gradient = plan.input_gradient(output)
        gradient[:] = 0
        gradient[0, :, : output.features] = slope
    run(plan.backward())
    hidden = np.tanh(x.value[0] @ bottom.kernel.get() + bottom.bias.get())
    dh = slopes[0] @ left.kernel.get().T + slopes[1] @ right.kernel.get().T
    wanted = x.value[0].T @ (dh * (1 - hidden**2))
    np.testing.assert_allclose(bottom.kernel.get_gradient(), wanted, atol=1e-12)


def test_a_layer_used_twice_sums_its_gradients_and_an_unused_output_gives_none():
    ops, dtype, rows = kernels.load("cpu", "float64"), np.dtype("float64"), 6
    layer = Dense(3)
    layer.build(ops, (4,), dtype)
    ParameterBuffer(layer.parameters, ops)
    plan = Plan(ops, None, dtype, rows, 1, True, np.zeros(1, np.int64), 10_000)
    rng = np.random.default_rng(0)
    inputs = [Tensor(rng.normal(size=(1, rows, 4)), 4, False) for _ in range(3)]
    outputs = [layer.bind(plan, x) for x in inputs]
    run(plan.forward)
    slopes = [rng.normal(size=(rows, 3)) for _ in range(2)]
    for output, slope in zip(outputs, slopes):
        plan.input_gradient(output)[0, :, :3] = slope
    outputs[2].gradient[:] = np.nan  # nobody uses this one
    run(plan.backward())
    wanted = sum(x.value[0].T @ slope for x, slope in zip(inputs, slopes))
    np.testing.assert_allclose(layer.kernel.get_gradient(), wanted, atol=1e-12)
    np.testing.assert_allclose(layer.bias.get_gradient(), sum(slopes).sum(0), atol=1e-12)


def test_parameters_and_buffers_are_aligned():
    model = Sequential([LSTM(3, input_shape=(4, 2)), Dense(3), Dense(1)])
    model.compile("sgd", "mse")
    model.train_on_batch(np.ones((3, 4, 2)), np.ones((3, 1)))
    for layer in model.layers:
        for parameter in layer.parameters:
            assert parameter.packed.ctypes.data % ALIGNMENT == 0
            assert parameter.gradient.ctypes.data % ALIGNMENT == 0
    with model.binder.bench(model.training) as bench:
        assert bench.plans._arena.block.ctypes.data % ALIGNMENT == 0


def test_padding_stays_zero():
    model = Sequential([LSTM(3, input_shape=(4, 2), return_sequences=True), Dense(3)])
    model.compile("adam", "mse")
    rng = np.random.default_rng(0)
    model.fit(rng.random((20, 4, 2)), rng.random((20, 4, 3)), epochs=3, verbose=0)
    weights = model.binder.weights.homes[0].value.copy()
    model.set_weights(model.get_weights())  # writes every weight, and zeros around them
    np.testing.assert_array_equal(model.binder.weights.homes[0].value, weights)


def test_memory_does_not_grow_with_the_number_of_shapes():
    model = Sequential([LSTM(3, input_shape=(None, 2)), Dense(1)])
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((40, 40, 2)), np.ones((40, 1)))
    with model.binder.bench(model.training) as bench:
        cache = bench.plans
    block = cache._arena.block
    for steps in range(1, 40):
        model.train_on_batch(np.ones((40 - steps, steps, 2)), np.ones((40 - steps, 1)))
        model.predict(np.ones((steps, 40 - steps, 2)))
    assert cache._arena.block is block
    assert len(cache._kept) <= PLANS


def test_old_plans_go_when_the_arena_grows():
    model = Sequential([LSTM(3, input_shape=(None, 2)), Dense(1)])
    x = np.random.default_rng(0).random((6, 9, 2))
    first = model.predict(x)
    with model.binder.bench(model.training) as bench:
        cache = bench.plans
    [old] = cache._kept.values()
    dead = weakref.ref(old)
    del old
    model.predict(np.ones((50, 100, 2)))
    gc.collect()
    assert dead() is None  # else its views keep the old block
    assert len(cache._kept) == 1
    np.testing.assert_array_equal(model.predict(x), first)
