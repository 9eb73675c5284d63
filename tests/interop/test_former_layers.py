"""Layers as former versions wrote them: other arrays, other names, words that are not there."""

import json

import numpy as np
import pytest

from nlstm.layers import GRU, BatchNormalization, Conv1D, Dense, Flatten, Input, MaxPooling1D
from nlstm.models import Sequential, load_model

h5py = pytest.importorskip("h5py")
X = np.random.default_rng(0).uniform(-1, 1, (3, 6, 4)).astype("float32")


@pytest.fixture
def former(tmp_path):
    """Give a function that saves a model and changes its first layer's entry and arrays."""

    def write(model, change, arrays, version="2.2.4", backend="tensorflow"):
        path = tmp_path / "m.h5"
        model.save(path)
        with h5py.File(path, "r+") as file:
            file.attrs["keras_version"], file.attrs["backend"] = version, backend
            whole = json.loads(file.attrs["model_config"])
            entry = whole["config"]["layers"][1]
            change(entry, entry["config"])
            file.attrs["model_config"] = json.dumps(whole)
            group = file["model_weights"][model.layers[0].name]
            for name in group.attrs["weight_names"]:
                del group[name.decode()]
            names = [f"{number}:0" for number in range(len(arrays))]
            group.attrs["weight_names"] = np.array([name.encode() for name in names])
            for name, array in zip(names, arrays, strict=True):
                group[name] = array
        return load_model(path)

    return write


def check_same(found, model):
    for one, other in zip(found.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(found.predict(X, verbose=0), model.predict(X, verbose=0))


def drawn(*layers):
    """Return a model with weights that are not zero."""
    model = Sequential([Input((6, 4)), *layers, Dense(2)])
    rng = np.random.default_rng(1)
    model.set_weights([rng.uniform(0.1, 0.5, one.shape) for one in model.get_weights()])
    return model


def test_a_gru_without_the_word_resets_before(former):
    model = drawn(GRU(3, reset_after=False))

    def change(_, config):
        del config["reset_after"]

    check_same(former(model, change, model.layers[0].get_weights(), "2.0.8"), model)


def test_nine_arrays_of_keras_1(former):
    model = drawn(GRU(3, reset_after=False))
    gates = [np.split(one, 3, axis=-1) for one in model.layers[0].get_weights()]
    arrays = [kind[gate] for gate in range(3) for kind in gates]

    def change(_, config):
        for name in [one for one in config if one not in ("name", "trainable")]:
            del config[name]
        config |= {"output_dim": 3, "inner_activation": "sigmoid", "consume_less": "cpu"}

    check_same(former(model, change, arrays, "1.2.2"), model)


def test_cudnn_gru(former):
    """Its kernels are the transposed ones of each gate, row after row; its biases in a row."""
    model = drawn(GRU(3))
    kernel, recurrent, bias = model.layers[0].get_weights()
    arrays = [
        np.hstack([one.T.reshape(one.shape) for one in np.split(kernel, 3, axis=1)]),
        np.hstack([one.T for one in np.split(recurrent, 3, axis=1)]),
        bias.reshape(-1),
    ]

    def change(entry, config):
        entry["class_name"] = "CuDNNGRU"
        for name in ("activation", "recurrent_activation", "reset_after", "dropout"):
            del config[name]

    check_same(former(model, change, arrays), model)


@pytest.mark.parametrize("backend", ["tensorflow", "theano"])
def test_kernels_of_theano_are_turned_around(former, backend):
    model = drawn(Conv1D(3, 2), Flatten())
    kernel, bias = model.layers[0].get_weights()
    stored = kernel[::-1] if backend == "theano" else kernel
    check_same(former(model, lambda *_: None, [stored, bias], backend=backend), model)


def test_convolution_of_keras_1(former):
    model = drawn(Conv1D(3, 2), Flatten())
    kernel, bias = model.layers[0].get_weights()

    def change(entry, config):
        entry["class_name"] = "Convolution1D"
        for name in ("filters", "kernel_size", "padding", "strides"):
            del config[name]
        config |= {"nb_filter": 3, "filter_length": 2, "border_mode": "valid"}
        config |= {"subsample_length": 1, "input_dim": 4, "input_length": 6}

    check_same(former(model, change, [kernel[:, None], bias], "1.2.2"), model)


def test_pooling_of_keras_1(former):
    model = drawn(MaxPooling1D(3, 2), Flatten())

    def change(_, config):
        del config["pool_size"], config["strides"], config["padding"]
        config |= {"pool_length": 3, "stride": 2, "border_mode": "valid"}

    check_same(former(model, change, [], "1.2.2"), model)


@pytest.mark.parametrize("words", [{"fused": True, "axis": [2]}, {"mode": 0, "gamma_init": "one"}])
def test_words_of_batch_normalization(former, words):
    model = drawn(BatchNormalization(), Flatten())

    def change(_, config):
        config.update(words)

    check_same(former(model, change, model.layers[0].get_weights()), model)


@pytest.mark.parametrize("words", [{"mode": 1}, {"virtual_batch_size": 8}])
def test_batch_normalization_that_computes_something_else(former, words):
    model = drawn(BatchNormalization(), Flatten())
    with pytest.raises(ValueError, match=f"argument {next(iter(words))}="):
        former(model, lambda _, config: config.update(words), model.layers[0].get_weights())
