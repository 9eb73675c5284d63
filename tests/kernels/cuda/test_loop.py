"""The loop on the device: launches, orders, programs and their graphs, data that do not fit."""

import gc
import sys
import weakref

import numpy as np
import pytest

import nlstm
from nlstm import Sequential, callbacks, optimizers, set_random_seed
from nlstm.kernels.cuda import arrays, cells, copies, launch, programs
from nlstm.kernels.cuda.programs import Program, Queued
from nlstm.layers import LSTM, Dense
from nlstm.windows import Windows

RNG = np.random.default_rng(0)
T = 3
X, Y = RNG.random((6, T, 2)).astype("float32"), RNG.random((6, 1)).astype("float32")
OPS = nlstm.kernels.load("cuda")


@pytest.fixture(autouse=True)
def on_device():
    with nlstm.device("cuda"):
        yield


@pytest.fixture
def launched(monkeypatch):
    """Give a list that kernels put themselves into as they are launched."""
    found, call = [], launch.Kernel.__call__

    def counted(self, grid, *arguments):
        if not launch.Preparing.on:
            found.append(self)
        call(self, grid, *arguments)

    monkeypatch.setattr(launch.Kernel, "__call__", counted)
    return found


def seed(sequences=False, **options):
    set_random_seed(0)
    layers = [LSTM(3, return_sequences=sequences, input_shape=(T, 2)), Dense(1)]
    model = Sequential(layers, **options)
    model.compile(optimizers.Adam(0.01), "mse")
    return model


def fit(model, **options):
    options = {"batch_size": 4, "epochs": 2, "verbose": 0} | options
    return [*model.fit(X, Y, **options).history.values(), *model.get_weights()]


def same(found, expected):
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=1e-7)


class Marks(callbacks.Callback):
    """Notes how many kernels ran before each batch."""

    def __init__(self, launched):
        self.launched, self.places = launched, []

    def on_train_batch_begin(self, batch, logs=None):
        self.places.append(len(self.launched))


@pytest.mark.parametrize(
    "form, sequences, most", [("whole", True, 16), ("whole", False, 18), ("steps", False, 18)]
)
def test_a_step_is_few_launches(monkeypatch, launched, form, sequences, most):
    if form == "steps":
        monkeypatch.setattr(sys.modules["nlstm.kernels.cuda.lstm"], "is_whole", lambda *of: False)
        most += 2 * T + 1  # one a step each way, and what the first state gets
    marks = Marks(launched)
    fit(seed(sequences), callbacks=[marks], batch_size=2, epochs=1)
    steps = np.diff(marks.places)
    assert 10 < steps[-1] <= most
    assert steps[-1] == steps[-2]


def test_recorded_steps_give_the_same(monkeypatch, launched):
    monkeypatch.setattr(Program, "records", False)
    expected, eager = fit(seed()), len(launched)
    made = []
    monkeypatch.setattr(Program, "records", True)
    monkeypatch.setattr(programs, "Graph", lambda calls: made.append(1) or launch.Graph(calls))
    launched.clear()
    same(fit(seed()), expected)
    assert len(launched) == eager
    # Of each shape the update of the first step, then the whole step, twice.
    assert len(made) == 4


def test_recorded_steps_on_batches_that_come(monkeypatch):
    expected = fit(seed(device="cpu"), shuffle=False, epochs=3)[1:]
    monkeypatch.setattr(Program, "records", True)
    model = seed()
    for _ in range(3):
        for part in (slice(0, 4), slice(4, 6)):
            model.train_on_batch(X[part], Y[part])
    same(model.get_weights(), expected)
    made = []
    monkeypatch.setattr(programs, "Graph", lambda calls: made.append(1) or launch.Graph(calls))
    model.train_on_batch(X[:4], Y[:4])
    assert not made  # the step was recorded before; its data come once


@pytest.mark.parametrize("records", [False, True])
def test_groups_of_batches_and_constraints(monkeypatch, records):
    monkeypatch.setattr(Program, "records", records)

    def model(device):
        set_random_seed(0)
        layers = [LSTM(3, input_shape=(T, 2)), Dense(1, kernel_constraint="non_neg")]
        made = Sequential(layers, device=device)
        rule = optimizers.SGD(0.1, momentum=0.9, gradient_accumulation_steps=2)
        made.compile(rule, "mse", metrics=[lambda y, p: np.abs(y - p).mean()])
        return made

    found, expected = (fit(model(device), batch_size=2, epochs=3) for device in ("cuda", "cpu"))
    same(found, expected)


def test_a_schedule_writes_between_steps(monkeypatch):
    monkeypatch.setattr(Program, "records", True)
    rate = optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
    results = []
    for device in ("cuda", "cpu"):
        model = seed(device=device)
        model.compile(optimizers.SGD(rate), "mse")
        results.append(fit(model))
    same(*results)


def test_nothing_goes_to_the_device_in_a_step(monkeypatch):
    model, pushes = seed(), []
    push = cells.Cell.push
    monkeypatch.setattr(cells.Cell, "push", lambda cell: pushes.append(cell) or push(cell))
    writes, write = [], arrays.DeviceArray.write
    monkeypatch.setattr(
        arrays.DeviceArray, "write", lambda array, host: writes.append(array) or write(array, host)
    )
    for rows in (6, 2, 1):
        fit(model, epochs=1, batch_size=rows)  # binds
    counts = []
    for rows in (6, 2, 1):
        pushes.clear()
        writes.clear()
        fit(model, epochs=1, batch_size=rows)
        counts.append((len(pushes), len(writes)))
    # An order and totals, x and y: for one step as for six.
    assert counts == [(2, 2)] * 3


def test_an_epoch_that_goes_on_somewhere_else():
    results = []
    for device in ("cuda", "cpu"):
        model = seed(device=device)
        results.append(fit(model, steps_per_epoch=1, batch_size=2, epochs=4))
    same(*results)


def test_lengths_are_dealt_alike():
    lengths = np.array([1, 3, 2, 3, 1, 2])
    same(*(fit(seed(device=device), lengths=lengths) for device in ("cuda", "cpu")))


def test_data_that_do_not_fit_are_gathered_on_the_host(monkeypatch):
    expected = fit(seed())
    monkeypatch.setattr("nlstm.kernels.cuda.launch.free_memory", lambda: 0)
    with pytest.warns(RuntimeWarning, match="does not fit in what is free .* of cuda") as said:
        found = fit(seed(), epochs=2)
    same(found, expected)
    assert len(said) == 2  # x and y, once each


@pytest.mark.skipif(not launch.SIMULATED, reason="records calls that launch nothing")
def test_programs_split_at_calls_of_the_host(monkeypatch):
    monkeypatch.setattr(Program, "records", True)
    ran = []
    kernel = Queued(lambda name: launch.recorded(ran.append, name) or ran.append(name))

    def host(name):
        ran.append(name)

    program = Program([(kernel, "a"), (host, "b"), (kernel, "c")], [(kernel, "d"), (kernel, "e")])
    monkeypatch.setattr(programs, "prepare", lambda calls: None)
    for _ in range(3):
        program()
    assert ran == list("abcde") * 3
    assert len(program._pieces) == 3


def test_memory_is_there_before_it_is_recorded():
    """Zeros that a graph writes would be written again by each replay."""
    array = arrays.zeros(3)
    with pytest.raises(RuntimeError, match="first used while a graph is recorded"):
        launch.Graph([(OPS.fill, array, 1.0)])
    assert not launch.Recording.on
    programs.prepare([(OPS.fill, (array, 1.0))])
    graph = launch.Graph([(OPS.add, array, array, array)])
    OPS.fill(array, 1.0)
    for _ in range(2):
        graph.replay()
    assert array.to_host().tolist() == [4.0, 4.0, 4.0]


@pytest.mark.skipif(not launch.SIMULATED, reason="records calls that launch nothing")
def test_what_stands_around_a_branch_is_one_launch_with_it(monkeypatch):
    monkeypatch.setattr(Program, "records", True)
    monkeypatch.setattr(programs, "prepare", lambda calls: None)
    graphs, ran, way = [], [], [0]
    kernel = Queued(lambda name: launch.recorded(ran.append, name) or ran.append(name))

    def graph(calls):
        graphs.append([name for _, name in calls])
        return launch.Graph(calls)

    monkeypatch.setattr(programs, "Graph", graph)
    branch = OPS.branch(lambda: way[0], [(kernel, "b")], [(kernel, "c")])
    program = Program([], [(kernel, "a"), branch, (kernel, "d")])
    for way[0] in (0, 1, 0, 1):
        program()
    assert ran == list("abdacdabdacd")
    assert graphs == [list("abd"), list("acd")]


def test_graphs_go_with_their_plans(monkeypatch):
    monkeypatch.setattr(Program, "records", True)
    graphs = []

    def graph(calls):
        made = launch.Graph(calls)
        graphs.append(weakref.ref(made))
        return made

    monkeypatch.setattr(programs, "Graph", graph)
    model = seed()
    for rows in (3, 2, 1):
        model.train_on_batch(X[:rows], Y[:rows])
        model.train_on_batch(X[:rows], Y[:rows])
    gc.collect()
    assert sum(one() is not None for one in graphs) >= 3
    model.compile("sgd", "mse")
    model.train_on_batch(X[:1], Y[:1])
    gc.collect()
    assert sum(one() is not None for one in graphs) <= 2
    del model
    gc.collect()
    assert not any(one() for one in graphs)


def test_a_host_array_among_arguments_is_refused():
    with pytest.raises(TypeError, match=r"a host array of shape \(3,\) among a kernel's"):
        OPS.add(OPS.zeros(3), np.zeros(3, np.float32), OPS.zeros(3))


def test_pinned_memory_comes_again():
    cell = OPS.cell(np.int64, 1000)
    for number in range(2 * copies.ROOM // 8000):
        cell.host[:] = number
        cell.push()
    cell.host[:] = 0
    cell.pull()
    assert (cell.host == number).all()


def test_a_series_goes_to_the_device_once(monkeypatch):
    series = RNG.random((20, 2)).astype("float32")
    writes, write = [], arrays.DeviceArray.write
    monkeypatch.setattr(
        arrays.DeviceArray, "write", lambda array, host: writes.append(array) or write(array, host)
    )
    found = []
    for device in ("cuda", "cpu"):
        model = seed(device=device)
        windows = Windows(series, T, targets=[0])
        found.append(model.fit(windows, batch_size=5, epochs=2, verbose=0).history["loss"])
    same(found[:1], found[1:])
    assert sum(array.size == series.size for array in writes) == 1
