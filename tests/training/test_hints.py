"""What errors advise: the likely mistakes, and the way out."""

import numpy as np
import pytest

from nlstm import callbacks, layers
from nlstm.models import Sequential

X = np.random.default_rng(0).random((6, 5, 3))


def model(loss="mse", outputs=1, sequences=False):
    made = Sequential(
        [
            layers.LSTM(2, input_shape=(5, 3), return_sequences=sequences),
            layers.Dense(outputs, activation="softmax" if outputs > 1 else None),
        ]
    )
    made.compile("sgd", loss)
    return made


@pytest.mark.parametrize(
    ("loss", "outputs", "sequences", "shape", "hint"),
    [
        ("categorical_crossentropy", 3, False, (6,), "are for sparse_categorical_crossentropy"),
        ("categorical_crossentropy", 3, False, (6, 1), "are for sparse_categorical_crossentropy"),
        ("categorical_crossentropy", 3, True, (6, 5), "are for sparse_categorical_crossentropy"),
        ("sparse_categorical_crossentropy", 3, False, (6, 3), "One-hot rows are for categorical_"),
        ("sparse_categorical_crossentropy", 3, True, (6, 5, 3), "One-hot rows are for categor"),
        ("mse", 1, False, (6, 5, 1), "return_sequences=True in the last LSTM gives them"),
        ("mse", 2, False, (6, 3), r"expected y of shape \(6, 2\)\.$"),
    ],
)
def test_targets_of_another_loss_or_layer(loss, outputs, sequences, shape, hint):
    with pytest.raises(ValueError, match=hint):
        model(loss, outputs, sequences).fit(X, np.zeros(shape), verbose=0)


@pytest.mark.parametrize(
    ("y", "kind", "hint"),
    [
        (["yes", "no"] * 3, TypeError, r"with 'yes' in it. np.unique\(y, return_inverse=True\)"),
        (np.array([1, 2, "three"] * 2, object), TypeError, "dtype object, with 'three' in it"),
        (np.array([{}] * 6), TypeError, "got dtype object.$"),
        ([np.nan] * 6, ValueError, "Fill such values in, or leave their rows out. sample_wei"),
        ([np.inf] * 6, ValueError, r"y\[0, 0\] is inf.$"),
    ],
)
def test_what_is_no_number(y, kind, hint):
    with pytest.raises(kind, match=hint):
        model().fit(X, y, verbose=0)


def test_labels_and_indices_out_of_range():
    labels = np.arange(1, 7) % 4
    with pytest.raises(ValueError, match="row 2 has 3. The model has 3 outputs, one for each cl"):
        model("sparse_categorical_crossentropy", 3).fit(X, labels, verbose=0)
    words = Sequential([layers.Input((5,)), layers.Embedding(10, 2), layers.LSTM(2)])
    with pytest.raises(
        ValueError, match="row 0, step 0, has 10. The table has 10 rows, its input_dim."
    ):
        words.predict(np.full((2, 5), 10))


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        # From Python 3.13 on it is Python that asks, with a capital letter.
        (lambda: layers.LSTM(8, return_sequence=True), "id you mean 'return_sequences'"),
        (lambda: layers.Dense(8, activaton="relu"), "id you mean 'activation'"),
        (lambda: layers.Dense(8, nothing_like_it=1), "argument 'nothing_like_it'$"),
        (lambda: model().add(layers.LSTM), r"got the class LSTM: LSTM\(...\) makes one"),
        (lambda: model().add("lstm"), "or a model; got 'lstm'"),
        (lambda: model().add(np.zeros(3)), r"got <ndarray \(3,\)> of numpy"),
        (
            lambda: model().fit(X, X[:, 0, :1], callbacks=[callbacks.TerminateOnNaN]),
            r"TerminateOnNaN\(...\) makes one",
        ),
    ],
)
def test_what_was_meant(make, hint):
    with pytest.raises(TypeError, match=hint):
        make()


def test_batches_and_a_share_of_them():
    with pytest.raises(ValueError, match="x gives batches. Give validation_data instead"):
        model().fit(iter([(X, X[:, 0, :1])]), validation_split=0.2)


@pytest.mark.parametrize(
    ("steps", "shape", "hint"),
    [
        (None, (5, 3), r"batch axis is missing. x\[None\] is one sequence, nlstm.windows.Windows"),
        (5, (90, 3), r"batch axis is missing. x\[None\] is one sequence, nlstm.windows.Windows"),
        (5, (5, 3), r"batch axis is missing. x\[None\] adds one"),
        (5, (6, 5), r"features axis is missing. x\[..., None\] adds one"),
    ],
)
def test_a_lone_sequence_or_a_table(steps, shape, hint):
    made = Sequential([layers.LSTM(2, input_shape=(steps, 3))])
    with pytest.raises(ValueError, match=hint):
        made.predict(np.zeros(shape))


@pytest.mark.parametrize("dtype", ["bfloat16", "mixed_bfloat16", "float16"])
def test_short_numbers_are_for_products(dtype):
    with pytest.raises(
        (TypeError, ValueError), match="got '.*float16'. nlstm.set_matmul_precision"
    ):
        Sequential([layers.LSTM(2, input_shape=(5, 3), dtype=dtype)])


def test_rows_of_unlike_length():
    hint = "pad_sequences fills them up, with padding='post' and dtype='float32', and lengths= says"
    with pytest.raises(ValueError, match=f"unlike length .nlstm.utils.{hint} where they end"):
        model().fit([[1, 2], [3]], [0, 1], verbose=0)
