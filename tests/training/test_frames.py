"""A frame of pandas or polars wherever a model, a loss or a metric takes an array."""

import numpy as np
import pytest

from nlstm import losses, metrics, utils
from nlstm.layers import LSTM, Dense, Embedding, Input
from nlstm.models import Sequential

RNG = np.random.default_rng(0)
X, Y, WEIGHT = RNG.random((20, 3)), RNG.random((20, 1)), RNG.random(20)
LENGTHS, LABELS = RNG.integers(1, 4, 20), RNG.integers(0, 3, 20)


def of_pandas(array):
    module = pytest.importorskip("pandas")
    if array.ndim == 1:
        return module.Series(array)
    return module.DataFrame({f"c{n}": one for n, one in enumerate(array.T)})


def nullable(array):
    return of_pandas(array).convert_dtypes()


def of_polars(array):
    module = pytest.importorskip("polars")
    if array.ndim == 1:
        return module.Series(array)
    return module.DataFrame({f"c{n}": one for n, one in enumerate(array.T)})


def made(outputs=1, loss="mse"):
    layers = [Input((3, 1)), LSTM(4, seed=1), Dense(outputs, "softmax" if outputs > 1 else None)]
    model = Sequential(layers)
    model.set_weights([np.full(w.shape, 0.1, np.float32) for w in model.get_weights()])
    model.compile("sgd", loss, metrics=["accuracy"] if outputs > 1 else ["mae"])
    return model


def embedded(frame):
    model = Sequential([Input((2,)), Embedding(3, 3, weights=[frame(X[:3])])])
    return model.predict(np.array([[0, 2]]), verbose=0)


def weights(frame):
    model = made()
    model.set_weights([frame(np.full(w.shape, 0.2)) for w in model.get_weights()])
    return model.get_weights()


def metric(frame):
    found = metrics.MeanSquaredError()
    found.update_state(frame(X), frame(X[::-1].copy()), sample_weight=frame(WEIGHT))
    return found.result()


def stepped(frame):
    layers = [Input((None, 3)), LSTM(4, recurrent_initializer="ones", seed=1)]
    stream = Sequential(layers, device="cpu").stream()  # where all streams run
    return stream.step(frame(X[:1])), stream.step(frame(X[0]))


PLACES = {
    "fit": lambda f: (
        made()
        .fit(f(X), f(Y), sample_weight=f(WEIGHT), lengths=f(LENGTHS), shuffle=False, verbose=0)
        .history
    ),
    "fit, one column": lambda f: (
        made()
        .fit(
            f(X),
            f(Y[:, 0]),
            validation_data=(f(X), f(Y), f(WEIGHT)),
            validation_lengths=f(LENGTHS),
            shuffle=False,
            verbose=0,
        )
        .history
    ),
    "fit, classes": lambda f: (
        made(3, "sparse_categorical_crossentropy")
        .fit(f(X), f(LABELS), class_weight={0: 2.0}, shuffle=False, verbose=0)
        .history
    ),
    "fit, batches": lambda f: made().fit([(f(X), f(Y))].__iter__(), verbose=0).history,
    "predict": lambda f: made().predict(f(X), lengths=f(LENGTHS), verbose=0),
    "predict_on_batch": lambda f: made().predict_on_batch(f(X)),
    "call": lambda f: made()(f(X)),
    "evaluate": lambda f: made().evaluate(f(X), f(Y), sample_weight=f(WEIGHT), verbose=0),
    "train_on_batch": lambda f: made().train_on_batch(f(X), f(Y), sample_weight=f(WEIGHT)),
    "test_on_batch": lambda f: made().test_on_batch(f(X), f(Y)),
    "stream": stepped,
    "set_weights": weights,
    "embedding": embedded,
    "loss": lambda f: losses.Huber()(f(X), f(X[::-1].copy()), sample_weight=f(WEIGHT)),
    "loss function": lambda f: losses.mean_squared_error(f(X), f(X[::-1].copy())),
    "metric": metric,
    "to_categorical": lambda f: utils.to_categorical(f(LABELS), 3),
    "normalize": lambda f: utils.normalize(f(X)),
    "pad_sequences": lambda f: utils.pad_sequences([f(WEIGHT), f(WEIGHT[:4])], dtype="float32"),
}


@pytest.mark.parametrize("library", [of_pandas, nullable, of_polars])
@pytest.mark.parametrize("place", PLACES)
def test_a_frame_is_its_array(place, library):
    np.testing.assert_equal(PLACES[place](library), PLACES[place](lambda array: array))


@pytest.mark.parametrize("library", [of_pandas, nullable, of_polars])
def test_what_misses_a_value_is_named(library):
    broken = X.copy()
    broken[4, 1] = np.nan
    with pytest.raises(ValueError, match=r"x is not finite in row 4: x\[4, 1, 0\] is nan"):
        made().predict(library(broken), verbose=0)


def test_columns_of_polars_that_are_no_numbers():
    polars = pytest.importorskip("polars")
    frame, model = of_polars(X), made()
    plain = model.predict(frame, verbose=0)
    mixed = frame.with_columns(polars.col("c1").cast(polars.Decimal(38, 25)))
    np.testing.assert_allclose(model.predict(mixed, verbose=0), plain, rtol=1e-6)
    flags = polars.DataFrame({"a": [True, None], "b": [1, 2], "c": [0.5, 1.0]})
    with pytest.raises(ValueError, match=r"x\[1, 0, 0\] is nan"):
        model.predict(flags, verbose=0)
    days = polars.date_range(polars.date(2024, 1, 1), polars.date(2024, 1, 20), eager=True)
    for column, kind in ((days, "Date"), (["a"] * 20, "String"), ([[1.0]] * 20, "List")):
        wrong = frame.with_columns(polars.Series("c1", column))
        with pytest.raises(TypeError, match=f"x must hold real numbers; column 'c1' has {kind}"):
            model.predict(wrong, verbose=0)
    with pytest.raises(TypeError, match="LazyFrame"):
        model.predict(frame.lazy(), verbose=0)
