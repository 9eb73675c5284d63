"""A binder by itself: steps that are kept, forgotten, and apart for calls that overlap."""

import numpy as np

from nlstm.arguments.seeds import SeedStream
from nlstm.data.sources import Data, Rows
from nlstm.layers import LSTM, Dense, InputLayer
from nlstm.network.binder import Binder
from nlstm.network.stack import Stack
from nlstm.network.weights import Weights
from nlstm.training.training import Training


def binder_of(*members):
    stack = Stack("tower", "float64")
    for member in (InputLayer((5, 3)), *members):
        stack.add(member)
    network = stack.network("This")
    return Binder(network, Weights(network), network.ops.cell(np.int64, 1))


def training_of(binder, **options):
    arguments = {"optimizer": "sgd", "loss": "mse"} | options
    return Training(SeedStream(1)).compiled(
        binder.network.output_names,
        binder.network.layers,
        arguments["optimizer"],
        arguments["loss"],
        None,
        None,
        None,
    )


def data_of(rows=6, seed=0):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(rows, 5, 3)), rng.normal(size=(rows, 1, 1))
    return Data(((5, 3),), (Rows(x),), (), (Rows(y),), (None,))


def predicted(binder, bench, data):
    step = binder.step(bench, data.rows, data)
    step.take(np.arange(data.rows))
    step.program(binder.network.ops, data)()
    return step.outputs[0].value[0, :, :1].copy()


def test_a_step_is_bound_once_for_a_shape():
    binder, data = binder_of(LSTM(4), Dense(1)), data_of()
    with binder.bench(training_of(binder)) as bench:
        step = binder.step(bench, 6, data)
        assert binder.step(bench, 6, data) is step
        assert binder.step(bench, 4, data) is not step


def test_a_new_training_and_forget_bind_anew():
    binder, data = binder_of(LSTM(4), Dense(1)), data_of()
    training = training_of(binder)
    with binder.bench(training) as bench:
        step = binder.step(bench, 6, data)
        goal = bench.goal(binder.network)
    with binder.bench(training) as again:
        assert again is bench and binder.step(again, 6, data) is step
        assert again.goal(binder.network) is goal
        binder.forget()
        assert binder.step(again, 6, data) is not step
    with binder.bench(training_of(binder)) as again:
        assert again is bench and again.goal(binder.network) is not goal


def test_calls_that_overlap_write_other_memory():
    binder, one, other = binder_of(LSTM(4), Dense(1)), data_of(seed=1), data_of(seed=2)
    training = training_of(binder)
    with binder.bench(training) as first:
        wanted = predicted(binder, first, one)
        kept = binder.step(first, 6, one)
        with binder.bench(training) as second:
            assert second is not first
            predicted(binder, second, other)
        np.testing.assert_array_equal(kept.outputs[0].value[0, :, :1], wanted)


def test_training_updates_after_the_backward_pass():
    binder, data = binder_of(LSTM(4), Dense(1)), data_of()
    training = training_of(binder)
    before = binder.weights.get()
    with binder.bench(training) as bench:
        goal = bench.goal(binder.network)
        for updates in (None, training):
            step = binder.step(bench, 6, data, goal, updates)
            step.take(np.arange(6))
            step.program(binder.network.ops, data)()
            changed = [
                not np.array_equal(one, other)
                for one, other in zip(before, binder.weights.get(), strict=True)
            ]
            assert all(changed) if updates else not any(changed)


def test_bytes_grow_with_the_steps():
    binder = binder_of(LSTM(4), Dense(1))
    sizes = [binder.bytes_of(((steps, 3),), 64, steps) for steps in (64, 128, 192)]
    assert sizes[2] - sizes[1] == sizes[1] - sizes[0] > 0
