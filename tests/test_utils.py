"""What stands at `nlstm.utils`, `nlstm.backend` and `nlstm.random` and has no room of its own."""

import sys

import numpy as np
import pytest

import nlstm
from nlstm import backend, random, utils
from nlstm.layers import LSTM, Concatenate, Dense


class Batches(utils.PyDataset):
    def __init__(self):
        super().__init__(workers=2)
        self.begun = self.ended = 0

    @property
    def num_batches(self):
        return 3

    def __getitem__(self, index):
        return np.full((2, 4), index), np.ones((2, 1))

    def on_epoch_begin(self):
        self.begun += 1

    def on_epoch_end(self):
        self.ended += 1


def test_numbered_batches_may_say_their_number_alone():
    model, batches = nlstm.Sequential([Dense(1, input_shape=(4,))]), Batches()
    model.compile("sgd", "mse")
    model.fit(batches, epochs=2, verbose=0)
    assert model.optimizer.iterations == 6 and batches.ended == 2
    assert [x[0, 0] for x, _ in batches] == [0, 1, 2]


def test_numbered_batches_without_a_number_or_a_batch_are_errors():
    with pytest.raises(NotImplementedError, match="must define __len__"):
        list(utils.Sequence())
    with pytest.raises(NotImplementedError, match="must define __getitem__"):
        utils.PyDataset()[0]


def test_file_is_taken_where_it_lies(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"downloads nothing.*https://x.org/a.txt"):
        utils.get_file("a.txt", "https://x.org/a.txt")
    (tmp_path / "datasets").mkdir()
    path = tmp_path / "datasets" / "a.txt"
    path.write_text("rain")
    assert utils.get_file(origin="https://x.org/a.txt") == str(path)
    md5 = "23678db5efde9ab46bce8c23a6d91b50"
    with pytest.raises(ValueError, match="has md5 .*; expected 2367"):
        utils.get_file("a.txt", file_hash=md5[:-1] + "f")
    (tmp_path / "datasets" / "b").mkdir()
    assert utils.get_file("b.tar.gz", untar=True) == str(tmp_path / "datasets" / "b")


def test_model_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    x = nlstm.Input((5, 3))
    hidden = LSTM(4, return_sequences=True)(x)
    model = nlstm.Model(x, [Dense(1)(Concatenate()([hidden, Dense(4)(x)])), Dense(2)(hidden)])
    path = tmp_path / "model.png"
    figure = utils.plot_model(
        model, path, show_shapes=True, show_layer_names=True, show_layer_activations=True
    )
    texts = [one.get_text() for one in figure.axes[0].texts]
    assert path.stat().st_size > 1000
    assert any(text.startswith("lstm (LSTM)\nactivation: tanh") for text in texts)
    assert len([text for text in texts if text]) == 6 and texts.count("") == 6  # boxes, arrows
    with pytest.raises(ValueError, match="rankdir must be 'TB' or 'LR'"):
        utils.plot_model(model, None, rankdir="UP")


def test_drawing_without_matplotlib_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install nlstm\[plot\]"):
        utils.plot_model(nlstm.Sequential([Dense(1, input_shape=(4,))]), None)


def test_batches_of_a_series_answer_as_tensors():
    made = utils.timeseries_dataset_from_array(np.arange(9.0), np.arange(9.0), 3, batch_size=2)
    assert len(made) == 4
    taken = made.take(2)
    assert len(taken) == 2 and len(list(taken)) == 2 and len(list(made)) == 4
    assert len(made.take(-1)) == 4 and len(made.take(9)) == 4 and len(taken.take(3)) == 2
    for x, y in made.take(1):
        assert type(x.numpy()) is np.ndarray and x.shape == (2, 3)
        np.testing.assert_array_equal(y.numpy(), [0, 1])


def test_numbers_of_the_backend():
    assert backend.floatx() == "float32" and backend.epsilon() == 1e-7
    assert backend.clear_session() is None and backend.image_data_format() == "channels_last"
    backend.set_floatx("float32")
    with pytest.raises(ValueError, match="stays 'float32'; got 'float64'"):
        backend.set_floatx("float64")
    layer = Dense(1, input_shape=(2,))
    nlstm.Sequential([layer]).build()
    backend.set_value(layer.kernel, [[1], [2]])
    np.testing.assert_array_equal(backend.get_value(layer.kernel), [[1], [2]])
    with pytest.raises(TypeError, match="set_value needs a weight; got 0.5"):
        backend.set_value(0.5, 1)


def test_random_arrays_follow_their_seeds():
    for draw in (random.normal, random.truncated_normal, random.uniform):
        found = draw((50, 4), seed=3)
        assert found.dtype == np.float32 and found.shape == (50, 4)
        np.testing.assert_array_equal(found, draw((50, 4), seed=3))
        assert (found != draw((50, 4), seed=4)).any()
    assert np.abs(random.truncated_normal((500,), 1, 2, seed=0) - 1).max() <= 4
    whole = random.randint((99,), 2, 5, seed=1)
    assert set(whole) == {2, 3, 4}
    seeds = random.SeedGenerator(1)
    assert (random.normal((3,), seed=seeds) != random.normal((3,), seed=seeds)).any()
    assert sorted(random.shuffle(np.arange(5), seed=2)) == [0, 1, 2, 3, 4]
