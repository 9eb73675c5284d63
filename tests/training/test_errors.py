"""What is wrong is said in one sentence: what came, what was expected. And nothing has changed."""

import numpy as np
import pytest

import nlstm
from nlstm.activations import get as activation
from nlstm.initializers import Orthogonal, VarianceScaling
from nlstm.layers import LSTM, Dense, Dropout, Input
from nlstm.models import Sequential
from nlstm.optimizers import SGD, Adam

RNG = np.random.default_rng(0)
X = RNG.random((10, 5, 3))
Y = RNG.random((10, 1))


def sequences(**options):
    model = Sequential([LSTM(4, **options), Dense(1)])
    model.compile("adam", "mse")
    return model


def built():
    return sequences(input_shape=(None, 3))


def says(kind, text):
    """Match the whole of a message, given as plain text."""
    import re

    return pytest.raises(kind, match=f"^{re.escape(text)}$")


# Shape of x


@pytest.mark.parametrize("model_of", [sequences, built])
@pytest.mark.parametrize(
    "x, hint",
    [
        (np.ones((1000, 20)), "the features axis is missing. x[..., None] adds one."),
        (np.ones(20), "the batch and features axes are missing. x[None, :, None] adds both."),
        (np.ones((4, 4, 4, 4)), "4 axes, 1 too many."),
    ],
)
def test_wrong_rank(model_of, x, hint):
    model = model_of()
    text = f"lstm expects x of shape (batch, steps, features); got {x.shape}: {hint}"
    with says(ValueError, text):
        model.fit(x, np.ones(len(x)), verbose=0)


def test_a_single_sample_misses_its_batch_axis():
    model = sequences(input_shape=(5, 3))
    text = "lstm expects x of shape (batch, steps, features); got (5, 3): "
    with says(ValueError, text + "the batch axis is missing. x[None] adds one."):
        model.predict(X[0])


def test_wrong_rank_for_a_flat_model():
    model = Sequential([Dense(1, input_shape=(3,))])
    text = "dense expects x of shape (batch, features); got (10, 5, 3): 3 axes, 1 too many."
    with says(ValueError, text):
        model.predict(X)


def test_wrong_number_of_features():
    with says(ValueError, "lstm expects 3 features; x of shape (10, 5, 4) has 4."):
        built().predict(np.ones((10, 5, 4)))


def test_wrong_number_of_steps():
    text = (
        "lstm was built for 5 steps; x of shape (10, 6, 3) has 6. "
        "input_shape=(None, 3) takes any number."
    )
    with says(ValueError, text):
        sequences(input_shape=(5, 3)).predict(np.ones((10, 6, 3)))


@pytest.mark.parametrize("shape", [(0, 5, 3), (10, 0, 3)])
def test_empty_data(shape):
    with says(ValueError, f"x is empty: its shape is {shape}."):
        built().fit(np.ones(shape), np.ones((shape[0], 1)), verbose=0)


# y and sample_weight


def test_unlike_lengths():
    with says(ValueError, "x has 10 rows, but y has 9."):
        built().fit(X, Y[:9], verbose=0)
    with says(ValueError, "x has 10 rows, but y is a single number."):
        built().fit(X, 3.0, verbose=0)


@pytest.mark.parametrize("shape", [(10, 2), (10, 5, 1), (10, 5), (10, 1, 1, 1)])
def test_targets_that_do_not_fit(shape):
    text = f"y of shape {shape} does not fit outputs of shape (10, 1); expected y of shape (10, 1)."
    steps = " The outputs have no steps: return_sequences=True in the last LSTM gives them."
    with says(ValueError, text + (steps if len(shape) == 3 else "")):
        built().fit(X, np.ones(shape), verbose=0)


@pytest.mark.parametrize("shape", [(10,), (10, 4), (10, 4, 2), (10, 2), (10, 5, 3)])
def test_targets_that_do_not_fit_sequences(shape):
    model = Sequential([LSTM(4, return_sequences=True), Dense(2)])
    model.compile("adam", "mse")
    text = (
        f"y of shape {shape} does not fit outputs of shape (10, 5, 2); "
        "expected y of shape (10, 5, 2)."
    )
    with says(ValueError, text):
        model.fit(X, np.ones(shape), verbose=0)


CLASSES = "The model has 3 outputs, one for each class."


@pytest.mark.parametrize(
    "labels, text",
    [
        ([0, 1, 3] + [0] * 7, f"y must lie in 0 to 2; row 2 has 3. {CLASSES}"),
        ([0, -1] + [0] * 8, f"y must lie in 0 to 2; row 1 has -1. {CLASSES}"),
        ([0.5] + [0] * 9, "y must hold class indices, which are whole numbers; row 0 does not."),
    ],
)
def test_labels_out_of_range(labels, text):
    model = Sequential([LSTM(4), Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    with says(ValueError, text):
        model.fit(X, labels, verbose=0)
    assert not model.built


def test_one_hot_targets_for_a_sparse_loss():
    model = Sequential([LSTM(4), Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    text = (
        "y of shape (10, 3) does not fit outputs of shape (10, 3); "
        "expected y of class indices of shape (10, 1). "
        "One-hot rows are for categorical_crossentropy."
    )
    with says(ValueError, text):
        model.fit(X, np.ones((10, 3)), verbose=0)


def test_binary_labels_of_minus_one():
    model = Sequential([LSTM(4), Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy")
    with says(ValueError, "y must lie in 0 to 1; row 0 has -1."):
        model.fit(X, [-1, 1] * 5, verbose=0)


def test_sample_weight_of_another_shape():
    with says(ValueError, "sample_weight has shape (9,); expected (10,)."):
        built().fit(X, Y, sample_weight=np.ones(9), verbose=0)


# Values


@pytest.mark.parametrize(
    "value, word",
    [
        (np.nan, "nan. Fill such values in, or leave their rows out"),
        (np.inf, "inf"),
        (-np.inf, "-inf"),
    ],
)
def test_values_that_are_not_finite(value, word):
    x, y = X.copy(), Y.copy()
    x[7, 2, 1] = value
    with says(ValueError, f"x is not finite in row 7: x[7, 2, 1] is {word}."):
        built().fit(x, Y, verbose=0)
    with says(ValueError, f"x is not finite in row 7: x[7, 2, 1] is {word}."):
        built().predict(x)
    y[3] = value
    weighed = " sample_weight of 0 keeps what was filled in out of the loss." * bool(
        np.isnan(value)
    )
    with says(ValueError, f"y is not finite in row 3: y[3, 0] is {word}.{weighed}"):
        built().fit(X, y, verbose=0)


def test_values_too_large_for_float32():
    with says(ValueError, "x is too large for float32 in row 0: x[0, 0, 0] is 1e+300."):
        built().predict(np.full((1, 5, 3), 1e300))


@pytest.mark.parametrize(
    "x, text",
    [
        ([["a"]], "x must hold real numbers; got dtype <U1, with 'a' in it."),
        (np.ones((1, 5, 3), complex), "x must hold real numbers; got dtype complex128."),
        (np.full((1, 5, 3), None), "x must hold real numbers; got dtype object, with None in it."),
        (
            np.array([np.ones((2, 3)), np.ones((4, 3))], object),
            "x must hold real numbers; got dtype object of sequences (nlstm.utils.pad_sequences "
            "fills them up, with padding='post' and dtype='float32', and lengths= says where they "
            "end).",
        ),
        (iter([{1}]), "x must be an array of numbers; got set."),
        ({"lstm": {"a": 1}}, "x must be an array of numbers; got dict."),
    ],
)
def test_things_that_are_no_numbers(x, text):
    with says(TypeError, text):
        built().predict(x)


def test_an_empty_dict():
    with says(ValueError, "x is a dict of nothing; expected 'lstm' in it."):
        built().predict({})


def test_ragged_lists():
    with pytest.raises(ValueError, match="x is no array: its rows are of unlike length"):
        built().predict([[[1.0]], [[1.0], [2.0]]])


def test_errors_in_validation_data_say_so():
    with says(ValueError, "In validation_data: x has 10 rows, but y has 9."):
        built().fit(X, Y, validation_data=(X, Y[:9]), verbose=0)
    with says(ValueError, "validation_data must be (x, y) or (x, y, sample_weight)."):
        built().fit(X, Y, validation_data=X, verbose=0)


# Names


@pytest.mark.parametrize(
    "call, text",
    [
        (
            lambda: sequences().compile("adm", "mse"),
            "Unknown optimizer 'adm': did you mean 'adam' or ",
        ),
        (
            lambda: sequences().compile("adam", "mean_sqared_error"),
            "Unknown loss 'mean_sqared_error': did you mean 'mean_squared_error'",
        ),
        (
            lambda: sequences().compile("adam", "mse", metrics=["acuracy"]),
            "Unknown metric 'acuracy': did you mean 'accuracy'",
        ),
        (lambda: LSTM(3, "tan"), "Unknown activation of LSTM 'tan': did you mean 'tanh'"),
        (
            lambda: Dense(3, "sofmax"),
            "Unknown activation of Dense 'sofmax': did you mean 'softmax'",
        ),
        (
            lambda: Dense(3, kernel_initializer="glorot"),
            "Unknown initializer 'glorot': did you mean",
        ),
        (lambda: activation("xyzzy"), "Unknown activation 'xyzzy': known are 'elu', "),
    ],
)
def test_unknown_names(call, text):
    with pytest.raises(ValueError) as caught:
        call()
    assert str(caught.value).startswith(text)


def test_an_unknown_name_leaves_the_last_compile_in_place():
    model = built()
    optimizer, loss = model.optimizer, model.loss
    with pytest.raises(ValueError):
        model.compile("sgd", "nothing")
    assert model.optimizer is optimizer
    assert model.loss is loss


# Arguments


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda: LSTM(0), "units must be a positive integer; got 0."),
        (lambda: Dense(-1), "units must be a positive integer; got -1."),
        (lambda: Dropout(1), "rate must be at least 0 and below 1; got 1."),
        (lambda: LSTM(3, dropout=2.0), "dropout must be at least 0 and below 1; got 2.0."),
        (lambda: SGD(-1), "learning_rate must be at least 0; got -1."),
        (lambda: Adam(beta_1=1.0), "beta_1 must be at least 0 and below 1; got 1.0."),
        (lambda: VarianceScaling(-1), "scale must be above 0; got -1."),
        (
            lambda: Orthogonal()((3,), generator=RNG),
            "Orthogonal needs a shape of two axes; got (3,).",
        ),
        (
            lambda: Sequential(dtype="float16"),
            "dtype must be one of ('float32', 'float64'); got 'float16'. "
            'nlstm.set_matmul_precision("bfloat16") rounds what is multiplied.',
        ),
        (lambda: built().fit(X, Y, batch_size=0), "batch_size must be at least 1; got 0."),
        (lambda: built().fit(X, Y, epochs=-1), "epochs must be at least 0; got -1."),
        (lambda: built().fit(X, Y, verbose=3), "verbose must be 'auto', 0, 1 or 2; got 3."),
        (
            lambda: built().fit(X, Y, validation_split=1.0),
            "validation_split must be at least 0 and below 1; got 1.0.",
        ),
        (
            lambda: built().fit(X[:1], Y[:1], validation_split=0.5),
            "validation_split=0.5 of 1 rows leaves no row for training.",
        ),
        (lambda: built().set_weights([]), "The model has 5 weights; got 0."),
        (lambda: nlstm.set_random_seed(-1), "seed must be from 0 to 2**32 - 1; got -1."),
        (
            lambda: Input((None, None)),
            "input_shape must be (steps, features), steps may be None, or (features,); "
            "got (None, None).",
        ),
    ],
)
def test_values_out_of_range(call, text):
    with says(ValueError, text):
        call()


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda: LSTM(3.5), "units must be a positive integer; got 3.5."),
        (lambda: Dropout("half"), "rate must be a number; got 'half'."),
        (lambda: Adam("fast"), "learning_rate must be a number; got 'fast'."),
        (lambda: LSTM(3, activation=3), "An activation is a name, a function or None; got 3."),
        (lambda: Dense(3, bias_initializer=3), "An initializer is a name or a callable; got 3."),
        (lambda: built().fit(X, Y, batch_size=2.0), "batch_size must be an integer; got 2.0."),
        (
            lambda: built().compile(3, "mse"),
            "An optimizer is a name or an nlstm.optimizers.Optimizer; got 3.",
        ),
        (lambda: built().compile("adam", 3), "A loss is a name or an nlstm.losses.Loss; got 3."),
        (
            lambda: built().compile("adam", "mse", metrics=[3]),
            "A metric is a name or an nlstm.metrics.Metric; got 3.",
        ),
        (lambda: Sequential([3]), "add expects a layer of nlstm.layers or a model; got 3."),
        (lambda: nlstm.set_random_seed("a"), "seed must be an integer; got 'a'."),
    ],
)
def test_things_of_the_wrong_kind(call, text):
    with says(TypeError, text):
        call()


# Order of calls, and of layers


def test_weights_before_build():
    text = "This needs weights and this model has none yet: give it an Input, or fit it."
    with says(ValueError, text):
        sequences().get_weights()
    assert len(sequences().predict(X, verbose=0)) == len(X)  # the data decide, as in fit


def test_fit_before_compile():
    with says(ValueError, "fit needs a loss: call compile(optimizer, loss) first."):
        Sequential([LSTM(3)]).fit(X, Y, verbose=0)


def test_a_model_without_layers_or_weights():
    model = Sequential()
    model.compile("adam", "mse")
    with says(ValueError, "The model has no layers."):
        model.fit(X, Y, verbose=0)
    model.add(Dropout(0.5))
    with pytest.warns(UserWarning, match="The model has no weights to train: it is evaluated"):
        assert model.fit(X, X, verbose=0).history == {"loss": [0.0]}


def test_an_lstm_that_gets_no_sequences():
    text = (
        "lstm_1 expects sequences, (batch, steps, features); what comes before it gives (None, 3). "
        "An LSTM before it needs return_sequences=True."
    )
    with says(ValueError, text):
        Sequential([LSTM(3, input_shape=(5, 3)), LSTM(3)])


def test_layers_in_the_wrong_place():
    with says(ValueError, "Input must be the first layer, and there can be one only."):
        Sequential([Dense(1, input_shape=(3,)), Input((3,))])
    layer = Dense(1)
    Sequential([layer])
    with says(ValueError, "The layer 'dense' already belongs to a model; make a new one."):
        Sequential([layer])
    with pytest.raises(ValueError, match="is float64, but the model is float32"):
        Sequential([Dense(1, dtype="float32"), Dense(1, dtype="float64")])


def test_an_optimizer_serves_one_model():
    optimizer = Adam()
    for expected in (True, False):
        model = Sequential([LSTM(2), Dense(1)])
        model.compile(optimizer, "mse")
        if expected:
            model.fit(X, Y, verbose=0)
        else:
            text = "This Adam already trains another model; give each model its own."
            with says(ValueError, text):
                model.fit(X, Y, verbose=0)


# And the model is as it was


def test_a_model_is_unchanged_after_an_error():
    model = built()
    model.fit(X, Y, verbose=0)
    weights, history, steps = model.get_weights(), model.history, model.optimizer.iterations
    bad = X.copy()
    bad[0, 0, 0] = np.nan
    calls = [
        lambda: model.fit(bad, Y, verbose=0),
        lambda: model.fit(X, Y[:3], verbose=0),
        lambda: model.fit(X, Y, validation_data=(bad, Y), verbose=0),
        lambda: model.train_on_batch(X[..., :2], Y),
        lambda: model.set_weights([*weights[:-1], np.ones(3)]),
        lambda: model.fit(X, Y, callbacks=[3], verbose=0),
    ]
    for call in calls:
        with pytest.raises((ValueError, TypeError)):
            call()
    assert model.history is history
    assert model.optimizer.iterations == steps
    for one, other in zip(weights, model.get_weights()):
        np.testing.assert_array_equal(one, other)


def test_a_first_fit_that_fails_leaves_the_model_unbuilt():
    model = sequences()
    with pytest.raises(ValueError):
        model.fit(X, Y[:3], verbose=0)
    assert not model.built
    model.fit(np.ones((4, 2, 7)), np.ones(4), verbose=0)
    assert model.input_shape == (None, None, 7)
