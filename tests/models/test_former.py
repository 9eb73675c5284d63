"""Methods, arguments and log names of Keras 2's models."""

import numpy as np
import pytest

from nlstm import Input, Model, Sequential, layers, set_random_seed
from nlstm.callbacks import EarlyStopping, LambdaCallback
from nlstm.layers import LSTM, Dense
from nlstm.models import former

X = np.random.default_rng(0).normal(size=(12, 4, 2))
CLASSES = np.arange(12) % 3


def model(outputs=3, **compiled):
    set_random_seed(0)
    made = Sequential([LSTM(3, input_shape=(4, 2)), Dense(outputs, "softmax")])
    made.compile(**{"loss": "sparse_categorical_crossentropy"} | compiled)
    return made


def batches():
    while True:
        yield X[:6], CLASSES[:6]
        yield X[6:], CLASSES[6:]


def test_generators_give_what_todays_methods_give():
    old, new = model(), model()
    with pytest.warns(DeprecationWarning, match="fit_generator is now fit") as caught:
        found = old.fit_generator(batches(), 2, 2, 0, validation_data=(X, CLASSES))
    wanted = new.fit(
        batches(), steps_per_epoch=2, epochs=2, validation_data=(X, CLASSES), verbose=0
    )
    assert found.history == wanted.history and len(caught) == 1
    with pytest.warns(DeprecationWarning, match="evaluate_generator"):
        assert old.evaluate_generator(batches(), 2) == new.evaluate(batches(), steps=2, verbose=0)
    with pytest.warns(DeprecationWarning, match="predict_generator"):
        found = old.predict_generator(batches(), 2)
    np.testing.assert_array_equal(found, new.predict(X, verbose=0))


@pytest.mark.parametrize("method", ["fit", "evaluate", "predict"])
def test_workers_have_no_effect_and_other_words_are_errors(method):
    arguments = [X] if method == "predict" else [X, CLASSES]
    call = getattr(model(), method)
    with pytest.warns(DeprecationWarning, match=f"workers of {method} has no effect") as caught:
        call(*arguments, verbose=0, workers=4)
    assert len(caught) == 1 and caught[0].filename == __file__
    with pytest.raises(TypeError, match=rf"{method}\(\) got an unexpected .* 'worker'"):
        call(*arguments, verbose=0, worker=4)


def test_epochs_by_their_first_name():
    with pytest.warns(DeprecationWarning, match="nb_epoch of fit is now called epochs"):
        assert len(model().fit(X, CLASSES, nb_epoch=3, verbose=0).epoch) == 3


def test_classes_and_probabilities():
    made = model()
    wanted = made.predict(X, verbose=0)
    with pytest.warns(DeprecationWarning, match="predict_classes"):
        np.testing.assert_array_equal(made.predict_classes(X), wanted.argmax(-1))
    with pytest.warns(DeprecationWarning, match="predict_proba"):
        np.testing.assert_array_equal(made.predict_proba(X), wanted)


def test_states_of_nested_models_are_reset():
    inner = Sequential([Input((4, 2), 2), LSTM(3, stateful=True)])
    made = Sequential([inner, Dense(1)])
    first = made.predict(X[:2], verbose=0)
    assert (made.predict(X[:2], verbose=0) != first).all()
    with pytest.warns(DeprecationWarning, match="reset_states of a model"):
        made.reset_states()
    np.testing.assert_array_equal(made.predict(X[:2], verbose=0), first)


def test_accuracy_is_found_by_its_former_name():
    seen = []

    def look(epoch, logs):
        assert "acc" not in logs and logs.get("nothing") is None
        seen.append(logs.get("val_acc"))

    watch = EarlyStopping("val_acc", patience=0)
    with pytest.warns(DeprecationWarning, match="'val_acc' in the logs is now called") as caught:
        history = model(metrics=["accuracy"]).fit(
            X, CLASSES, epochs=1, verbose=0, validation_split=0.5,
            callbacks=[LambdaCallback(on_epoch_end=look), watch],
        )  # fmt: skip
        assert history.history["val_acc"] == history.history["val_accuracy"] == seen
    assert len(caught) == 3
    assert "acc" not in history.history
    with pytest.raises(KeyError, match="nothing"):
        history.history["nothing"]
    as_written = model(metrics=["acc"]).fit(X, CLASSES, verbose=0).history
    assert set(as_written) == {"loss", "acc"}


def test_every_method_is_a_models():
    for name in former.__all__:
        assert getattr(Sequential, name) is getattr(former, name)


@pytest.mark.parametrize("mode", ["sum", "mul", "ave", "max", "concat"])
def test_merge_of_keras_1(mode):
    vars(layers).pop("merge", None)  # which is kept after the first import
    with pytest.warns(DeprecationWarning, match="merge is now add, multiply") as caught:
        from nlstm.layers import merge
    assert len(caught) == 1
    today = {"sum": "add", "mul": "multiply", "ave": "average", "max": "maximum"}.get(mode)
    a, b = Input((2,)), Input((2,))
    wanted = getattr(layers, today or "concatenate")([a, b])
    found, other = Model([a, b], merge([a, b], mode=mode)), Model([a, b], wanted)
    data = [X[:, 0], X[:, 1]]
    np.testing.assert_array_equal(found.predict(data, verbose=0), other.predict(data, verbose=0))
    with pytest.raises(ValueError, match="mode must be one of 'sum', .*'concat'; got 'dot'"):
        merge([a, b], mode="dot")


def test_input_and_output_of_a_model():
    x = Input((2,))
    y = Dense(1)(x)
    with pytest.warns(DeprecationWarning, match="put of Model is now called") as caught:
        made = Model(input=x, output=y)
    assert len(caught) == 2 and made.output_shape == (None, 1)


def test_generators_by_place_and_by_name():
    made = model()
    with pytest.warns(DeprecationWarning) as caught:
        history = made.fit_generator(batches(), 2, nb_epoch=2, verbose=0, workers=2)
    assert len(history.epoch) == 2
    said = [str(one.message).split()[0] for one in caught]
    assert said == ["fit_generator", "nb_epoch", "workers"]
    with pytest.warns(DeprecationWarning, match="evaluate_gen"):  # as Keras 2 had it by place
        assert made.evaluate_generator(batches(), 1, None, 10, 1, False, 0)
    cases = (({"epochs": 1, "steps": 1}, "unexpected"), ({"steps_per_epoch": 1}, "twice"))
    for wrong, words in cases:
        with pytest.warns(DeprecationWarning), pytest.raises(TypeError, match=words):
            made.fit_generator(batches(), 2, **wrong)
    for rows in ("samples_per_epoch", "nb_val_samples"):  # Keras 1
        with pytest.warns(DeprecationWarning), pytest.raises(TypeError, match=f"{rows} of fit_gen"):
            made.fit_generator(batches(), epochs=1, **{rows: 8})
