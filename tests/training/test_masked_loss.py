"""Lengths and masks reach the loss and the metrics, as Keras's masks do."""

import numpy as np
import pytest

from nlstm import Input, Model
from nlstm.layers import LSTM, Dense
from nlstm.models import Sequential
from nlstm.optimizers import SGD
from tests.training.test_several_outputs import assert_logs, settle, wave

LENGTHS = np.array([5, 1, 3, 2, 5, 4])
COUNTS = np.arange(5) < LENGTHS[:, None]
X = wave((6, 5, 2), 0.31) * COUNTS[..., None]
Y = wave((6, 5, 1), 0.77)
W = np.abs(wave((6, 5), 0.41))
MASKED = {
    "loss": 0.5400171632866625,
    "mae": 0.6250154902225492,
    "mse": 0.564756884447222,
    "weighted_mae": 0.6250154902225492,
}
WEIGHED = {
    "loss": 0.317683563167373,
    "mae": 0.6250154902225492,
    "mse": 0.4430076589416619,
    "weighted_mae": 0.5494344579696626,
}
BY_ROW = {
    "loss": 0.3637070780671858,
    "mae": 0.6250154902225492,
    "mse": 0.5792471280708512,
    "weighted_mae": 0.6355862673424685,
}
LOSSES = [0.3153727641726794, 0.30114162173475295]
SUMS = [
    -0.8108426822085584,
    -0.614582707167396,
    -0.31721338860524506,
    0.4991294902790062,
    0.12892651642692643,
]


def model_of(metrics=("mae",), weighted=("mse", "mae"), optimizer=None):
    stack = [LSTM(3, input_shape=(5, 2), return_sequences=True), Dense(1)]
    model = settle(Sequential(stack, dtype="float64"))
    options = {"metrics": list(metrics), "weighted_metrics": list(weighted)}
    model.compile(optimizer or SGD(0.1), "mse", **options)
    return model


def evaluated(**options):
    return model_of().evaluate(
        X, Y, batch_size=4, lengths=LENGTHS, verbose=0, return_dict=True, **options
    )


def test_lengths_come_and_go_on_one_model():
    """Plans for batches of one shape differ by whether steps are masked."""
    model, other = model_of(), model_of()
    masked = other.predict(X, lengths=LENGTHS, verbose=0)
    loss = other.evaluate(X, Y, lengths=LENGTHS, verbose=0, return_dict=True)["loss"]
    for _ in range(2):
        assert not np.array_equal(model.predict(X, verbose=0), masked)
        np.testing.assert_array_equal(model.predict(X, lengths=LENGTHS, verbose=0), masked)
        assert model.evaluate(X, Y, verbose=0, return_dict=True)["loss"] != loss
        found = model.evaluate(X, Y, lengths=LENGTHS, verbose=0, return_dict=True)
        assert found["loss"] == loss


def test_masked_losses_are_keras_numbers():
    """Keras 3.15 on JAX, float64: Masking() before the same layers, zeros as padding.

    Keras itself cannot broadcast weights of shape (rows,) against steps.
    """
    assert_logs(evaluated(), MASKED)
    assert_logs(evaluated(sample_weight=W), WEIGHED)
    assert_logs(evaluated(sample_weight=W[:, :1]), BY_ROW)
    assert_logs(evaluated(sample_weight=W[:, 0]), BY_ROW)
    model = model_of()
    options = {"sample_weight": W, "lengths": LENGTHS, "batch_size": 4, "shuffle": False}
    history = model.fit(X, Y, epochs=2, verbose=0, **options).history
    np.testing.assert_allclose(history["loss"], LOSSES, rtol=1e-6)
    found = [(w * wave(w.shape, 0.5)).sum() for w in model.get_weights()]
    np.testing.assert_allclose(found, SUMS, rtol=1e-6)


def test_metrics_in_training_get_the_mask_too():
    """Keras on JAX loses it there, but not in evaluate."""
    model = model_of(optimizer=SGD(0.0))
    options = {"sample_weight": W, "lengths": LENGTHS, "batch_size": 4, "shuffle": False}
    history = model.fit(X, Y, verbose=0, **options).history
    assert_logs({name: values[0] for name, values in history.items()}, WEIGHED)


def test_the_masked_loss_is_the_mean_over_what_counts():
    model = model_of()
    error = (model.predict(X, lengths=LENGTHS) - Y)[..., 0] ** 2
    found = model.test_on_batch(X, Y, lengths=LENGTHS, return_dict=True)
    assert found["loss"] == pytest.approx(error[COUNTS].mean(), rel=1e-12)
    assert found["mse"] == pytest.approx(error[COUNTS].mean(), rel=1e-12)
    found = model.test_on_batch(X, Y, W, lengths=LENGTHS, return_dict=True)
    assert found["loss"] == pytest.approx((error * W)[COUNTS].mean(), rel=1e-12)
    assert found["mse"] == pytest.approx((error * W)[COUNTS].sum() / W[COUNTS].sum(), rel=1e-12)


def test_padding_is_never_seen():
    model = model_of()
    noisy, targets = X + 7 * ~COUNTS[..., None], Y - 9 * ~COUNTS[..., None]
    wanted = model.test_on_batch(X, Y, lengths=LENGTHS)
    assert model.test_on_batch(noisy, targets, lengths=LENGTHS) == wanted
    last = settle(Sequential([LSTM(3, input_shape=(None, 2))], dtype="float64"))
    found = last.predict(noisy, lengths=LENGTHS)
    for row, length in enumerate(LENGTHS):
        np.testing.assert_allclose(
            found[row], last.predict(X[row : row + 1, :length])[0], atol=1e-14
        )


def test_full_lengths_change_nothing():
    one, other = model_of(), model_of()
    for model, options in ((one, {}), (other, {"lengths": np.full(6, 5)})):
        model.fit(X, Y, epochs=2, batch_size=4, shuffle=False, verbose=0, **options)
    for a, b in zip(one.get_weights(), other.get_weights()):
        np.testing.assert_allclose(a, b, atol=1e-14)


def test_lengths_follow_their_rows_into_shuffled_and_held_back_batches():
    model = model_of(optimizer=SGD(0.0))
    options = {"batch_size": 4, "validation_split": 0.5, "lengths": LENGTHS, "verbose": 0}
    history = model.fit(X, Y, **options).history
    held = model.evaluate(X[3:], Y[3:], lengths=LENGTHS[3:], batch_size=4, verbose=0)
    assert history["val_loss"] == [held[0]]
    seen = model.evaluate(X[:3], Y[:3], lengths=LENGTHS[:3], batch_size=3, verbose=0)
    assert history["loss"][0] == pytest.approx(seen[0], rel=1e-12)
    given = model.fit(
        X, Y, validation_data=(X, Y), validation_lengths=LENGTHS, batch_size=4, verbose=0
    )
    wanted = model.evaluate(X, Y, lengths=LENGTHS, batch_size=4, verbose=0)
    assert given.history["val_loss"] == [wanted[0]]


def test_validation_whose_lengths_are_not_said():
    model = model_of()
    with pytest.warns(UserWarning, match="whose steps all count: give validation_lengths"):
        model.fit(X, Y, lengths=LENGTHS, validation_data=(X, Y), verbose=0)


def test_several_inputs_have_lengths_of_their_own():
    a, b = Input((5, 2), name="a", dtype="float64"), Input((3,), name="b")
    lstm, dense = LSTM(3), Dense(2)
    model = Model([a, b], [lstm(a), dense(b)])
    flat = wave((6, 3), 0.2)
    single = Model(a, lstm(a))
    wanted = single.predict(X, lengths=LENGTHS)
    for lengths in ([LENGTHS, None], {"a": LENGTHS}):
        np.testing.assert_array_equal(model.predict([X, flat], lengths=lengths)[0], wanted)
    for lengths, text in [
        ({"c": LENGTHS}, "lengths names 'c'; the inputs are a, b."),
        ({"b": LENGTHS}, "lengths measure sequences; the input's samples have shape (3,)."),
    ]:
        with pytest.raises(ValueError) as caught:
            model.predict([X, flat], lengths=lengths)
        assert str(caught.value) == text


@pytest.mark.parametrize(
    "lengths, kind, text",
    [
        (LENGTHS[:3], ValueError, "lengths has shape (3,); expected (6,)."),
        (LENGTHS * 1.0, TypeError, "lengths must be integers; got dtype float64."),
        (LENGTHS - 1, ValueError, "lengths must lie in 1 to 5; row 1 has 0."),
        (LENGTHS + 1, ValueError, "lengths must lie in 1 to 5; row 0 has 6."),
    ],
)
def test_wrong_lengths(lengths, kind, text):
    for call in (model_of().fit, model_of().evaluate):
        with pytest.raises(kind) as caught:
            call(X, Y, lengths=lengths, verbose=0)
        assert str(caught.value) == text


def test_a_batch_in_which_nothing_counts_teaches_nothing():
    x, mask = Input((5, 2), dtype="float64"), Input((5,), dtype="bool")
    y = Dense(1)(LSTM(3, return_sequences=True)(x, mask=mask))
    model = settle(Model([x, mask], y))
    model.compile(SGD(0.1), "mse")
    # An explicit mask goes on to the loss, as in Keras.
    found = model.evaluate([X, COUNTS], Y, batch_size=4, verbose=0)
    assert found == pytest.approx(MASKED["loss"], rel=1e-6)
    before = model.get_weights()
    assert model.train_on_batch([X, np.zeros((6, 5), bool)], Y) == 0.0
    for one, other in zip(before, model.get_weights()):
        np.testing.assert_array_equal(one, other)
