"""Files that versions of Keras wrote: they open, predict what that version did, and go on."""

import numpy as np
import pytest

from nlstm.models import load_model, model_from_json
from tests.interop.kept import (
    VERSIONS,
    answers,
    as_one,
    check_predictions,
    files_of,
    forget,
    unpack,
)

pytest.importorskip("h5py")
MODELS = [
    (version, name)
    for version in VERSIONS
    for name in files_of(version, ".h5", ".keras")
    if "weights" not in name
]
WEIGHTS = [
    (version, name)
    for version in VERSIONS
    for name in files_of(version, "weights.h5")
    if files_of(version, f"{name.split('.')[0].removesuffix('_weights')}.h5")
]
# Keras 1 and 2.3 read the count of steps while they change it: the step after is 4 or 5 by chance.
# Keras 3.0 gives the mean loss since compile, and weighs masked steps otherwise.
NAMELESS = ("keras-2.12", "keras-2.13", "keras-2.15", "keras-3.0")
ROUGH_STEP, OTHER_LOSS = ("keras-1.2", "keras-2.3"), ("keras-3.0",)


def loaded(version, name, folder):
    """Return a model; Keras 1 wrote an optimizer's state for each gate, which starts anew."""
    path = unpack(version, name, folder)
    if version == "keras-1.2":
        with pytest.warns(UserWarning, match="The optimizer's state does not fit the model"):
            return load_model(path)
    return load_model(path)  # a warning is an error


@pytest.mark.parametrize("version, name", MODELS)
def test_models_predict_and_go_on(version, name, tmp_path):
    parts, loss = answers(version, name, tmp_path)
    model = loaded(version, name, tmp_path)
    check_predictions(model, parts["x"], parts["y"])
    if loss is None:
        assert model.optimizer is not None or name == "cudnn.h5"
        return
    forget(model)
    found = model.train_on_batch(as_one(parts["x"]), as_one(parts["target"]))
    if version not in OTHER_LOSS:
        assert np.ravel(found)[0] == pytest.approx(loss, abs=1e-6)
    forget(model)
    if version not in ROUGH_STEP and not (version in OTHER_LOSS and name.startswith("branches")):
        check_predictions(model, parts["x"], parts["later"])


@pytest.mark.parametrize("version, name", WEIGHTS)
@pytest.mark.parametrize("by_name", [False, True])
def test_weights_alone_go_into_the_same_model(version, name, by_name, tmp_path):
    case = name.split(".")[0].removesuffix("_weights")
    parts, _ = answers(version, name, tmp_path)
    model = load_model(unpack(version, f"{case}.h5", tmp_path), compile=False)
    if case == "branches" and (by_name or version in NAMELESS):
        return  # a model inside another has no name of its own here, and the file names no layers
    model.set_weights([np.zeros_like(one) for one in model.get_weights()])
    model.load_weights(unpack(version, name, tmp_path), by_name=by_name)
    check_predictions(model, parts["x"], parts["y"])


@pytest.mark.parametrize("version", VERSIONS)
def test_what_was_compiled_comes_too(version, tmp_path):
    model = loaded(version, "stack.h5", tmp_path)
    assert type(model.optimizer).__name__ == "Adam"
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01)
    assert model.optimizer.iterations == (0 if version == "keras-1.2" else 3)
    assert model.metrics_names[0] == "loss" and "mean_squared_error" in model.loss.name
    assert model.metrics_names[1] in ("mae", "mean_absolute_error")
    assert [layer.name for layer in model.layers][0].startswith("lstm")
    assert load_model(tmp_path / "stack.h5", compile=False).optimizer is None


@pytest.mark.parametrize("version", ["keras-2.3", "keras-2.15", "keras-3.15"])
def test_what_was_read_is_written_in_nlstms_own_format_too(version, tmp_path):
    parts, _ = answers(version, "branches.h5", tmp_path)
    model = load_model(unpack(version, "branches.h5", tmp_path))
    model.save(tmp_path / "m.nlstm")
    again = load_model(tmp_path / "m.nlstm")
    check_predictions(again, parts["x"], parts["y"])
    assert model_from_json(model.to_json()).count_params() == model.count_params()
    data = as_one(parts["x"]), [np.zeros_like(one) for one in parts["y"]]
    assert again.train_on_batch(*data) == model.train_on_batch(*data)
