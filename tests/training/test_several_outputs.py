"""compile and fit with several inputs and outputs: nesting, names and numbers as Keras's."""

import numpy as np
import pytest

from nlstm import Input, Model
from nlstm.layers import LSTM, Dense
from nlstm.losses import MeanSquaredError
from nlstm.models import Sequential
from nlstm.optimizers import SGD


def wave(shape, k):
    return np.sin(np.arange(1, 1 + int(np.prod(shape))) * k).reshape(shape)


def settle(model):
    """Give a model the weights that the golden numbers were made with."""
    model.set_weights(
        [0.4 * wave(w.shape, 0.7 + 0.1 * i) for i, w in enumerate(model.get_weights())]
    )
    return model


A, B = wave((10, 5, 2), 0.3), wave((10, 3), 0.9)
ONE, TWO = wave((10, 1), 1.1), np.eye(2)[np.arange(10) % 3 % 2]
LABELS = np.arange(10) % 3


def two_outputs(**options):
    a, b = Input((5, 2), name="a", dtype="float64"), Input((3,), name="b")
    shared = Dense(3, "tanh", name="shared")
    one = Dense(1, name="one")(shared(LSTM(3, name="lstm")(a)))
    two = Dense(2, "softmax", name="two")(shared(b))
    model = settle(Model([a, b], [one, two]))
    if options:
        model.compile(SGD(0.1), **options)
    return model


def full():
    return two_outputs(
        loss={"one": "mse", "two": "categorical_crossentropy"},
        loss_weights={"one": 0.5, "two": 2.0},
        metrics={"one": ["mae"], "two": ["accuracy", "mse"]},
        weighted_metrics={"one": ["mae"]},
    )


def assert_logs(found, wanted):
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert found[name] == pytest.approx(value, rel=1e-6), name


def test_training_gives_keras_numbers():
    """Keras 3.15 on JAX, float64, the same model, weights, data and calls."""
    model = full()
    history = model.fit(
        [A, B],
        [ONE, TWO],
        batch_size=4,
        epochs=2,
        shuffle=False,
        verbose=0,
        sample_weight=[np.arange(10) / 5, np.ones(10)],
    )
    assert_logs(
        history.history,
        {
            "loss": [1.7222848825246202, 1.5510011721992238],
            "one_loss": [0.9076914825063434, 0.6145756288710982],
            "one_mae": [0.7297178549692035, 0.6881752833724022],
            "one_weighted_mae": [0.8259028209994237, 0.732703349656529],
            "two_accuracy": [0.7, 0.7],
            "two_loss": [0.6342195706357243, 0.6218566788818374],
            "two_mse": [0.22082957327365876, 0.2149485431611538],
        },
    )
    wanted = [
        -0.8358539494643378,
        -0.6157591153289255,
        -0.318721400339196,
        -0.5628564943838815,
        0.3087660926572337,
        0.08715602030365288,
        -0.022697645213150538,
        -0.08649826965742627,
        0.18529253143754532,
    ]
    found = [(w * wave(w.shape, 0.5)).sum() for w in model.get_weights()]
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    wanted = [
        1.4958908086035416,
        0.5495845880359411,
        0.6105492572927855,
        0.6841970831155777,
        0.6841970831155777,
        0.7,
        0.20985233634710312,
    ]
    np.testing.assert_allclose(model.evaluate([A, B], [ONE, TWO], verbose=0), wanted, rtol=1e-6)


def test_data_may_be_lists_dicts_and_batches():
    wanted = full().evaluate([A, B], [ONE, TWO], verbose=0)
    by_name = {"two": TWO, "one": ONE}
    x = {"b": B, "a": A}
    for data, options in [
        ((x, by_name), {}),
        (((A, B), (ONE, TWO)), {}),
        ((iter([(x, by_name)]),), {}),
        ((iter([((A, B), (ONE, TWO), None)]),), {}),
        ((x, by_name), {"sample_weight": np.ones(10)}),
        ((x, by_name), {"sample_weight": {"two": np.ones(10)}}),
    ]:
        assert full().evaluate(*data, verbose=0, **options) == wanted


def test_settings_may_be_lists():
    model = two_outputs(loss=["mse", "mse"], loss_weights=[1, 3], metrics=[["mae"], "mse"])
    found = model.evaluate([A, B], [ONE, TWO], verbose=0, return_dict=True)
    assert list(found) == ["loss", "one_loss", "two_loss", "one_mae", "two_mse"]
    assert found["loss"] == pytest.approx(found["one_loss"] + 3 * found["two_loss"])
    assert found["two_mse"] == pytest.approx(found["two_loss"])
    other = two_outputs(loss="mse", loss_weights={"two": 3})
    assert other.evaluate([A, B], [ONE, TWO], verbose=0)[0] == pytest.approx(found["loss"])


def test_an_output_without_a_loss_needs_no_targets():
    model = two_outputs(loss=[MeanSquaredError(), None])
    wanted = model.evaluate([A, B], [ONE, None], verbose=0)
    assert isinstance(wanted, float)
    assert model.evaluate([A, B], ONE, verbose=0) == wanted
    assert model.evaluate([A, B], {"one": ONE}, verbose=0) == wanted
    head = model.get_layer("two").get_weights()
    model.fit([A, B], ONE, verbose=0)
    for one, other in zip(head, model.get_layer("two").get_weights()):
        np.testing.assert_array_equal(one, other)
    model.compile("sgd", {"one": "mse"}, metrics={"two": ["mae"]})
    found = model.evaluate([A, B], [ONE, TWO], verbose=0, return_dict=True)
    assert list(found) == ["loss", "two_mae"]


def test_outputs_of_a_dict_are_named_by_it():
    model = two_outputs()
    named = Model(model.inputs, {"z": model.outputs[0], "y": model.outputs[1]})
    named.compile("sgd", {"z": "mse", "y": "mse"}, metrics={"y": ["mae"]})
    found = named.evaluate([A, B], {"z": ONE, "y": TWO}, verbose=0, return_dict=True)
    assert sorted(found) == ["loss", "y_loss", "y_mae", "z_loss"]
    assert found["loss"] == pytest.approx(found["y_loss"] + found["z_loss"])


def test_one_output_weighs_its_loss_and_may_be_named():
    model = Sequential([LSTM(3, input_shape=(5, 2)), Dense(1)])
    model.compile("sgd", "mse")
    plain = model.evaluate(A, ONE, verbose=0)
    model.compile("sgd", {"dense": "mse"}, loss_weights=0.25)
    assert model.evaluate(A, {"dense": ONE}, verbose=0) == pytest.approx(plain / 4)
    before = model.get_weights()
    model.train_on_batch([A], [ONE])
    steps = [old - new for old, new in zip(before, model.get_weights())]
    model.set_weights(before)
    model.compile("sgd", "mse")
    model.train_on_batch(A, ONE)
    for step, old, new in zip(steps, before, model.get_weights()):
        np.testing.assert_allclose(4 * step, old - new, atol=1e-6)


def test_metrics_with_and_without_weights_have_names_of_their_own():
    model = Sequential([LSTM(3, input_shape=(5, 2)), Dense(1)])
    model.compile("sgd", "mse", metrics=["mae", "mse"], weighted_metrics=["mse", "mae"])
    weight = np.arange(10.0)
    found = model.evaluate(A, ONE, sample_weight=weight, batch_size=4, verbose=0, return_dict=True)
    assert list(found) == ["loss", "mae", "mse", "weighted_mse", "weighted_mae"]
    error = (model.predict(A) - ONE)[:, 0]
    assert found["mae"] == pytest.approx(np.abs(error).mean(), rel=1e-5)
    assert found["weighted_mse"] == pytest.approx(
        (weight * error**2).sum() / weight.sum(), rel=1e-5
    )


def by_class(**options):
    model = settle(Sequential([LSTM(3, input_shape=(5, 2)), Dense(3, "softmax")], dtype="float64"))
    loss = "sparse_categorical_crossentropy"
    model.compile(SGD(0.1), loss, metrics=["accuracy"], weighted_metrics=["accuracy"])
    return model


CLASS_WEIGHT_LOGS = {
    "accuracy": [0.3, 0.3],
    "loss": [1.7003098574278954, 1.6754823136159627],
    "weighted_accuracy": [0.3125, 0.5625],
}


def test_class_weights_give_keras_numbers():
    """Keras 3.15 on JAX, float64: weights {0: 1, 1: 3}, classes that are missing weigh 1."""
    model = by_class()
    history = model.fit(
        A, LABELS, class_weight={0: 1.0, 1: 3.0}, batch_size=4, epochs=2, shuffle=False, verbose=0
    )
    assert_logs(history.history, CLASS_WEIGHT_LOGS)
    weight = np.where(LABELS == 1, 3.0, 1.0)
    wanted = by_class().train_on_batch(A, LABELS, sample_weight=weight)
    assert by_class().train_on_batch(A, LABELS, class_weight={1: 3.0}) == wanted
    one_hot = by_class()
    one_hot.compile(SGD(0.1), "categorical_crossentropy")
    y = np.eye(3)[LABELS]
    assert one_hot.train_on_batch(A, y, class_weight={1: 3.0}) == pytest.approx(wanted[0])


@pytest.mark.parametrize(
    "options, text",
    [
        ({"loss": ["mse"]}, "loss has 1 entries; the model has 2 outputs: one, two."),
        ({"loss": {"three": "mse"}}, "loss names 'three'; the outputs are one, two."),
        (
            {"loss": "mse", "metrics": "mae"},
            "metrics of a model with several outputs is a list or dict with an entry for each: "
            "one, two; got 'mae'.",
        ),
        ({"loss": "mse", "metrics": ["mae"]}, "metrics has 1 entries; the model has 2 outputs"),
        ({"loss": "mse", "loss_weights": [1, 2, 3]}, "loss_weights has 3 entries; the model has"),
        ({"loss": "mse", "loss_weights": "a"}, "loss_weights must be a number; got 'a'."),
    ],
)
def test_settings_that_do_not_fit(options, text):
    with pytest.raises((ValueError, TypeError)) as caught:
        two_outputs(**options)
    assert str(caught.value).startswith(text)


def test_data_that_do_not_fit():
    model = full()
    for y, options, text in [
        ([ONE], {}, "y must be a list of 2 arrays or a dict, for one, two; got 1 of them."),
        ({"one": ONE}, {}, "y is a dict of 'one'; expected 'two' in it."),
        ([ONE, None], {}, "y['two'] is None, but two has a loss or a metric."),
        ([ONE, TWO[:3]], {}, "x has 10 rows, but y['two'] has 3."),
        (
            [ONE, TWO],
            {"sample_weight": {"three": ONE}},
            "sample_weight names 'three'; the outputs are one, two.",
        ),
        (
            [ONE, TWO],
            {"class_weight": {0: 1}},
            "class_weight is for models of one output and without sample_weight.",
        ),
    ]:
        with pytest.raises(ValueError) as caught:
            model.fit([A, B], y, verbose=0, **options)
        assert str(caught.value) == text
