"""Data as people hold them, at the door of fit: masked arrays, frames, labels of windows."""

import numpy as np
import pytest

from nlstm.layers import LSTM, Dense
from nlstm.models import Sequential
from nlstm.windows import Windows

RNG = np.random.default_rng(0)
X, Y = RNG.random((10, 4, 2)), RNG.random((10, 1))


def model_of(outputs=1, loss="mse", sequences=False):
    activation = "softmax" if outputs > 1 else None
    model = Sequential(
        [LSTM(3, return_sequences=sequences, input_shape=(4, 2)), Dense(outputs, activation)]
    )
    model.compile("sgd", loss)
    return model


def test_a_masked_element_is_named():
    model, masked = model_of(), np.ma.masked_array(X, mask=False)
    model.fit(masked, Y, verbose=0)
    masked[3, 1, 0] = np.ma.masked
    for call in (lambda: model.fit(masked, Y), lambda: model.predict(list(masked))):
        with pytest.raises(ValueError, match=r"x is not finite in row 3: x\[3, 1, 0\] is nan"):
            call()
    with pytest.raises(ValueError, match="sample_weight is not finite in row 2"):
        weight = np.ma.masked_array(np.ones(10), np.arange(10) == 2)
        model.fit(X, Y, sample_weight=weight)


def test_frames_of_several_kinds_are_numbers():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [True, False], "b": [1.5, 2.0]}).astype({"a": "boolean"})
    model = Sequential([Dense(1, input_shape=(2,))])
    wanted = model.predict(np.array([[1, 1.5], [0, 2.0]]))
    np.testing.assert_array_equal(model.predict(frame), wanted)
    with pytest.raises(TypeError, match="x must hold real numbers; column 'c' has"):
        model.predict(frame.assign(c=["x", "y"]))


@pytest.mark.parametrize("label, text", [(7.0, "must lie in 0 to 2"), (0.5, "whole numbers")])
def test_labels_of_windows_are_looked_at(label, text):
    series = np.stack([np.arange(12.0), np.arange(12.0) % 3], axis=1)
    options = {"sequence_length": 4, "targets": [1]}
    model = model_of(3, "sparse_categorical_crossentropy")
    model.fit(Windows(series, **options), class_weight={0: 2.0}, verbose=0)
    series[9, 1] = label
    with pytest.raises(ValueError, match=text):
        model.fit(Windows(series, **options), verbose=0)


def test_class_weights_of_each_step():
    labels = RNG.integers(0, 3, (10, 4))
    losses = []
    for y, keys in ((labels, {1.0: 3.0}), (labels[..., None], {np.int64(1): 3.0})):
        model = model_of(3, "sparse_categorical_crossentropy", sequences=True)
        model.set_weights([np.full(one.shape, 0.1) for one in model.get_weights()])
        losses.append(model.train_on_batch(X, y, class_weight=keys))
    weight = np.where(labels == 1, 3.0, 1.0)[..., None]
    model = model_of(3, "sparse_categorical_crossentropy", sequences=True)
    model.set_weights([np.full(one.shape, 0.1) for one in model.get_weights()])
    assert losses == [model.train_on_batch(X, labels, sample_weight=weight)] * 2
    with pytest.raises(TypeError, match="got key 'a'"):
        model.fit(X, labels, class_weight={"a": 1.0})
