"""What users' losses see, steps that the first data decide, labels that do not count."""

import numpy as np
import pytest

from nlstm.layers import LSTM, Dense, Flatten, Input
from nlstm.losses import Loss, SparseCategoricalCrossentropy
from nlstm.models import Sequential

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("sequences, wanted", [(True, (6, 1, 1)), (False, (6, 1))])
def test_one_step_of_a_sequence_keeps_its_axis(sequences, wanted):
    rng = np.random.default_rng(1)
    seen = set()

    class Squared(Loss):
        def call(self, y_true, y_pred):
            seen.update((y_true.shape, y_pred.shape))
            return np.mean((y_pred - y_true) ** 2, axis=-1)

        def gradient(self, y_true, y_pred):
            return 2 * (y_pred - y_true) / y_pred.shape[-1]

    def error(y_true, y_pred):
        seen.update((y_true.shape, y_pred.shape))
        return np.abs(y_true - y_pred)

    x, y = rng.random((6, 1, 3)), rng.random(wanted)
    model = Sequential([LSTM(4, return_sequences=sequences, input_shape=(None, 3)), Dense(1)])
    model.compile("sgd", Squared(), metrics=[error])
    model.fit(x, y, verbose=0)
    assert seen == {wanted}


def test_flatten_takes_the_steps_of_the_first_data():
    rng = np.random.default_rng(1)
    model = Sequential([LSTM(4, return_sequences=True), Flatten(), Dense(1)])
    model.compile("sgd", "mse")
    x, y = rng.random((6, 4, 3)), rng.random((6, 1))
    model.fit(x, y, verbose=0)
    assert model.input_shape == (None, 4, 3)
    assert model.predict(x).shape == (6, 1)
    with pytest.raises(ValueError, match="was built for 4 steps"):
        model.predict(x[:, :2])


def test_dense_needs_to_know_the_features():
    with pytest.raises(ValueError, match=r"dense\w* needs to know the number of features"):
        Sequential([Input((None,)), Dense(1)])


def test_labels_of_the_ignored_class_go_through():
    rng = np.random.default_rng(1)
    x, y = rng.random((6, 4, 3)), rng.integers(0, 3, (6, 4))
    y[2], y[3, 1] = -1, -1
    model = Sequential(
        [LSTM(4, return_sequences=True, input_shape=(4, 3)), Dense(3, activation="softmax")]
    )
    model.compile("sgd", SparseCategoricalCrossentropy(ignore_class=-1))
    p = model.predict(x)
    found = model.evaluate(x, y, verbose=0)
    counts = y >= 0
    wanted = -np.log(np.take_along_axis(p, np.maximum(y, 0)[..., None], -1)[..., 0])[counts]
    assert found == pytest.approx(wanted.mean(), rel=1e-5)
    model.fit(x, y, verbose=0)
    y[0, 3] = -2
    with pytest.raises(ValueError, match="row 0, step 3, has -2"):
        model.evaluate(x, y, verbose=0)
