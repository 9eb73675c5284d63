"""`python -m nlstm show` and `convert`: what a file holds, and the same in another format."""

import json

import numpy as np
import pytest

from nlstm.__main__ import main
from nlstm.layers import LSTM, Dense, Input
from nlstm.models import Model, Sequential, load_model
from tests.interop.kept import unpack

h5py = pytest.importorskip("h5py")
X = np.random.default_rng(0).random((6, 5, 3))


@pytest.fixture
def model():
    model = Sequential([Input((5, 3)), LSTM(4, name="one"), Dense(2, name="two")])
    model.compile("adam", "mse")
    model.fit(X, np.zeros((6, 2)), epochs=3, batch_size=6, verbose=0)
    return model


def shown(capsys, *words):
    main(["show", *map(str, words)])
    return capsys.readouterr().out


@pytest.mark.parametrize(
    "name, said",
    [
        ("m.nlstm", "nlstm's model, version 1"),
        ("m.keras", "a .keras archive"),
        ("m.h5", "HDF5 of Keras's"),
    ],
)
def test_show_says_where_a_model_came_from_and_what_it_is(model, tmp_path, capsys, name, said):
    model.save(tmp_path / name)
    lines = shown(capsys, tmp_path / name).splitlines()
    found = {line[:16].strip(): line[17:] for line in lines if line[:1].isalpha()}
    assert found["file"] == name and found["format"] == said
    assert (found["input"], found["output"]) == ("(None, 5, 3)", "(None, 2)")
    assert found["loss"] in ("mse", "mean_squared_error") and found["steps trained"] == "3"
    state = found["training state"] if name.endswith("nlstm") else found["optimizer state"]
    assert state.endswith("arrays") and "one (LSTM)" in "\n".join(lines)


def test_show_lists_weights(model, tmp_path, capsys):
    model.save(tmp_path / "m.nlstm")
    assert "one/recurrent_kernel  (4, 16) 256 bytes\n" in shown(
        capsys, tmp_path / "m.nlstm", "--weights"
    )


@pytest.mark.parametrize("name", ["w.weights.h5", "w.h5", "w.weights.safetensors"])
def test_show_lists_a_file_of_weights_alone(model, tmp_path, capsys, name):
    model.save_weights(tmp_path / name)
    found = shown(capsys, tmp_path / name)
    assert "weights alone" in found and "(4, 16)" in found and "Total params" not in found


@pytest.mark.parametrize(
    "version, name, said",
    [
        ("keras-1.2", "stack.h5", ""),
        ("keras-2.3", "stack.h5", "2.3"),
        ("keras-2.13", "stack.keras", "2.13"),
    ],
)
def test_show_names_the_version_of_keras(tmp_path, capsys, version, name, said):
    found = shown(capsys, unpack(version, name, tmp_path))
    assert next(line for line in found.splitlines() if line.startswith("Keras"))[17:].startswith(
        said
    )


@pytest.mark.parametrize("columns", [20, 40, 80])
def test_show_stays_inside_the_terminal(model, tmp_path, capsys, monkeypatch, columns):
    model.save(tmp_path / "m.keras")
    monkeypatch.setattr("nlstm.commands.show.width", lambda: columns)
    lines = shown(capsys, tmp_path / "m.keras", "--weights").splitlines()
    own = [*lines[: lines.index("")], *lines[len(lines) - lines[::-1].index("") :]]
    wide = [line for line in own if len(line) > columns]
    assert not [line for line in wide if " " in line.strip()]  # words stay whole


def test_show_of_what_compile_cannot_say(model, tmp_path, capsys):
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        told = json.loads(file.attrs["training_config"]) | {"loss": "my_loss"}
        file.attrs["training_config"] = json.dumps(told)
    found = shown(capsys, tmp_path / "m.h5")
    assert "cannot be read: loss 'my_loss'" in found and "Total params" in found
    with pytest.raises(SystemExit, match="^1$"):
        main(["convert", str(tmp_path / "m.h5"), str(tmp_path / "n.keras")])
    assert "--no-compile leaves compile out" in capsys.readouterr().err


@pytest.mark.parametrize("source", ["m.nlstm", "m.keras", "m.h5"])
@pytest.mark.parametrize("target", ["n.nlstm", "n.keras", "n.h5", "n.hdf5"])
def test_convert(model, tmp_path, capsys, source, target):
    model.save(tmp_path / source)
    main(["convert", str(tmp_path / source), str(tmp_path / target)])
    assert capsys.readouterr().out.endswith(", 138 weights\n")
    found = load_model(tmp_path / target)
    np.testing.assert_array_equal(found.predict(X, verbose=0), model.predict(X, verbose=0))
    assert found.optimizer.iterations == 3


def test_convert_to_weights_and_without_compile(model, tmp_path, capsys):
    model.save(tmp_path / "m.nlstm")
    main(["convert", str(tmp_path / "m.nlstm"), str(tmp_path / "w.weights.h5")])
    main(["convert", "--no-compile", str(tmp_path / "m.nlstm"), str(tmp_path / "n.keras")])
    other = load_model(tmp_path / "n.keras")
    assert not other.compiled
    other.set_weights([0 * one for one in other.get_weights()])
    other.load_weights(tmp_path / "w.weights.h5")
    np.testing.assert_array_equal(other.predict(X, verbose=0), model.predict(X, verbose=0))


@pytest.mark.parametrize(
    "words, wanted",
    [
        (["show", "gone.h5"], "show: gone.h5: No such file or directory"),
        (["show", "text.h5"], "is not a whole safetensors file"),
        (["convert", "m.nlstm", "m.txt"], "convert: OUT must end in .nlstm, .weights.h5, .keras"),
        (["convert", "m.nlstm", "there.keras"], "there.keras is there; --overwrite replaces it."),
        (["convert", "zoned.nlstm", "zoned.keras"], "zoneout"),
    ],
)
def test_what_cannot_be_done_is_one_line(model, tmp_path, monkeypatch, capsys, words, wanted):
    monkeypatch.chdir(tmp_path)
    model.save("m.nlstm")
    model.save("there.keras")
    before = (tmp_path / "there.keras").read_bytes()
    (tmp_path / "text.h5").write_text("no model, and long enough to be read")
    x = Input((4, 2))
    Model(x, LSTM(3, zoneout=0.1)(x)).save("zoned.nlstm")
    with pytest.raises(SystemExit, match="^1$"):
        main(words)
    found = capsys.readouterr()
    assert wanted in found.err and found.err.startswith("python -m nlstm ") and not found.out
    assert (tmp_path / "there.keras").read_bytes() == before


@pytest.mark.parametrize("command", ["show", "convert", "predict"])
def test_help_and_what_is_missing(command, capsys):
    with pytest.raises(SystemExit, match="^0$"):
        main([command, "--help"])
    assert "usage: python -m nlstm " + command in capsys.readouterr().out
    with pytest.raises(SystemExit, match="^2$"):
        main([command])
    assert capsys.readouterr().err.count("\n") == 1
