"""What compile leaves open: no loss, no optimizer, a cross-entropy that targets decide."""

import copy

import numpy as np
import pytest

from nlstm import Model, Sequential, losses, set_random_seed
from nlstm.layers import Dense, Input
from nlstm.models import load_model

RNG = np.random.default_rng(0)
X, Y, CLASSES = RNG.random((12, 2)), RNG.random((12, 1)), RNG.integers(0, 3, 12)
ONE_HOT = np.eye(3)[CLASSES]


def model_of(features=1, steps=False, **compiled):
    set_random_seed(1)
    ending = "sigmoid" if features == 1 else "softmax"
    model = Sequential([Input((4, 2) if steps else (2,)), Dense(features, ending)])
    model.compile(**compiled)
    return model


@pytest.mark.parametrize("word", ["metrics", "weighted_metrics"])
def test_metrics_without_a_loss(word):
    model, other = model_of(**{word: ["mae"]}), model_of(loss="mae")
    assert model.metrics_names == ["loss", "mae"]
    wanted = other.evaluate(X, Y, verbose=0)
    assert model.evaluate(X, Y, verbose=0) == [0.0, wanted]
    assert model.test_on_batch(X, Y) == [0.0, pytest.approx(wanted, rel=1e-6)]
    with pytest.raises(ValueError, match="fit needs a loss"):
        model.fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match="evaluate needs a loss"):
        model_of().evaluate(X, Y, verbose=0)


@pytest.mark.parametrize(
    "name, y", [("accuracy", CLASSES), ("sparse_categorical_accuracy", CLASSES[:, None])]
)
def test_metrics_of_classes_without_a_loss(name, y):
    model = model_of(3, metrics=[name])
    right = model.predict(X, verbose=0).argmax(axis=1) == CLASSES
    assert model.evaluate(X, y, verbose=0) == [0.0, pytest.approx(right.mean())]
    assert model_of(3, metrics=["accuracy"]).evaluate(X, ONE_HOT, verbose=0)[1] == right.mean()


def test_no_optimizer():
    model = model_of(optimizer=None, loss="mse")
    assert model.optimizer is None and model.evaluate(X, Y, verbose=0) > 0
    for train in (model.fit, model.train_on_batch):
        with pytest.raises(ValueError, match="needs an optimizer: call compile"):
            train(X, Y)


@pytest.mark.parametrize(
    "features, y, kind",
    [
        (1, (Y > 0.5).astype(float), "BinaryCrossentropy"),
        (1, (Y[:, 0] > 0.5).astype(float), "BinaryCrossentropy"),
        (3, CLASSES, "SparseCategoricalCrossentropy"),
        (3, CLASSES[:, None], "SparseCategoricalCrossentropy"),
        (3, CLASSES.tolist(), "SparseCategoricalCrossentropy"),
        (3, ONE_HOT, "CategoricalCrossentropy"),
    ],
)
@pytest.mark.parametrize("word", ["crossentropy", "ce"])
def test_targets_decide_the_crossentropy(features, y, kind, word):
    options = {"optimizer": "sgd", "metrics": ["accuracy"]}
    model = model_of(features, loss=word, **options)
    plain = model_of(features, loss=getattr(losses, kind)(), **options)
    assert copy.deepcopy(model).fit(X, y, verbose=0).history == plain.fit(X, y, verbose=0).history
    batches = iter([(X[:6], np.asarray(y)[:6])])
    assert np.isfinite(model.fit(batches, verbose=0).history["loss"]).all()
    assert type(model.loss).__name__ == kind and model.loss.name == word


def test_targets_with_steps_decide_too():
    x, y = RNG.random((6, 4, 2)), RNG.integers(0, 3, (6, 4))
    model = model_of(3, True, loss="crossentropy")
    plain = model_of(3, True, loss="sparse_categorical_crossentropy")
    assert model.evaluate(x, y, verbose=0) == plain.evaluate(x, y, verbose=0)


def test_what_was_decided_stays_and_a_file_decides_anew(tmp_path):
    model = model_of(3, loss="crossentropy")
    model.fit(X, CLASSES, verbose=0)
    with pytest.raises(ValueError, match="y"):
        model.fit(X, ONE_HOT, verbose=0)
    model.save(tmp_path / "m.nlstm")
    again = load_model(tmp_path / "m.nlstm")
    assert np.isfinite(again.evaluate(X, ONE_HOT, verbose=0))


def test_lists_and_tuples_of_one():
    x = Input((2,))
    model = Model(x, {"a": Dense(1, name="a")(x), "b": Dense(1, name="b")(x)})
    y, found = {"a": Y, "b": Y}, []
    for loss, weights in (
        ({"a": "mse", "b": "mae"}, {"a": 0.5, "b": 2.0}),
        ({"a": ["mse"], "b": ("mae",)}, {"a": (0.5,), "b": [2.0]}),
        (("mse", "mae"), (0.5, 2.0)),
    ):
        model.compile("sgd", loss, loss_weights=weights)
        found.append(model.evaluate(X, y, verbose=0))
    assert found[0] == found[1] == found[2]
