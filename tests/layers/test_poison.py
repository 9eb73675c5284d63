"""Layers read nothing that they did not write: in buffers of their own, and in a model's arena."""

import numpy as np
import pytest

from nlstm import kernels, layers
from nlstm.plan.arena import Arena
from tests.layers.binding import Bound
from tests.layers.poison import PoisonedPlan, host, poisoned_plan

X = np.random.default_rng(0).normal(size=(9, 5, 3))
MASK = np.random.default_rng(1).random((9, 5)) < 0.7
WHOLE = {"return_sequences": True, "return_state": True}
LAYERS = [
    layers.LSTM(7, **WHOLE),
    layers.LSTM(7, dropout=0.3, recurrent_dropout=0.3, seed=1),
    layers.LSTM(7, num_layers=2, proj_size=3, return_sequences=True),
    layers.LSTM(7, layer_norm=True, go_backwards=True, **WHOLE),
    layers.Bidirectional(layers.LSTM(4, return_sequences=True)),
    layers.SimpleRNN(7, dropout=0.3, recurrent_dropout=0.3, seed=1, **WHOLE),
    layers.TimeDistributed(layers.Dense(1, "tanh")),
    layers.Dense(20, "softmax"),
    layers.LayerNormalization(),
    layers.Masking(),
    layers.GlobalMaxPooling1D(),
    layers.GlobalAveragePooling1D(),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_the_same_bits_in_an_arena_and_without(layer):
    found = []
    for arena in (False, True):
        bound = Bound(layer, X, masks=(MASK,), arena=arena)
        outputs = bound.forward()
        slopes = [np.cos(np.arange(y.size)).reshape(y.shape) for y in outputs]
        inputs, weights = bound.backward(*slopes)
        found.append([*outputs, *inputs, *weights])
    for one, other in zip(*found, strict=True):
        assert np.isfinite(one).all()
        np.testing.assert_array_equal(one, other)


class Careless:
    """It reads scratch that it has not written, or that an earlier call wrote."""

    def __init__(self, writes_before):
        self.writes_before = writes_before

    def bind(self, plan):
        scratch, out = plan.scratch(3), plan.array((3,))
        if self.writes_before:
            plan.call(plan.ops.fill, scratch, 1.0)
        plan.call(plan.ops.copy, out, scratch)
        return out


@pytest.mark.parametrize("arena", [False, True])
@pytest.mark.parametrize("writes_before", [False, True])
def test_the_harness_sees_what_a_careless_layer_reads(writes_before, arena):
    ops = kernels.load(None, "float64")
    counter = ops.zeros(1, np.int64)
    layer = Careless(writes_before)
    plan, out = poisoned_plan(layer.bind, ops, np.dtype("float64"), 3, 1, True, counter, arena)
    plan.run_forward()
    assert np.isnan(host(out)).all()


def test_the_harness_sees_what_is_left_of_the_run_before():
    ops = kernels.load(None, "float64")
    memory = Arena(ops)
    memory.reserve(64)
    plan = PoisonedPlan(ops, memory, ops.dtype, 3, 1, True, ops.zeros(1, np.int64), 0)
    total = plan.array((3,))
    ops.fill(total, 0.0)
    plan.call(ops.add, total, total, total)
    plan.run_forward()
    assert np.isnan(host(total)).all()
