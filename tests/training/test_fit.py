"""compile, fit, evaluate, predict: numbers, order, reproducibility, interrupts."""

import sys
import threading

import numpy as np
import pytest

import nlstm
from nlstm.callbacks import LambdaCallback
from nlstm.layers import LSTM, Dense, Dropout, Input
from nlstm.losses import BinaryCrossentropy
from nlstm.models import Sequential
from nlstm.optimizers import SGD, Adam
from tests.kernels.schedules import lstm_slices, watched
from tests.reference import losses as reference_losses
from tests.reference import optimizers as reference_optimizers

RNG = np.random.default_rng(0)
X = RNG.random((50, 6, 3))
Y = RNG.random((50, 1))


def model_of(*layers, optimizer="adam", loss="mse", seed=0, **options):
    nlstm.set_random_seed(seed)
    model = Sequential(layers or [LSTM(4, return_sequences=True), Dense(1)])
    model.compile(optimizer, loss, **options)
    return model


def trained(**options):
    model = model_of()
    return model, model.fit(X, Y, epochs=3, batch_size=16, verbose=0, **options)


# The job that nlstm was made for, shortened


def test_seed_script_learns():
    np.random.seed(0)
    nlstm.set_random_seed(0)
    model = Sequential(
        [
            LSTM(50, input_shape=(20, 10), return_sequences=True),
            Dense(1, activation="linear"),
        ]
    )
    model.compile(optimizer="adam", loss="mean_squared_error")
    history = model.fit(
        np.random.rand(1000, 20, 10), np.random.rand(1000, 1), epochs=10, batch_size=32, verbose=0
    )
    assert len(history.history["loss"]) == 10
    loss = history.history["loss"]
    assert 0.080 < loss[-1] < 0.092 < loss[0]
    assert model.predict(np.random.rand(200, 20, 10)).shape == (200, 20, 1)


# Numbers


def test_fit_is_the_reference_loop():
    """Two epochs of Adam on a linear model, unshuffled, against plain NumPy."""
    rng = np.random.default_rng(1)
    x, y = rng.random((10, 3)), rng.random((10, 1))
    model = model_of(Input((3,), dtype="float64"), Dense(1), optimizer=Adam(0.1))
    kernel, bias = model.get_weights()
    history = model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)

    parameters = [*kernel[:, 0], *bias]
    rule = reference_optimizers.Adam(0.1)
    for epoch in range(2):
        total = 0.0
        for rows in (slice(0, 4), slice(4, 8), slice(8, 10)):
            p = x[rows] @ np.c_[parameters[:3]] + parameters[3]
            loss, dp = reference_losses.mean_squared_error(y[rows], p)
            total += loss * len(p)
            rule.update(parameters, [*(x[rows].T @ dp)[:, 0], dp.sum()])
        assert history.history["loss"][epoch] == pytest.approx(total / 10, rel=1e-12)
    np.testing.assert_allclose(model.get_weights()[0][:, 0], parameters[:3], rtol=1e-10)


def test_targets_of_one_step_serve_every_step():
    model = model_of()
    wide = np.repeat(Y[:, None], 6, axis=1)
    expected = model.evaluate(X, wide, verbose=0)
    for y in (Y, Y[:, :, None], wide[..., 0]):
        assert model.evaluate(X, y, verbose=0) == expected


def test_evaluate_does_not_depend_on_the_batch_size():
    model = model_of()
    whole = model.evaluate(X, Y, batch_size=50, verbose=0)
    for rows in (1, 7, 49, 1000):
        assert model.evaluate(X, Y, batch_size=rows, verbose=0) == pytest.approx(whole, rel=1e-6)


@pytest.mark.parametrize("last", [True, False])
def test_predict_does_not_depend_on_the_batch_size(last):
    model = model_of(LSTM(5, return_sequences=True), LSTM(4, return_sequences=not last), Dense(2))
    model.build((None, None, 3))
    whole = model.predict(X)
    assert whole.shape == ((50, 2) if last else (50, 6, 2))
    for rows in (1, 7, 50, 1000):
        np.testing.assert_allclose(model.predict(X, batch_size=rows), whole, rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(model.predict_on_batch(X), model.predict(X, batch_size=50))


def test_flat_models():
    rng = np.random.default_rng(1)
    x = rng.random((40, 5))
    y = x[:, :3].argmax(axis=1)  # a bend in the hidden layer is needed for it
    layers = [Dense(8, "tanh"), Dropout(0.1), Dense(3, "softmax")]
    loss = "sparse_categorical_crossentropy"
    model = model_of(*layers, optimizer=Adam(0.03), loss=loss, metrics=["accuracy"])
    history = model.fit(x, y, epochs=60, batch_size=10, verbose=0).history
    assert history["loss"][-1] < 0.3 < 1.0 < history["loss"][0]
    p = model.predict(x)
    assert p.shape == (40, 3)
    _, accuracy = model.evaluate(x, y, verbose=0)
    assert accuracy == np.mean(p.argmax(axis=1) == y)


def test_metrics():
    model = model_of(metrics=["mae", "rmse", "mse"])
    values = model.evaluate(X, Y, verbose=0, return_dict=True)
    error = model.predict(X)[..., 0] - Y
    assert list(values) == ["loss", "mae", "rmse", "mse"]
    assert values["mae"] == pytest.approx(np.abs(error).mean(), rel=1e-5)
    assert values["rmse"] == pytest.approx(np.sqrt((error**2).mean()), rel=1e-5)
    assert values["mse"] == values["loss"] == pytest.approx((error**2).mean(), rel=1e-5)
    assert model.evaluate(X, Y, verbose=0) == list(values.values())


def test_accuracy_follows_the_targets():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, (50, 1))
    model = model_of(LSTM(4), Dense(1, "sigmoid"), loss="bce", metrics="acc")
    found = model.evaluate(X, labels, verbose=0, return_dict=True)["acc"]
    assert found == np.mean((model.predict(X) > 0.5) == labels)
    one_hot = np.eye(3)[rng.integers(0, 3, 50)]
    loss = "categorical_crossentropy"
    model = model_of(LSTM(4), Dense(3, "softmax"), loss=loss, metrics=["accuracy"])
    found = model.evaluate(X, one_hot, verbose=0)[1]
    assert found == np.mean(model.predict(X).argmax(axis=1) == one_hot.argmax(axis=1))


def test_from_logits_is_the_same_as_a_sigmoid():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, (50, 1))
    one = model_of(LSTM(4), Dense(1, "sigmoid"), loss="binary_crossentropy")
    two = model_of(LSTM(4), Dense(1), loss=BinaryCrossentropy(from_logits=True))
    losses = [model.fit(X, labels, epochs=3, verbose=0).history["loss"] for model in (one, two)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


@pytest.mark.parametrize("shape", [(50,), (50, 1), (50, 6)])
def test_sample_weights_divide_by_the_number_of_elements(shape):
    rng = np.random.default_rng(1)
    model, weight = model_of(), rng.random(shape)
    error = (model_predict(model) - Y) ** 2
    wanted = (error * weight.reshape(50, -1)).mean()
    assert model.evaluate(X, Y, sample_weight=weight, verbose=0) == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("rows", [50, 16, 7])
def test_sample_weights_count_in_the_last_batch_too(rows):
    weight = np.random.default_rng(1).random(50)
    model = model_of()
    wanted = (((model_predict(model) - Y) ** 2).mean(axis=1) * weight).mean()
    found = model.evaluate(X, Y, sample_weight=weight, batch_size=rows, verbose=0)
    assert found == pytest.approx(wanted, rel=1e-5)
    weight = (np.arange(50) < 49).astype(float)
    models = [model_of(optimizer=SGD(0.1)) for _ in range(2)]
    for one in models:
        one.build((None, None, 3))
    models[0].fit(X, Y, sample_weight=weight, batch_size=rows, shuffle=False, verbose=0)
    for start in range(0, 50, rows):  # the same, by hand: what a batch's last row adds is nothing
        part = slice(start, min(start + rows, 50))
        y = Y[part].copy()
        y[weight[part] == 0] = 100.0
        models[1].train_on_batch(X[part], y, sample_weight=weight[part])
    for one, other in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(one, other)


def model_predict(model):
    model.build((None, None, 3))
    return model.predict(X)[..., 0]


def test_weights_of_zero_teach_nothing():
    model = model_of(optimizer="sgd")
    model.build((None, None, 3))
    before = model.get_weights()
    model.fit(X, Y, sample_weight=np.zeros(50), verbose=0)
    for one, other in zip(before, model.get_weights()):
        np.testing.assert_array_equal(one, other)


def test_integers_and_lists_are_data():
    model = model_of(Dense(1))
    x, y = np.arange(12).reshape(4, 3), [0, 1, 2, 3]
    assert model.train_on_batch(x, y) > 0
    assert model.predict(x.tolist()).shape == (4, 1)


def test_users_arrays_stay_as_they_were():
    x, y = X.astype(np.float32), Y.astype(np.float32)
    copies = x.copy(), y.copy()
    model = model_of(Dropout(0.5), LSTM(4, dropout=0.5), Dense(1))
    model.fit(x, y, verbose=0)
    np.testing.assert_array_equal(x, copies[0])
    np.testing.assert_array_equal(y, copies[1])


def test_batch_functions():
    model = model_of(optimizer=SGD(0.1))
    first = model.test_on_batch(X, Y)
    assert model.train_on_batch(X, Y) == first
    assert model.test_on_batch(X, Y) < first
    assert model.train_on_batch(X, Y, return_dict=True).keys() == {"loss"}
    assert model.optimizer.iterations == 2


# Validation


def test_validation_split_takes_the_last_rows():
    split, _ = trained(validation_split=0.2)
    given = model_of()
    data = (X[40:], Y[40:])
    history = given.fit(X[:40], Y[:40], epochs=3, batch_size=16, validation_data=data, verbose=0)
    assert split.history.history == history.history
    assert list(history.history) == ["loss", "val_loss"]
    assert history.history["val_loss"][-1] == given.evaluate(*data, batch_size=16, verbose=0)


def test_validation_changes_nothing_in_training():
    plain, validated = trained()[1], trained(validation_data=(X, Y))[1]
    assert plain.history["loss"] == validated.history["loss"]


# Reproducibility


def test_a_seeded_fit_repeats_and_another_seed_differs():
    assert trained()[1].history == trained()[1].history
    other = model_of(seed=1)
    assert other.fit(X, Y, epochs=3, verbose=0).history != trained()[1].history


def test_shuffling_takes_every_row_once():
    model = model_of(Input((1,)), Dense(1, use_bias=False), optimizer=SGD(0.0))
    x = np.arange(10.0)[:, None]
    model.set_weights([np.ones((1, 1))])
    losses = []
    record = LambdaCallback(on_train_batch_end=lambda batch, logs: losses.append(logs["loss"]))
    model.fit(x, np.zeros(10), batch_size=1, epochs=2, callbacks=[record], verbose=0)
    # A running mean of k squares times k, less the one before, is the square of the k-th row.
    sums = [np.array(epoch) * np.arange(1, 11) for epoch in (losses[:10], losses[10:])]
    orders = [np.sqrt(np.round(np.diff(one, prepend=0.0), 3)) for one in sums]
    for order in orders:
        np.testing.assert_allclose(np.sort(order), np.arange(10), atol=1e-3)
    assert not np.allclose(orders[0], orders[1])


def test_the_same_bits_at_any_number_of_threads(threads):
    histories = []
    for count in threads:
        nlstm.set_num_threads(count)
        assert nlstm.get_num_threads() == count
        nlstm.set_random_seed(0)  # before there are layers, which draw seeds
        layers = [LSTM(20, return_sequences=True, dropout=0.2), Dropout(0.1), LSTM(7), Dense(2)]
        model = model_of(*layers)
        x, y = np.random.default_rng(0).random((130, 11, 9)), np.ones((130, 2))
        with watched() as ran:
            history = model.fit(x, y, epochs=2, batch_size=64, verbose=0)
        assert {"lstm.forward.run_forward", "lstm.backward.run_backward"} <= ran
        histories.append((history.history["loss"], [w.tobytes() for w in model.get_weights()]))
    # Rows of the first layer are split: 11 steps of 64 rows.
    assert lstm_slices(11, 64, 9, 20, 2) == (2, 1)
    for one in histories[1:]:
        assert one == histories[0]


def test_two_python_threads_train_two_models():
    def train(seed, found):
        model = Sequential([LSTM(8, seed=seed), Dense(1)], dtype="float32")
        model.compile("adam", "mse")
        model.build((None, None, 3))
        model.set_weights([np.full(w.shape, 0.01 * (seed + 1)) for w in model.get_weights()])
        model.fit(X, Y, epochs=20, shuffle=False, verbose=0)
        found[seed] = model.get_weights()

    alone, together = {}, {}
    for seed in (0, 1):
        train(seed, alone)
    workers = [threading.Thread(target=train, args=(seed, together)) for seed in (0, 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for seed in (0, 1):
        for one, other in zip(alone[seed], together[seed]):
            np.testing.assert_array_equal(one, other)


def test_an_optimizer_keeps_its_moments_when_a_model_is_compiled_again():
    model = model_of()
    model.fit(X, Y, verbose=0)
    model.compile(model.optimizer, "mae")
    steps = model.optimizer.iterations
    model.fit(X, Y, batch_size=50, verbose=0)
    assert model.optimizer.iterations == steps + 1


def test_the_learning_rate_may_change_between_epochs():
    model = model_of(optimizer=SGD(0.1))

    def stop_learning(epoch, logs):
        model.optimizer.learning_rate = 0.0

    freeze = LambdaCallback(on_epoch_end=stop_learning)
    loss = model.fit(X, Y, epochs=4, verbose=0, callbacks=[freeze]).history["loss"]
    assert loss[0] != loss[1]
    assert loss[2] == pytest.approx(loss[3], rel=1e-6)


# History and interrupts


def test_initial_epoch_counts_on():
    _, history = trained(initial_epoch=1)
    assert history.epoch == [1, 2]
    assert history.params == {"epochs": 3, "steps": 4, "verbose": 0}


def interrupt_at(epoch):
    def interrupt(at, logs):
        if at == epoch:
            raise KeyboardInterrupt

    return LambdaCallback(on_epoch_begin=interrupt)


def test_an_interrupt_leaves_the_model_and_the_history_so_far():
    model = model_of()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=9, verbose=0, callbacks=[interrupt_at(2)])
    assert model.history.epoch == [0, 1]
    whole = model_of()
    whole.fit(X, Y, epochs=2, verbose=0)
    for one, other in zip(model.get_weights(), whole.get_weights()):
        np.testing.assert_array_equal(one, other)
    assert len(model.fit(X, Y, epochs=2, verbose=0).epoch) == 2


def test_an_interrupt_inside_a_step_leaves_the_last_whole_step(monkeypatch):
    model = model_of()
    model.fit(X, Y, verbose=0)
    before = model.get_weights()

    def interrupted(*arguments):
        raise KeyboardInterrupt

    with model.binder.bench(model.training) as bench:
        step = next(iter(bench.plans._kept.values()))
    step.calls[-2] = (interrupted, ())  # the last call before the update
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, batch_size=32, shuffle=False, verbose=0)
    for one, other in zip(before, model.get_weights()):
        np.testing.assert_array_equal(one, other)


# A loss that is not finite


def test_a_loss_that_becomes_nan_is_reported_once():
    model = model_of(optimizer=SGD(1e30))
    with pytest.warns(RuntimeWarning, match=r"in epoch \d; the first weights") as caught:
        history = model.fit(X * 100, Y, epochs=4, verbose=0)
    assert len(caught) == 1
    assert not np.isfinite(history.history["loss"][-1])
    assert model.first_non_finite_weights() is not None


# What is shown


def test_verbose_2_prints_a_line_an_epoch(capsys):
    model = model_of()
    model.fit(X, Y, epochs=2, validation_split=0.1, verbose=2)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("Epoch 1/2 - 2 steps - ") and " - loss: " in lines[0]
    assert " - val_loss: " in lines[1]


def test_auto_is_2_in_a_pipe_and_1_does_not_flood_it(capsys):
    for verbose in ("auto", 1):
        model_of().fit(X, Y, epochs=2, batch_size=1, verbose=verbose)
        assert len(capsys.readouterr().out.splitlines()) == 2


def test_verbose_0_and_predict_print_nothing(capsys):
    model = trained()[0]
    model.predict(X)
    model.evaluate(X, Y, verbose=0)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


@pytest.mark.parametrize("first_seconds", [0.0, 100.0], ids=["drawn on the way", "at the end"])
def test_a_terminal_sees_a_bar_an_epoch(first_seconds, monkeypatch, capsys):
    from nlstm.training import progress

    monkeypatch.setattr(progress, "is_live", lambda: True)
    monkeypatch.setattr(progress, "FIRST_SECONDS", first_seconds)
    monkeypatch.setattr(progress, "SECONDS_PER_UPDATE", 0.0)
    model_of().fit(X, Y, epochs=1, batch_size=5, verbose=1)
    out = capsys.readouterr().out
    last = out.rstrip("\n").replace("\r", "\n").splitlines()[-1]
    assert last.startswith("Epoch 1/1 - 10 steps - ") and " - loss: " in last
    assert ("9/10 ━" in out) == (first_seconds == 0.0)


def test_a_bar_is_closed_by_an_interrupt(monkeypatch, capsys):
    from nlstm.training import progress

    monkeypatch.setattr(progress, "is_live", lambda: True)
    monkeypatch.setattr(progress, "FIRST_SECONDS", 0.0)
    closed = []
    monkeypatch.setattr(progress.Progress, "_close", lambda self, leave: closed.append(leave))
    with pytest.raises(KeyboardInterrupt):
        model_of().fit(X, Y, epochs=3, verbose=1, callbacks=[interrupt_at(1)])
    assert closed == [False, True]  # the end of epoch 1, and the interrupt
    capsys.readouterr()


def test_import_compiles_nothing_and_loads_no_leaf():
    import subprocess

    leaves = "{'numba', 'tqdm', 'safetensors'}"
    code = f"import sys, nlstm; print(sorted({leaves} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_class_weights_are_for_training_alone():
    """As Keras: rows that validation_split holds back are weighed by nothing."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 4, 2)), rng.integers(0, 2, 20)
    model = Sequential([LSTM(3, input_shape=(4, 2)), Dense(2, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    options = {"epochs": 1, "verbose": 0, "class_weight": {0: 5.0, 1: 0.1}}
    history = model.fit(x, y, validation_split=0.5, **options).history
    held = model.evaluate(x[10:], y[10:], verbose=0)
    assert history["val_loss"][0] == pytest.approx(held)
