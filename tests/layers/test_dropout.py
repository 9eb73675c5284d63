"""The Dropout layer between others."""

import numpy as np
import pytest

from nlstm.layers import LSTM, Dense, Dropout
from nlstm.models import Sequential
from tests.layers.gradients import gradients, model_of

X = np.ones((200, 5, 10))


def test_it_is_off_outside_training():
    model = model_of(Dropout(0.5), Dense(10, use_bias=False), Dropout(0.5), shape=(5, 10))
    (kernel,) = model.get_weights()
    np.testing.assert_allclose(model.predict(X), X @ kernel)


def test_the_backward_pass_draws_the_mask_of_the_forward_pass():
    # Loss = mean((x m w)**2) with one feature, so dw = 2 w mean((x m)**2) = 2 loss / w.
    model = model_of(Dense(1, use_bias=False), Dropout(0.2, seed=4), shape=(5, 1))
    (w,) = model.get_weights()
    loss = model.train_on_batch(X[..., :1], np.zeros((200, 5, 1)))
    (dw,) = (w - new for new in model.get_weights())
    np.testing.assert_allclose(dw, 2 * loss / w, rtol=1e-12)
    share_kept = loss / w**2 * 0.8**2
    assert abs(share_kept - 0.8) < 5 * np.sqrt(0.16 / 1000)


def test_masks_change_from_step_to_step_and_repeat_with_the_seed():
    def losses():
        model = model_of(Dense(2, use_bias=False), Dropout(0.5, seed=9), shape=(5, 10))
        weights, found = model.get_weights(), []
        for _ in range(3):
            model.set_weights(weights)
            found.append(model.train_on_batch(X, np.zeros((200, 5, 2))))
        return found

    first = losses()
    assert len(set(first)) == 3
    assert losses() == first


def test_gradients_flow_through_to_an_lstm():
    model = model_of(LSTM(3, return_sequences=True), Dropout(0.3, seed=1), Dense(1), shape=(5, 10))
    assert all(np.abs(g).max() > 0 for g in gradients(model, X, np.zeros((200, 5, 1))))


def test_a_rate_of_zero_changes_nothing():
    plain = model_of(Dense(3), shape=(10,))
    dropped = model_of(Dropout(0.0), Dense(3), Dropout(0), shape=(10,))
    x, y = X[:, 0], np.zeros((200, 3))
    for one, other in zip(gradients(plain, x, y), gradients(dropped, x, y)):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5])
def test_rates_out_of_range(rate):
    with pytest.raises(ValueError, match="rate must be at least 0 and below 1"):
        Sequential([Dropout(rate)])
