"""Archives whose weights are pickles: read as data, and nothing in them runs."""

import io
import pickle
import zipfile

import numpy as np
import pytest

from nlstm.layers import LSTM, Dense, Input
from nlstm.models import Sequential, load_model

h5py = pytest.importorskip("h5py")


class Variable:
    """As Keras's: NumPy writes it as an object of the class that its name says."""

    def __init__(self, value):
        self._value, self.initializer = value, Inside()

    def __reduce_ex__(self, protocol):
        return Made("keras.src.backend", "Variable"), (), vars(self)


class Inside:
    def __reduce_ex__(self, protocol):
        return Made("keras.src.initializers", "Zeros"), ()


class Made:
    """A global of a pickle, without a module behind it."""

    def __init__(self, module, name):
        self.module, self.name = module, name

    def __call__(self):
        raise AssertionError


class Pickler(pickle._Pickler):  # the one in Python, which a name can be given to
    dispatch = dict(pickle._Pickler.dispatch)

    def save_made(self, made):
        self.write(pickle.GLOBAL + f"{made.module}\n{made.name}\n".encode())

    dispatch[Made] = save_made


def member(value):
    """Return the bytes of one member: an array without axes of one object."""
    file = io.BytesIO()
    header = {"descr": "|O", "fortran_order": False, "shape": ()}
    np.lib.format.write_array_header_1_0(file, header)
    Pickler(file, 4).dump(np.array(value, dtype=object))
    return file.getvalue()


@pytest.fixture
def model():
    model = Sequential([Input((5, 3)), LSTM(4), Dense(2)])
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((2, 5, 3)), np.ones((2, 2)))
    return model


@pytest.fixture
def archive(model, tmp_path):
    """Give a function that writes the model's archive with such weights, each made by `change`."""

    def write(change):
        model.save(tmp_path / "whole.keras")
        places = {}
        with zipfile.ZipFile(tmp_path / "whole.keras") as whole:
            parts = {name: whole.read(name) for name in ("config.json", "metadata.json")}
            with h5py.File(io.BytesIO(whole.read("model.weights.h5"))) as file:

                def keep(path, one):
                    if isinstance(one, h5py.Dataset):
                        place, name = path.split("/vars/")
                        places.setdefault(place, {})[name] = one[()]

                file.visititems(keep)
        weights = io.BytesIO()
        with zipfile.ZipFile(weights, "w") as inner:
            for place, arrays in places.items():
                changed = {name: change(array) for name, array in arrays.items()}
                inner.writestr(f"{place}.npy", member(changed))
        parts["model.weights.npz"] = weights.getvalue()
        with zipfile.ZipFile(tmp_path / "m.keras", "w") as changed:
            for name, content in parts.items():
                changed.writestr(name, content)
        return tmp_path / "m.keras"

    return write


def in_columns(array):
    return np.array(array, order="F")


@pytest.mark.parametrize("change", [np.asarray, in_columns, Variable])
def test_weights_and_the_optimizer_come(model, archive, change):
    found, x = load_model(archive(change)), np.random.default_rng(0).random((4, 5, 3))
    np.testing.assert_array_equal(found.predict(x, verbose=0), model.predict(x, verbose=0))
    y = np.zeros((4, 2))
    found.train_on_batch(x, y), model.train_on_batch(x, y)  # whose rate Keras keeps in float32
    np.testing.assert_allclose(found.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-6)


def test_other_byte_order(model, archive):
    found = load_model(archive(lambda one: one.astype(one.dtype.newbyteorder(">"))))
    for one, other in zip(found.get_weights(), model.get_weights()):
        np.testing.assert_array_equal(one, other)


class Harm:
    def __init__(self, call, *arguments):
        self.call = call, arguments

    def __reduce_ex__(self, protocol):
        return self.call


HARM = [
    (Harm(exec, "import pathlib; pathlib.Path('harm').touch()"), "would call builtins.exec"),
    (Harm(Made("os", "system"), "touch harm"), "would call os.system"),
    (Harm(Made("numpy.core.multiarray", "fromfile"), "harm"), "other things than|do not lie"),
    (np.array(["text"]), "expected numbers"),
    (np.array([{}], dtype=object), "other things than numbers"),
    (Variable("text"), "only its own library reads"),
    (3.0, "do not lie as Keras writes them"),
]  # fmt: skip


@pytest.mark.parametrize("value, wanted", HARM)
def test_nothing_else_is_made(archive, monkeypatch, tmp_path, value, wanted):
    monkeypatch.chdir(tmp_path)
    path = archive(np.asarray)
    with zipfile.ZipFile(path) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    weights = io.BytesIO()
    with zipfile.ZipFile(weights, "w") as inner:
        inner.writestr("layers/lstm/cell.npy", member({"0": value}))
    parts["model.weights.npz"] = weights.getvalue()
    with zipfile.ZipFile(path, "w") as changed:
        for name, content in parts.items():
            changed.writestr(name, content)
    with pytest.raises(ValueError, match=wanted):
        load_model(path)
    assert not (tmp_path / "harm").exists()


def test_a_member_that_unpacks_to_far_more(archive):
    path = archive(np.asarray)
    with zipfile.ZipFile(path) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    weights = io.BytesIO()
    with zipfile.ZipFile(weights, "w", zipfile.ZIP_DEFLATED) as inner:
        inner.writestr("layers/lstm/cell.npy", b"\0" * (1 << 25))
    parts["model.weights.npz"] = weights.getvalue()
    with zipfile.ZipFile(path, "w") as changed:
        for name, content in parts.items():
            changed.writestr(name, content)
    with pytest.raises(ValueError, match="would unpack to"):
        load_model(path)
