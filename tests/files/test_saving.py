"""Whole models in files: what comes back, how fit goes on, and what broken files do."""

import hashlib
import json
import os
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save_file

import nlstm
from nlstm import kernels, losses, saving
from nlstm.layers import LSTM, Dense, Dropout, Input
from nlstm.models import Model, Sequential, load_model
from nlstm.optimizers import SGD, Adam

RNG = np.random.default_rng(0)
X, Y = RNG.random((50, 6, 3)), RNG.random((50, 1))


def made(optimizer=None, dtype=None, seed=1):
    nlstm.set_random_seed(seed)
    model = Sequential(
        [LSTM(5, return_sequences=True, dropout=0.2), Dropout(0.3), LSTM(3), Dense(1)], dtype=dtype
    )
    model.compile(optimizer or Adam(0.01), "mse", metrics=["mae"])
    return model


def fit(model, epochs, initial_epoch=0):
    return model.fit(X, Y, 16, epochs, verbose=0, initial_epoch=initial_epoch).history


def same(model, other):
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        assert one.dtype == two.dtype
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "optimizer", [lambda: Adam(0.01), lambda: SGD(0.1), lambda: SGD(0.1, 0.9, True)]
)
def test_fit_goes_on_bit_for_bit(tmp_path, dtype, optimizer):
    whole = made(optimizer(), dtype)
    history = fit(whole, 4)
    model = made(optimizer(), dtype)
    fit(model, 2)
    model.save(tmp_path / "m.nlstm")
    nlstm.set_random_seed(99)
    found = load_model(tmp_path / "m.nlstm")
    same(found, model)
    assert found.get_config() == model.get_config()
    assert found.get_compile_config() == model.get_compile_config()
    assert found.optimizer.iterations == model.optimizer.iterations == 8
    assert fit(found, 4, 2) == {name: values[2:] for name, values in history.items()}
    same(found, whole)
    # The model that was saved goes on too, and a file of a loaded model is the same again.
    fit(model, 4, 2)
    same(model, whole)


def functional(seed=1):
    nlstm.set_random_seed(seed)
    x = Input((6, 3))
    h = LSTM(4, dropout=0.2)(x)
    model = Model(x, {"mean": Dense(1)(h), "twice": Dense(1)(Dropout(0.3)(h))})
    model.compile(
        Adam(0.01),
        loss={"mean": "mse", "twice": "mae"},
        loss_weights={"twice": 0.5},
        metrics={"mean": ["mae"]},
        weighted_metrics={"twice": ["mse"]},
    )
    return model


def test_fit_of_a_functional_model_goes_on(tmp_path):
    y = {"mean": Y, "twice": 2 * Y}

    def fitted(model, *epochs):
        return model.fit(X, y, 16, epochs[-1], 0, initial_epoch=epochs[0]).history

    whole, model = functional(), functional()
    history = fitted(whole, 0, 4)
    fitted(model, 0, 2)
    model.save(tmp_path / "m")
    found = load_model(tmp_path / "m")
    assert fitted(found, 2, 4) == {name: values[2:] for name, values in history.items()}
    same(found, whole)


def test_the_learning_rate_as_set_comes_back(tmp_path):
    model = made()
    fit(model, 1)
    model.optimizer.learning_rate = 0.1 / 3
    model.save(tmp_path / "m")
    assert load_model(tmp_path / "m").optimizer.learning_rate == 0.1 / 3


def test_saving_again_writes_the_same(tmp_path):
    model = made()
    fit(model, 1)
    model.save(tmp_path / "a")
    load_model(tmp_path / "a").save(str(tmp_path / "b"))
    digests = [safe_open(tmp_path / name, "numpy").metadata()["digest"] for name in "ab"]
    assert digests[0] == digests[1]


def test_predictions_come_back(tmp_path):
    model = made()
    fit(model, 1)
    model.save(tmp_path / "m")
    np.testing.assert_array_equal(load_model(tmp_path / "m").predict(X), model.predict(X))


def test_what_the_file_holds(tmp_path):
    """Keras's names, shapes and layouts: nothing of the machine's vector width."""
    model = made()
    fit(model, 1)
    model.save(tmp_path / "m")
    with safe_open(tmp_path / "m", framework="numpy") as file:
        metadata, names = file.metadata(), set(file.keys())
        shapes = {name: file.get_tensor(name).shape for name in names}
    weights = {
        "lstm/kernel": (3, 20),
        "lstm/recurrent_kernel": (5, 20),
        "lstm/bias": (20,),
        "lstm_1/kernel": (5, 12),
        "lstm_1/recurrent_kernel": (3, 12),
        "lstm_1/bias": (12,),
        "dense/kernel": (3, 1),
        "dense/bias": (1,),
    }
    moments = {
        f"/optimizer/{slot}/{name}": shape
        for name, shape in weights.items()
        for slot in ("momentum", "velocity")
    }
    moments |= {"/optimizer/iterations": (), "/optimizer/learning_rate": ()}
    assert shapes == weights | moments
    assert (metadata["format"], metadata["version"]) == ("nlstm-model", "1")
    config = json.loads(metadata["config"])
    assert config["model"]["class_name"] == "Sequential"
    assert [layer["class_name"] for layer in config["model"]["config"]["layers"]] == [
        "LSTM",
        "Dropout",
        "LSTM",
        "Dense",
    ]
    lanes = kernels.load("cpu").padded(1, "float32")
    assert lanes > 1  # so that the shapes above would show the padding


def test_a_model_that_was_never_trained(tmp_path):
    model = made()
    with pytest.raises(ValueError, match="needs weights and this model has none yet: give it"):
        model.save(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []
    model.build((None, 6, 3))
    model.save(tmp_path / "m")
    found = load_model(tmp_path / "m")
    assert fit(found, 1) == fit(model, 1)
    same(found, model)


def test_without_compile(tmp_path):
    model = Sequential([Input((4,)), Dense(2)])
    model.save(tmp_path / "a")
    found = load_model(tmp_path / "a")
    same(found, model)
    assert found.loss is None
    model = made()
    fit(model, 1)
    model.save(tmp_path / "b")
    found = load_model(tmp_path / "b", compile=False)
    assert found.loss is None and found.optimizer is None
    same(found, model)


def test_load_weights_reads_a_whole_model(tmp_path):
    model = made()
    fit(model, 1)
    model.save(tmp_path / "m")
    other = made(seed=3)
    other.build((None, 6, 3))
    other.load_weights(tmp_path / "m")
    same(other, model)


def test_overwrite(tmp_path):
    model = Sequential([Input((4,)), Dense(2)])
    model.save(tmp_path / "m")
    content = (tmp_path / "m").read_bytes()
    for save in (model.save, model.save_weights):
        with pytest.raises(FileExistsError, match="m exists, and overwrite is False"):
            save(tmp_path / "m", overwrite=False)
    assert (tmp_path / "m").read_bytes() == content
    with pytest.raises(IsADirectoryError, match="is a folder"):
        model.save(tmp_path)


# Users' own


class Double(Dense):
    def __init__(self, units, factor=2, **others):
        super().__init__(units * factor, **others)
        self.factor = factor


@saving.register("tests_saving")
class Registered(Double):
    pass


class Mine(losses.MeanSquaredError):
    pass


def test_users_classes(tmp_path):
    model = Sequential([Input((3,)), Double(2, factor=3), Registered(1)])
    model.compile(SGD(0.1), Mine())
    model.save(tmp_path / "m")
    with pytest.raises(ValueError, match=r"m cannot be loaded: 'Double' is none of nlstm's: give"):
        load_model(tmp_path / "m")
    with pytest.raises(ValueError, match=r"'Mine' is none of nlstm's"):
        load_model(tmp_path / "m", {"Double": Double})
    found = load_model(tmp_path / "m", custom_objects={"Double": Double, "Mine": Mine})
    assert [type(layer) for layer in found.layers] == [Double, Registered]
    assert type(found.loss) is Mine
    same(found, model)
    assert load_model(tmp_path / "m", {"Double": Double}, compile=False).layers[0].factor == 3


def test_what_cannot_be_written_leaves_the_old_file(tmp_path):
    path = tmp_path / "m"
    path.write_bytes(b"old")
    model = Sequential([Input((3,)), Dense(1, kernel_initializer=lambda s, dtype: np.ones(s))])
    with pytest.raises(TypeError, match="argument kernel_initializer of Dense 'dense' cannot be"):
        model.save(path)
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["m"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "m"
    path.write_bytes(b"old")

    def fail(*arguments):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space left"):
        Sequential([Input((3,)), Dense(1)]).save(path)
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["m"]


# Files that are no models, or damaged ones


def small(path):
    nlstm.set_random_seed(5)
    model = Sequential([Input((4, 2)), LSTM(2), Dense(1)])
    model.compile(Adam(0.25), "mse", metrics=["mae"])
    model.fit(np.ones((4, 4, 2)), np.ones(4), verbose=0)
    model.save(path)
    return model


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "m.nlstm"
    return small(path), path.read_bytes(), path


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "absent")


def test_foreign_and_newer_files(tmp_path):
    path = tmp_path / "m"
    arrays = {"dense/kernel": np.ones((2, 1), np.float32)}
    save_file(arrays, path)
    with pytest.raises(ValueError, match="m holds no nlstm model: its format is None"):
        load_model(path)
    save_file(arrays, path, {"format": "nlstm-model", "version": "2"})
    with pytest.raises(ValueError, match="version 2 of the model format; this nlstm reads ver"):
        load_model(path)
    save_file(arrays, path, {"format": "nlstm-model", "version": "1", "config": "{}"})
    with pytest.raises(ValueError, match="m is damaged"):
        load_model(path)
    model = Sequential([Input((2,)), Dense(1)])
    model.save_weights(path)
    with pytest.raises(ValueError, match="holds no nlstm model: its format is 'nlstm-weights'"):
        load_model(path)
    path.write_bytes(b"PK\x03\x04 a Keras file is a zip" * 9)
    with pytest.raises(ValueError, match="m cannot be loaded: File is not a zip file"):
        load_model(path)


def loads_or_names_itself(path, original):
    """The file is loaded as what it was, or is refused by name; nothing else may happen."""
    try:
        found = load_model(path)
    except ValueError as error:
        assert str(error).startswith(str(path))
        return False
    same(found, original)
    assert found.get_config() == original.get_config()
    assert found.get_compile_config() == original.get_compile_config()
    assert found.optimizer.iterations == original.optimizer.iterations
    return True


FUZZ = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@given(data=st.data())
@FUZZ
def test_truncated_files(whole, tmp_path, data):
    model, content, _ = whole
    header = struct.unpack("<Q", content[:8])[0] + 8
    size = data.draw(
        st.integers(0, 16)
        | st.integers(0, header)
        | st.integers(header, len(content) - 1)
        | st.just(len(content) - 1)
    )
    path = tmp_path / "m"
    path.write_bytes(content[:size])
    assert not loads_or_names_itself(path, model)


@given(data=st.data())
@FUZZ
def test_flipped_bytes(whole, tmp_path, data):
    model, content, _ = whole
    header = struct.unpack("<Q", content[:8])[0] + 8
    places = st.integers(0, 8) | st.integers(8, header - 1) | st.integers(0, len(content) - 1)
    changed = bytearray(content)
    for place in data.draw(st.lists(places, min_size=1, max_size=3)):
        changed[place] = data.draw(st.integers(0, 255) | st.sampled_from(b'{}[]",:0123456789'))
    path = tmp_path / "m"
    path.write_bytes(changed)
    assert loads_or_names_itself(path, model) == (changed == content)


@given(extra=st.binary(min_size=1, max_size=30))
@settings(FUZZ, max_examples=20)
def test_longer_files(whole, tmp_path, extra):
    model, content, _ = whole
    path = tmp_path / "m"
    path.write_bytes(content + extra)
    assert not loads_or_names_itself(path, model)


@given(st.binary(max_size=300))
@settings(FUZZ, max_examples=50)
def test_any_bytes(tmp_path, content):
    path = tmp_path / "m"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="m (is not a whole safetensors file|cannot be loaded)"):
        load_model(path)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("m.csv", "nor one of Keras's or ONNX's: it is damaged, or something else."),
        (
            "m.pkl",
            "nor one of Keras's or ONNX's: '.pkl' is a format of pickle's, which is not read",
        ),
        ("m.h5", "nor one of Keras's, as '.h5' says: it is damaged, or something else."),
    ],
)
def test_what_is_no_model_says_what_could_be(tmp_path, name, why):
    (tmp_path / name).write_text("day,flow\n1,2\n")
    with pytest.raises(ValueError, match=f"as nlstm's own are, {why}"):
        load_model(tmp_path / name)


def test_broken_weights_change_nothing(tmp_path):
    path = tmp_path / "w"
    model = Sequential([Input((4, 2)), LSTM(2)])
    model.save_weights(path)
    content = path.read_bytes()
    before = hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).digest()
    changed = bytearray(content)
    changed[-3] ^= 4
    path.write_bytes(changed)
    with pytest.raises(ValueError, match="w is damaged: its content does not have the digest"):
        model.load_weights(path)
    assert hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).digest() == before
