"""Names of Keras's asked of nlstm's own rooms, as by scripts whose imports were changed."""

import importlib
import importlib.util
import random
import subprocess
import sys

import pytest

import nlstm
from nlstm.compat.paths import FORMER_NAMES, NAMES, PATHS
from nlstm.compat.places import looked_up


@pytest.mark.parametrize("path", PATHS)
def test_rooms_are_attributes_without_an_import_of_their_own(path):
    code = f"import nlstm as keras\nprint(keras.{path}.__name__)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == f"{PATHS[path]}\n"


@pytest.mark.parametrize(("path", "name"), [(p, name) for p in NAMES for name in NAMES[p]])
def test_further_names_are_those_of_the_stand_ins(path, name):
    room = importlib.import_module(f"nlstm.{path}".rstrip("."))
    assert getattr(room, name) is looked_up(NAMES[path][name])
    names = {}
    exec(f"from {room.__name__} import {name}", names)
    assert names[name] is getattr(room, name)


@pytest.mark.parametrize(("path", "name"), [(p, n) for p in FORMER_NAMES for n in FORMER_NAMES[p]])
def test_dropped_names_warn_once(path, name):
    room = importlib.import_module(f"nlstm.{path}")
    vars(room).pop(name, None)
    names = {}
    with pytest.warns(DeprecationWarning, match="Keras has dropped|merge is now") as caught:
        exec(f"from {room.__name__} import {name}", names)
    assert len(caught) == 1
    assert names[name] is looked_up(FORMER_NAMES[path][name])
    vars(room).pop(name, None)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("from nlstm.layers import LSTM, Attention", "no layers.Attention; attention is another"),
        ("from nlstm.layers import LTSM", "nlstm has no layers.LTSM; there is LSTM. See docs/"),
        ("from nlstm.layers import Adam", "it is in nlstm.optimizers"),
        ("from nlstm.layers import Conv1DTranspose", "Conv1D is the only convolution"),
        ("from nlstm import ops", "nlstm has no ops; nlstm computes with NumPy arrays"),
        ("from nlstm import LSTM", "it is in nlstm.layers"),
        ("import nlstm.config", "nlstm has no config; a model takes its dtype as dtype"),
        ("import nlstm.wrappers.scikit_learn", "nlstm.sklearn has LSTMClassifier"),
    ],
)
def test_imports_of_what_is_absent_say_what_to_take(statement, message):
    with pytest.raises(ImportError, match=message):
        exec(statement, {})


@pytest.mark.parametrize(
    ("room", "name", "message"),
    [
        (nlstm, "config", "nlstm has no config; a model takes its dtype"),
        (nlstm.layers, "Lambda", "nlstm has no layers.Lambda; nlstm does not differentiate"),
        (nlstm.backend, "square", "arrays are NumPy's: take np.square"),
        (nlstm.activations, "sigmiod", "there is sigmoid"),
        (nlstm.utils, "plot_mdel", "there is plot_model"),
    ],
)
def test_attributes_that_are_absent_are_attribute_errors(room, name, message):
    assert not hasattr(room, name)
    with pytest.raises(AttributeError, match=message):
        getattr(room, name)


def test_former_paths_are_attributes():
    with pytest.warns(DeprecationWarning, match="nlstm.utils.np_utils is a former path"):
        sys.modules.pop("nlstm.utils.np_utils", None)
        vars(nlstm.utils).pop("np_utils", None)
        assert nlstm.utils.np_utils.to_categorical is nlstm.utils.to_categorical


def test_what_python_asks_by_itself_is_answered_as_ever():
    for room in (nlstm, nlstm.layers):
        assert not hasattr(room, "__wrapped__") and not hasattr(room, "_pytestfixturefunction")
    assert importlib.util.find_spec("nlstm._nothing") is None
    assert importlib.util.find_spec("nlstm.windows.nothing") is None
    from nlstm import plan  # a room of nlstm's own, which no user asks for

    assert plan.__name__ == "nlstm.plan"


def test_a_star_leaves_pythons_random():
    names = {"random": random}
    exec("from nlstm import *", names)
    assert names["random"] is random
