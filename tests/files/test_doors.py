"""Files of others that are neither read nor written here: an error says so, nothing is written."""

import pytest

from nlstm.callbacks import ModelCheckpoint
from nlstm.layers import Dense, Input
from nlstm.models import Sequential, load_model


@pytest.mark.parametrize("ending", [".pt", ".PTH", ".pb", ".tflite", ".pkl", ".joblib", ".npz"])
def test_a_format_that_nobody_here_writes(ending, tmp_path):
    model = Sequential([Input((4,)), Dense(2)])
    for save in (model.save, model.save_weights):
        with pytest.raises(ValueError, match=rf"(?i)ends in '\{ending}', .* not written here; for"):
            save(tmp_path / f"m{ending}")
    with pytest.raises(ValueError, match="not written here"):
        ModelCheckpoint(tmp_path / f"m{ending}")
    assert not list(tmp_path.iterdir())


def test_a_folder(tmp_path):
    with pytest.raises(IsADirectoryError, match="It is a folder: models are read from one file"):
        load_model(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"x")
    with pytest.raises(IsADirectoryError, match="It is a SavedModel of TensorFlow's"):
        load_model(tmp_path)
    model = Sequential([Input((4,)), Dense(2)])
    with pytest.raises(IsADirectoryError, match="SavedModel"):
        model.load_weights(tmp_path)
