"""Weights in files: what comes back, and what broken and foreign files do."""

import os

import numpy as np
import pytest
from safetensors.numpy import save_file

from nlstm.files import arrays_file
from nlstm.layers import LSTM, Dense, Dropout
from nlstm.models import Sequential


def small():
    return Sequential([LSTM(3, input_shape=(5, 2)), Dense(1)])


def changed(model):
    """Return a model like `model` with other weights."""
    other = small()
    other.set_weights([w + 1 for w in model.get_weights()])
    return other


def test_weights_go_through_a_file(tmp_path):
    model, path = small(), tmp_path / "weights.safetensors"
    model.save_weights(path)
    other = changed(model)
    other.load_weights(str(path))
    for one, two in zip(model.get_weights(), other.get_weights()):
        np.testing.assert_array_equal(one, two)
    assert [entry.name for entry in tmp_path.iterdir()] == ["weights.safetensors"]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    model, path = small(), tmp_path / "w"
    model.save_weights(path)
    content = path.read_bytes()

    def fail(*arguments):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space left"):
        changed(model).save_weights(path)
    assert path.read_bytes() == content
    assert [entry.name for entry in tmp_path.iterdir()] == ["w"]


def refused(model, path, match):
    before = model.get_weights()
    with pytest.raises(ValueError, match=match):
        model.load_weights(path)
    for one, other in zip(before, model.get_weights()):
        np.testing.assert_array_equal(one, other)


def test_broken_files_change_nothing(tmp_path):
    model, path = small(), tmp_path / "w"
    model.save_weights(path)
    content = path.read_bytes()
    for size in (0, 5, 100, len(content) - 1):
        path.write_bytes(content[:size])
        refused(model, path, "is not a whole safetensors file")
    path.write_bytes(b"not weights at all" * 20)
    refused(model, path, "is not a whole safetensors file")
    with pytest.raises(FileNotFoundError):
        model.load_weights(tmp_path / "absent")


def test_a_file_that_is_cut_while_it_is_read_changes_nothing(tmp_path, monkeypatch):
    model, path = Sequential([Dense(100, input_shape=(100,))]), tmp_path / "w"
    model.save_weights(path)  # more than a file's buffer
    check = arrays_file._check_kind

    def cut_and_check(*arguments):
        os.truncate(path, 100)
        check(*arguments)

    monkeypatch.setattr(arrays_file, "_check_kind", cut_and_check)
    refused(model, path, "is not a whole safetensors file")


def test_foreign_files_change_nothing(tmp_path):
    model, path = small(), tmp_path / "w"
    arrays = {"lstm/kernel": np.ones((2, 12), np.float32)}
    save_file(arrays, path)
    refused(model, path, "holds no nlstm weights: its format is None")
    save_file(arrays, path, {"format": "nlstm-weights", "version": "99"})
    refused(model, path, "has version 99 of the weights format; this nlstm reads version 1")


def test_files_of_other_models_change_nothing(tmp_path):
    path = tmp_path / "w"
    model = small()
    Sequential([LSTM(4, input_shape=(5, 2)), Dense(1)]).save_weights(path)
    refused(model, path, r"lstm/kernel of shape \(2, 16\); the model's has shape \(2, 12\)")
    Sequential([LSTM(3, input_shape=(5, 2)), Dropout(0.1)]).save_weights(path)
    refused(model, path, "the model also has dense/bias, dense/kernel; the file also has nothing")
