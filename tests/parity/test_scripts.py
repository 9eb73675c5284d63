"""Scripts beside live Keras: the same losses from the same weights, and the same words."""

import numpy as np
import pytest

from nlstm import models, preprocessing, utils
from nlstm.utils import pad_sequences
from tests.compat.running import SCRIPTS, run
from tests.parity.peers import keras

pytestmark = pytest.mark.filterwarnings(
    "ignore:Keras 3 has no:DeprecationWarning", "ignore:.*input_shape.*:UserWarning"
)
SAME = ("airline", "encoder_decoder", "seed", "two_inputs")  # dropout draws other numbers


def begun_alike(monkeypatch, owner):
    """Let every first fit begin with weights that depend on their shapes alone, in order."""
    fit = owner.fit

    def begun(model, *args, **kwargs):
        rng = np.random.default_rng(0)
        model.set_weights([0.3 * rng.normal(size=one.shape) for one in model.get_weights()])
        return fit(model, *args, **kwargs | {"shuffle": False, "verbose": 0})

    monkeypatch.setattr(owner, "fit", begun)


@pytest.mark.parametrize("name", SAME)
def test_script_ends_with_the_loss_of_keras(parity, monkeypatch, name):
    begun_alike(monkeypatch, models.Model)
    begun_alike(monkeypatch, keras.Model)
    source = (SCRIPTS / f"{name}.py").read_text()
    for module in ("layers", "models"):
        source = source.replace(f"tensorflow.keras.{module}", f"keras.{module}")
    source = source.replace("epochs=100", "epochs=5")
    ours, _ = run(name, source)
    theirs = {"__name__": "__main__"}
    exec(compile(source, name, "exec"), theirs)
    losses = [one["model"].history.history["loss"] for one in (ours, theirs)]
    np.testing.assert_allclose(*losses, rtol=1e-6, atol=1e-6)


TEXTS = ["The cat sat on the mat.", "The dog -- the DOG! -- ate", "", "mat, mat; cat"]


@pytest.mark.parametrize("options", [{}, {"num_words": 4}, {"oov_token": "?"},
                                     {"char_level": True},
                                     {"num_words": 3, "oov_token": "?", "lower": 0}])  # fmt: skip
def test_texts_are_numbered_as_keras_numbers_them(options):
    from keras.src.legacy.preprocessing import text as theirs

    both = [library.Tokenizer(**options) for library in (preprocessing.text, theirs)]
    for one in both:
        one.fit_on_texts(TEXTS)
    ours, keras_own = both
    new = ["the cow, cat", "mat"]
    assert ours.texts_to_sequences(new) == keras_own.texts_to_sequences(new)
    numbers = keras_own.texts_to_sequences(TEXTS)
    assert ours.sequences_to_texts(numbers) == keras_own.sequences_to_texts(numbers)
    for mode in ("binary", "count", "freq", "tfidf"):
        matrices = [one.texts_to_matrix(TEXTS, mode) for one in both]
        np.testing.assert_allclose(*matrices, rtol=1e-12)
    read = preprocessing.text.tokenizer_from_json(keras_own.to_json())
    assert read.texts_to_sequences(new) == keras_own.texts_to_sequences(new)
    assert theirs.tokenizer_from_json(ours.to_json()).word_index == ours.word_index
    assert set(ours.get_config()) == set(keras_own.get_config())


@pytest.mark.parametrize("options", [{}, {"maxlen": 2}, {"maxlen": 5, "padding": "post"},
                                     {"maxlen": 2, "truncating": "post", "value": 7}])  # fmt: skip
def test_sequences_are_padded_as_keras_pads_them(options):
    sequences = [[1, 2, 3], [4], [], [5, 6]]
    found, wanted = pad_sequences(sequences, **options), keras.utils.pad_sequences(
        sequences, **options
    )  # fmt: skip
    np.testing.assert_array_equal(found, wanted)
    assert found.dtype == wanted.dtype


@pytest.mark.parametrize("options", [{}, {"stride": 3, "sampling_rate": 2}, {"reverse": True},
                                     {"start_index": 4, "end_index": 15}])  # fmt: skip
def test_windows_are_those_of_keras(options):
    from keras.src.legacy.preprocessing import sequence as theirs

    series = np.random.default_rng(1).normal(size=(20, 2))
    libraries = preprocessing.sequence, theirs
    both = [
        one.TimeseriesGenerator(series, series, 4, batch_size=3, **options) for one in libraries
    ]
    assert len(both[0]) == len(both[1])
    for number in range(len(both[0])):
        for ours, wanted in zip(both[0][number], both[1][number]):
            np.testing.assert_array_equal(ours, wanted)


def test_classes_and_rows_are_those_of_keras():
    x = np.array([[2], [0], [1]])
    np.testing.assert_array_equal(utils.to_categorical(x, 4), keras.utils.to_categorical(x, 4))
    rows = np.random.default_rng(0).normal(size=(3, 4))
    for axis, order in ((-1, 2), (1, 1)):
        np.testing.assert_allclose(
            utils.normalize(rows, axis, order), keras.utils.normalize(rows, axis, order)
        )
