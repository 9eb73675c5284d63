"""What a saved file names is public: modules that users import, arguments that they give."""

import importlib
import inspect
import json

import numpy as np
from safetensors import safe_open

import nlstm
from nlstm import Input, Model, layers
from nlstm.layers import LSTM, Bidirectional, Dense, SimpleRNN, TimeDistributed

PUBLIC = {
    name
    for name in ("layers", "models", "losses", "metrics", "optimizers", "initializers")
    + ("regularizers", "constraints", "callbacks", "activations")
}


def config_of(path):
    with safe_open(path, framework="numpy") as file:
        return json.loads(file.metadata()["config"]), list(file.keys())


def walk(value):
    """Give every dict inside `value`."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    for one in value if isinstance(value, list) else []:
        yield from walk(one)


def saved(tmp_path):
    x = Input((5, 3), name="x")
    inside = nlstm.Sequential([SimpleRNN(4, return_sequences=True)], name="inside")
    h = Bidirectional(LSTM(4, return_sequences=True, stateful=False, dropout=0.1))(x)
    h = TimeDistributed(Dense(3, kernel_regularizer="l2", kernel_constraint="max_norm"))(h)
    model = Model(x, Dense(1)(LSTM(2)(inside(h))))
    schedule = nlstm.optimizers.schedules.CosineDecay(0.1, 10)
    model.compile(
        nlstm.optimizers.Adam(schedule, use_ema=True),
        nlstm.losses.Huber(),
        metrics=["mae", nlstm.metrics.R2Score()],
    )
    model.fit(np.ones((4, 5, 3)), np.ones((4, 1)), verbose=0)
    model.save(tmp_path / "functional.nlstm")
    stack = nlstm.Sequential([LSTM(3, stateful=True), Dense(1)])
    stack.compile("sgd", "mse")
    stack.fit(np.ones((4, 5, 3)), np.ones((4, 1)), batch_size=4, verbose=0)
    stack.save(tmp_path / "stack.nlstm")
    return [tmp_path / "functional.nlstm", tmp_path / "stack.nlstm"]


def test_modules_are_public_and_hold_the_class(tmp_path):
    found = 0
    for path in saved(tmp_path):
        config, _ = config_of(path)
        for entry in walk(config):
            if "module" not in entry:
                continue
            found += 1
            package, name = entry["module"].split(".")
            assert package == "nlstm" and name in PUBLIC, entry["module"]
            module = importlib.import_module(entry["module"])
            schedules = getattr(module, "schedules", None)
            named = entry["config"] if entry["class_name"] == "class" else entry["class_name"]
            assert hasattr(module, named) or hasattr(schedules, named), entry
    assert found > 15


def test_seeds_and_states_are_named_by_arguments(tmp_path):
    for path in saved(tmp_path):
        config, arrays = config_of(path)
        named = {
            entry["config"]["name"]: entry["class_name"]
            for entry in walk(config["model"])
            if "class_name" in entry and "name" in entry.get("config", {})
        }
        places = [name.split("/") for name in config["training"]["seeds"] if name != "/model"]
        places += [name.split("/")[2:-1] for name in arrays if name.startswith("/states/")]
        assert places
        for parts in places:
            while parts and parts[0] in named and named[parts[0]] == "Sequential":
                parts = parts[1:]
            layer, *rest = parts
            arguments = set(inspect.signature(getattr(layers, named[layer])).parameters)
            assert set(rest) <= arguments | {"forward_layer"}, parts  # Keras's attribute
