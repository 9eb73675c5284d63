"""Trained anew on all data: for how long, from where, and that the first model stays as it is."""

import numpy as np
import pytest

import nlstm
from nlstm.callbacks import EarlyStopping, History, LearningRateScheduler
from nlstm.layers import LSTM, Bidirectional, Concatenate, Dense, Dropout, Embedding, Input
from nlstm.models import Model, Sequential
from nlstm.windows import ExpandingSplit, Windows, fit_final

SERIES = np.sin(np.arange(140) / 4.0) + 0.1 * np.random.default_rng(0).normal(size=140)


def windows():
    return Windows(SERIES, 6)


def stack():
    return Sequential([Input((6, 1)), Bidirectional(LSTM(3, dropout=0.2)), Dropout(0.3), Dense(1)])


def graph():
    x = Input((6, 1))
    h = LSTM(3, return_sequences=True)(x)
    return Model(x, Dense(1)(LSTM(2)(h)))


def inside():
    return Sequential([Input((6, 1)), Sequential([LSTM(3), Dropout(0.5)]), Dense(1)])


def compiled(make=stack):
    model = make()
    model.compile("adam", "mse")
    return model


def a_history(values, epochs=None, steps=4, monitor="val_loss"):
    found = History()
    found.history = {"loss": values, monitor: values}
    found.epoch = list(range(len(values))) if epochs is None else epochs
    found.params = {"steps": steps}
    return found


@pytest.mark.parametrize("make", [stack, graph, inside])
@pytest.mark.parametrize("trained", [False, True])
def test_it_begins_where_the_first_began(make, trained):
    """On the same data, the same bits as the first training: weights, dropout and order of rows."""
    model, data = compiled(make), windows()
    first = model.fit(data, epochs=3, verbose=0)
    if trained:
        model.fit(data, epochs=2, verbose=0)
    kept = model.get_weights()
    final = fit_final(model, data, history=a_history([3.0, 2.0, 1.0]), verbose=0)
    assert final.history.history["loss"] == first.history["loss"]
    for one, other in zip(kept, model.get_weights()):
        np.testing.assert_array_equal(one, other)
    assert final is not model and final.history.epoch == [0, 1, 2]
    if not trained:
        for one, other in zip(kept, final.get_weights()):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "values, options, count",
    [
        ([3.0, 1.0, 2.0], {}, 2),
        ([3.0, np.nan, 2.0, np.nan], {}, 3),
        ([3.0, 1.0, 2.0], {"mode": "max"}, 1),
        ([0.1, 0.5, 0.3, 0.5], {"monitor": "val_accuracy"}, 2),
    ],
)
def test_the_best_epoch_counts(values, options, count):
    history = a_history(values, monitor=options.get("monitor", "val_loss"))
    final = fit_final(compiled(), windows(), history=history, verbose=0, **options)
    assert len(final.history.epoch) == count


def test_epochs_of_a_fit_that_went_on_are_counted_from_its_first():
    history = a_history([3.0, 1.0, 2.0], epochs=[4, 5, 6])
    assert len(fit_final(compiled(), windows(), history=history, verbose=0).history.epoch) == 6


def test_several_histories_are_averaged():
    several = [a_history(values) for values in ([1.0, 2.0], [3.0, 2.0, 1.0], 8 * [2.0] + [1.0])]
    for average, count in (("median", 3), ("mean", 4)):
        final = fit_final(
            compiled(), windows(), history=several, average=average, verbose=0, batch_size=134
        )
        assert len(final.history.epoch) == count


def test_updates_may_be_kept_instead_of_epochs():
    """134 windows make 5 steps of 32 an epoch; the first training had 3."""
    history = a_history([2.0] * 9 + [1.0], steps=3)
    for keep, options, count in (
        ("epochs", {}, 10),
        ("updates", {}, 6),
        ("updates", {"batch_size": 134}, 30),
        ("updates", {"steps_per_epoch": 15}, 2),
    ):
        final = fit_final(compiled(), windows(), history=history, keep=keep, verbose=0, **options)
        assert len(final.history.epoch) == count


@pytest.mark.parametrize("in_arrays", [False, True])
def test_epochs_are_searched_over_splits(in_arrays):
    data = windows()
    given = (data.x[:], data.y[:][:, :, 0]) if in_arrays else (data, None)
    split = ExpandingSplit(3, steps=6 if in_arrays else None)
    options = {"epochs": 5, "patience": 1, "verbose": 0, "batch_size": 16}
    model, best = compiled(), []
    for training, test in split.split(given[0]):
        stop = EarlyStopping(patience=1)
        copy = compiled()
        for one, other in zip(copy.design.layers, model.design.layers):
            for a, b in zip((one, *one.inside), (other, *other.inside)):
                a.seeds = b.seeds
        held = data.part(test) if not in_arrays else tuple(one[test] for one in given)
        part = (data.part(training),) if not in_arrays else tuple(one[training] for one in given)
        copy.fit(*part, epochs=5, batch_size=16, validation_data=held, callbacks=[stop], verbose=0)
        best.append(stop.best_epoch + 1)
    final = fit_final(model, *given, cv=split, **options)
    assert len(final.history.epoch) == round(np.median(best))


def test_rows_keep_their_weights_and_lengths():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 6, 1)), rng.normal(size=(40, 1))
    split = ExpandingSplit(2, steps=1)
    weights, lengths = rng.random(40), rng.integers(1, 7, 40)
    rates = []
    final = fit_final(
        compiled(),
        x,
        y,
        cv=split,
        epochs=2,
        verbose=0,
        sample_weight=weights,
        lengths=lengths,
        callbacks=LearningRateScheduler(lambda epoch, rate: rates.append(epoch) or rate),
    )
    count = len(final.history.epoch)
    assert count in (1, 2) and len(rates) == 4 + count  # callbacks serve all


def test_a_function_makes_models():
    made = []

    def build():
        nlstm.set_random_seed(1)
        made.append(compiled())
        return made[-1]

    final = fit_final(build, windows(), cv=ExpandingSplit(2), epochs=1, verbose=0)
    assert final is made[-1] and len(made) == 3


def test_several_inputs_and_outputs():
    a, b = Input((6, 1), name="a"), Input((6, 2), name="b")
    h = Concatenate()([LSTM(2)(a), LSTM(2)(b)])
    model = Model([a, b], [Dense(1, name="p")(h), Dense(1, name="q")(h)])
    model.compile("adam", "mse")
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(30, 6, n)) for n in (1, 2)]
    y = {"p": rng.normal(size=(30, 1)), "q": rng.normal(size=(30, 1))}
    options = {"cv": ExpandingSplit(2, steps=6), "epochs": 2, "keep": "updates", "verbose": 0}
    options["sample_weight"] = None
    first = fit_final(model, x, y, **options)
    by_name = fit_final(model, {"a": x[0], "b": x[1]}, y, **options)
    assert first.history.history == by_name.history.history


def test_tokens():
    model = Sequential([Input((5,), dtype="int32"), Embedding(9, 2), LSTM(2), Dense(1)])
    model.compile("adam", "mse")
    x, y = np.random.default_rng(0).integers(0, 9, (30, 5)), np.zeros((30, 1))
    final = fit_final(model, x, y, history=a_history([1.0]), verbose=0)
    assert len(final.history.epoch) == 1


BY_HAND, ROWS, ONE = ExpandingSplit(2), np.zeros((30, 5)), compiled()


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({}, ValueError, "takes history, or cv .* got neither"),
        ({"history": a_history([1.0]), "cv": ExpandingSplit(2)}, ValueError, "got both"),
        ({"history": 3}, TypeError, "history must be a History, or several; got 3"),
        ({"history": []}, ValueError, "history must be one at least"),
        ({"history": a_history([1.0]), "monitor": "val_x"}, ValueError, "no 'val_x', but loss"),
        ({"history": a_history([1.0], epochs=[0, 1])}, ValueError, "1 values .* for 2 epochs"),
        ({"history": a_history([np.nan])}, ValueError, "NaN for 'val_loss'"),
        ({"history": a_history([1.0]), "average": "x"}, ValueError, "average"),
        ({"history": a_history([1.0]), "keep": "x"}, ValueError, "keep"),
        (
            {"history": a_history([1.0]), "validation_split": 0.1},
            ValueError,
            "without validation_s",
        ),
        ({"cv": 3}, TypeError, "cv must be a splitter"),
        ({"cv": "kfold"}, TypeError, "cv must be a splitter"),
        ({"cv": BY_HAND, "x": ROWS, "y": ROWS[:9, :1]}, ValueError, "y must have 30 rows.* got 9"),
        (
            {"cv": BY_HAND, "x": ROWS, "y": ROWS[:, :1], "sample_weight": np.ones(31)},
            ValueError,
            "sample_weight must have 30 rows, as x has; got 31",
        ),
        (
            {"cv": BY_HAND, "model": lambda: ONE, "epochs": 1, "verbose": 0},
            ValueError,
            "model must make a new model at each call",
        ),
        ({"history": a_history([1.0]), "epochs": 5}, ValueError, "epochs is for cv; .*epochs=5"),
        ({"history": a_history([1.0]), "patience": 100}, ValueError, "patience is for cv"),
        ({"cv": ExpandingSplit(2), "patience": -1}, ValueError, "patience must be at least 0"),
        ({"cv": ExpandingSplit(2), "epochs": 0}, ValueError, "epochs must be at least 1"),
        ({"history": a_history([1.0]), "model": 3}, TypeError, "model must be a compiled model"),
        ({"cv": ExpandingSplit(2), "model": lambda w: w}, TypeError, "without arg.*argument: 'w'"),
        ({"history": a_history([1.0]), "model": stack()}, ValueError, "model must be compiled"),
    ],
)
def test_faults_are_named(options, error, message):
    given = {"model": compiled(), "x": windows(), **options}
    with pytest.raises(error, match=message):
        fit_final(**given)
