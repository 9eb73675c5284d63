"""What nlstm writes for Keras: whole or not at all, in Keras's words, and read here again."""

import json
import os
import zipfile

import numpy as np
import pytest

import nlstm
from nlstm.layers import LSTM, Dense, Dropout, Embedding, Input, Masking, TimeDistributed
from nlstm.models import Model, Sequential, load_model

h5py = pytest.importorskip("h5py")


def trained(optimizer="adam", **given):
    model = Sequential([Input((5, 3)), LSTM(4, dropout=0.2), Dropout(0.1), Dense(2)])
    model.compile(optimizer, given.get("loss", "mse"), metrics=given.get("metrics", ["mae"]))
    model.fit(x(), y(), epochs=2, batch_size=4, verbose=0)
    return model


def x():
    return np.random.default_rng(0).random((8, 5, 3), np.float32)


def y():
    return np.zeros((8, 2), np.float32)


@pytest.mark.parametrize(
    "optimizer",
    [
        "adam", "nadam", "adamax", "adagrad", "adadelta", "lion",
        nlstm.optimizers.Adam(0.02, amsgrad=True, use_ema=True),
        nlstm.optimizers.SGD(0.1, momentum=0.9, gradient_accumulation_steps=2),
        nlstm.optimizers.RMSprop(0.01, momentum=0.5, centered=True),
        nlstm.optimizers.AdamW(nlstm.optimizers.schedules.CosineDecay(0.1, 100)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("ending", [".keras", ".h5", ".HDF5"])
def test_what_training_has_made_comes_back(optimizer, ending, tmp_path):
    if not isinstance(optimizer, str):
        optimizer = type(optimizer).from_config(optimizer.get_config())
    model = trained(optimizer)
    model.save(tmp_path / f"m{ending}")
    again = load_model(tmp_path / f"m{ending}")
    for one, other in zip(again.get_weights(), model.get_weights()):
        np.testing.assert_array_equal(one, other)
    wanted = model.optimizer.variables()
    again.binder.optimized(again.training)
    found = again.optimizer.variables()
    assert found.keys() == wanted.keys()
    assert float(again.optimizer.learning_rate) == pytest.approx(
        float(model.optimizer.learning_rate)
    )
    for name in wanted.keys() - {"learning_rate"}:  # a schedule gives it at the next step
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-6, err_msg=name)
    assert again.optimizer.get_config().keys() == model.optimizer.get_config().keys()


@pytest.mark.filterwarnings("ignore:decay of SGD:DeprecationWarning")
def test_decay_of_keras_2_is_written_as_a_schedule(tmp_path):
    model = trained(nlstm.optimizers.SGD(0.1, decay=0.5))
    model.optimizer.learning_rate = 0.2
    model.save(tmp_path / "m.keras")
    again = load_model(tmp_path / "m.keras")
    for one in (model, again):
        one.fit(x(), y(), batch_size=8, verbose=0)
        assert one.optimizer.settings.host[0] == pytest.approx(0.2 / (1 + 0.5 * 4))
    assert type(again.optimizer._schedule) is nlstm.optimizers.schedules.InverseTimeDecay


@pytest.mark.parametrize(
    "layers, wanted",
    [
        ([LSTM(4, peephole=True)], "peephole of the LSTM 'lstm' is True"),
        ([LSTM(4, zoneout=0.1)], "zoneout of the LSTM 'lstm' is"),
        ([LSTM(4, layer_norm=True)], "layer_norm of the LSTM 'lstm' is True"),
        ([LSTM(4, proj_size=2)], "proj_size of the LSTM 'lstm' is 2"),
        ([LSTM(4), Dense(2, "gelu_tanh")], "activation of the Dense 'dense' is 'gelu_tanh'"),
        ([LSTM(4, recurrent_activation="hard_sigmoid_keras2")], "'hard_sigmoid_keras2'"),
    ],
)
@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_what_keras_lacks_is_named_and_nothing_is_written(layers, wanted, ending, tmp_path):
    copies = [type(one).from_config(one.get_config()) for one in layers]
    model = Sequential([Input((5, 3)), *copies])
    path = tmp_path / f"m{ending}"
    path.write_bytes(b"before")
    with pytest.raises(ValueError, match=wanted) as caught:
        model.save(path)
    assert "nothing was written" in str(caught.value)
    assert path.read_bytes() == b"before" and os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize(
    "given, wanted",
    [
        ({"loss": nlstm.losses.GaussianNLL()}, "loss of compile is GaussianNLL"),
        ({"loss": "nse_loss"}, "loss of compile is 'nse_loss'"),
        ({"metrics": ["mae", "kge"]}, "metrics of compile is 'kge'"),
        ({"metrics": [nlstm.metrics.NSE()]}, "metrics of compile is NSE"),
    ],
)
def test_losses_of_nlstm_alone_are_left_out_if_asked(given, wanted, tmp_path):
    model = Sequential([Input((5, 3)), LSTM(4), Dense(2)])
    model.compile("adam", given.get("loss", "mse"), metrics=given.get("metrics"))
    with pytest.raises(ValueError, match=wanted):
        model.save(tmp_path / "m.keras")
    model.save(tmp_path / "m.keras", include_optimizer=False)
    assert load_model(tmp_path / "m.keras").optimizer is None


@pytest.mark.parametrize("ending", [".keras", ".h5", ".weights.h5"])
def test_a_model_that_a_layer_applies_is_refused(tmp_path, ending):
    inner = Sequential([Input((3,)), Dense(2)])
    model = Sequential([Input((5, 3)), TimeDistributed(inner, name="each")])
    save = model.save_weights if "weights" in ending else model.save
    with pytest.raises(ValueError, match="each applies a model.*nothing was written"):
        save(tmp_path / f"m{ending}")
    assert os.listdir(tmp_path) == []


def test_levels_that_hand_on_states_are_refused(tmp_path):
    model = Sequential([Input((5, 3)), LSTM(4, num_layers=2, stateful=True)])
    with pytest.raises(ValueError, match="num_layers=2 and hands on states"):
        model.save(tmp_path / "m.keras")


def test_overwrite_and_modes(tmp_path):
    model = trained()
    path = tmp_path / "m.keras"
    model.save(path)
    with pytest.raises(FileExistsError):
        model.save(path, overwrite=False)
    model.save_weights(tmp_path / "m.h5")
    with pytest.raises(FileExistsError):
        model.save_weights(tmp_path / "m.h5", overwrite=False)
    os.chmod(path, 0o600)
    model.save(path)
    assert os.stat(path).st_mode & 0o777 == 0o600
    with pytest.raises(TypeError, match="save has no argument"):
        model.save(path, signature=1)


def test_names_too_many_for_one_attribute_are_split(tmp_path):
    many = [Dense(1, name=f"{number:04}_{'n' * 70}") for number in range(900)]
    model = Sequential([Input((1,)), *many])
    model.save_weights(tmp_path / "w.h5")
    with h5py.File(tmp_path / "w.h5") as file:
        assert "layer_names" not in file.attrs and "layer_names1" in file.attrs
    wanted = model.get_weights()
    model.set_weights([np.zeros_like(one) for one in wanted])
    model.load_weights(tmp_path / "w.h5")
    for one, other in zip(model.get_weights(), wanted):
        np.testing.assert_array_equal(one, other)


def test_paths_that_windows_wrote(tmp_path):
    model = trained()
    model.save_weights(tmp_path / "w.weights.h5")
    with h5py.File(tmp_path / "w.weights.h5") as file, h5py.File(tmp_path / "b.h5", "w") as other:
        for name in ("layers/lstm/cell", "layers/dense"):
            file.copy(name, other, name.replace("/", "\\"))
    again = trained()
    again.load_weights(tmp_path / "b.h5")
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])


def test_frozen_layers_stay_frozen(tmp_path):
    model = Sequential([Input((5, 3)), LSTM(4, trainable=False), Dense(2)])
    model.compile("adam", "mse")
    model.fit(x(), y(), verbose=0)
    for ending in (".keras", ".h5"):
        model.save(tmp_path / f"m{ending}")
        again = load_model(tmp_path / f"m{ending}")
        assert [layer.trainable for layer in again.layers] == [False, True]
        again.binder.optimized(again.training)
        assert again.optimizer.variables().keys() == model.optimizer.variables().keys()


def test_shapes_names_and_dtypes_come_back(tmp_path):
    index = Input((None,), name="index", dtype="int32")
    number = Input((4, 2), batch_size=3, name="number")
    h = LSTM(3)(Embedding(5, 2, mask_zero=True)(index))
    g = LSTM(3, stateful=True)(Masking()(number))
    model = Model({"a": index, "b": number}, {"sum": h + g, "one": Dense(1)(h)}, name="both")
    given = {"a": np.array([[1, 2, 0], [3, 0, 0], [1, 1, 1]]), "b": np.ones((3, 4, 2))}
    wanted = model.predict(given, verbose=0)
    model.save(tmp_path / "m.keras")
    again = load_model(tmp_path / "m.keras")
    for layer in (*again.layers, *model.layers):
        getattr(layer, "reset_state", int)()
    found = again.predict(given, verbose=0)
    assert found.keys() == wanted.keys() and again.name == "both"
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[name], array)
    double = Sequential([Input((5, 3)), LSTM(2)], dtype="float64")
    double.save(tmp_path / "d.keras")
    assert load_model(tmp_path / "d.keras").dtype == np.float64


def test_archives_are_stored_and_say_their_version(tmp_path):
    trained().save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        assert archive.namelist() == ["metadata.json", "config.json", "model.weights.h5"]
        assert json.loads(archive.read("metadata.json"))["keras_version"].startswith("3.")
        assert all(one.compress_type == zipfile.ZIP_STORED for one in archive.infolist())


def test_nlstm_alone_loads_no_door():
    import subprocess
    import sys

    code = (
        "import sys, nlstm; from nlstm.models import load_model\n"
        "assert not {'nlstm.interop', 'nlstm.interop.keras', 'h5py'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
