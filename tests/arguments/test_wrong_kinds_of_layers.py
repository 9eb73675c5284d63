"""Every argument of layers and of models' methods takes a wrong kind of thing in, or names it."""

import functools
import inspect

import numpy as np
import pytest

import nlstm
from nlstm import layers
from nlstm.layers.merging import Merge
from tests.arguments.test_wrong_kinds import LARGE, WRONG, names_itself

X, Y = np.zeros((4, 3, 2), "f4"), np.zeros((4, 1), "f4")
NEEDED = {
    "units": 2,
    "rate": 0.5,
    "stddev": 0.5,
    "n": 2,
    "target_shape": (2, 3),
    "input_dim": 3,
    "output_dim": 2,
    "activation": "tanh",
    "shape": (3, 2),
    "pool_size": 2,
    "filters": 2,
    "kernel_size": 2,
    "dims": (2, 1),
}
HELD = {"TimeDistributed": lambda: layers.Dense(2), "Bidirectional": lambda: layers.LSTM(2)}
CLASSES = {
    found
    for name in layers.__all__
    if inspect.isclass(found := getattr(layers, name)) and found is not layers.Layer
}
ALSO = {"name": "layer", "index": "layer", "weights": "kernel", "input_shape": "Input"}
FOR_OLD_CODE = {"unroll", "use_cudnn", "implementation", "time_major"}
FOR_OLD_CALLS = {"run_eagerly", "steps_per_execution", "jit_compile", "auto_scale_loss"}


def parameters(function):
    found = inspect.signature(function).parameters.values()
    return [one for one in found if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]


def run(layer):
    """Build a model of a layer, and let it predict."""
    if isinstance(layer, layers.InputLayer):
        symbol = layer.output
        nlstm.Model(symbol, layers.Identity()(symbol))
        return
    flat = isinstance(layer, layers.Embedding | layers.RepeatVector)
    several = isinstance(layer, Merge | layers.Concatenate)
    inputs = [nlstm.Input((3,) if flat else (3, 2)) for _ in range(2 if several else 1)]
    model = nlstm.Model(inputs, layer(inputs) if several else layer(inputs[0]))
    model.predict([np.zeros((2, *one.shape[1:])) for one in inputs], verbose=0)


def kind_of(argument):
    """What things are that are known by name: a "kernel_initializer" is an initializer."""
    return ALSO.get(argument) or argument.rpartition("_")[2].removesuffix("s")


def faults_of(call, argument, values, use):
    """Call with each value; return what fails without naming the argument."""
    found = []
    for value in values:
        try:
            use(call(**{argument: value}))
        except (TypeError, ValueError) as error:
            if argument.endswith("initializer") and callable(value):
                continue  # a function of other arguments: its own error
            if not (names_itself(error, argument) or kind_of(argument) in str(error)):
                found.append(f"{argument}={value!r}: {type(error).__name__}: {error}"[:300])
        except Exception as error:
            found.append(f"{argument}={value!r}: {type(error).__name__}: {error}"[:300])
    return found


@pytest.mark.filterwarnings("ignore:(overflow|invalid|divide)", "ignore::DeprecationWarning")
@pytest.mark.parametrize("cls", sorted(CLASSES, key=lambda cls: cls.__name__))
def test_layers(cls):
    given = parameters(cls)
    needed = {one.name: NEEDED[one.name] for one in given if one.name in NEEDED}
    if cls.__name__ == "LSTM":
        needed = {"units": 2}
    faults = []
    for one in given:
        if one.name in FOR_OLD_CODE:
            continue
        for value in WRONG:
            held = {"layer": HELD[cls.__name__]()} if cls.__name__ in HELD else {}
            call = functools.partial(cls, **{**needed, **held, one.name: value})
            faults += faults_of(lambda call=call, **_: call(), one.name, [value], run)
    assert not faults, "\n".join(faults)


def model():
    made = nlstm.Sequential([nlstm.Input((3, 2)), layers.Flatten(), layers.Dense(1)])
    made.compile("sgd", "mse")
    return made


def wired(**arguments):
    x = nlstm.Input((3, 2))
    given = {"inputs": x, "outputs": layers.Flatten()(x)} | arguments
    return nlstm.Model(**given)


CALLS = {
    "Input": (lambda **a: nlstm.Input(**{"shape": (3, 2)} | a), nlstm.Input),
    "Model": (wired, nlstm.Model),
    "Sequential": (nlstm.Sequential, nlstm.Sequential),
    "compile": (lambda **a: model().compile(**{"loss": "mse"} | a), nlstm.Model.compile),
    "fit": (lambda **a: model().fit(**{"x": X, "y": Y, "verbose": 0} | a), nlstm.Model.fit),
    "evaluate": (lambda **a: model().evaluate(**{"x": X, "y": Y, "verbose": 0} | a),
                 nlstm.Model.evaluate),
    "predict": (lambda **a: model().predict(**{"x": X, "verbose": 0} | a), nlstm.Model.predict),
    "train_on_batch": (lambda **a: model().train_on_batch(**{"x": X, "y": Y} | a),
                       nlstm.Model.train_on_batch),
    "test_on_batch": (lambda **a: model().test_on_batch(**{"x": X, "y": Y} | a),
                      nlstm.Model.test_on_batch),
    "predict_on_batch": (lambda **a: model().predict_on_batch(**{"x": X} | a),
                         nlstm.Model.predict_on_batch),
    "stream": (lambda **a: model().stream(**a), nlstm.Model.stream),
    "compute_output_shape": (lambda **a: model().compute_output_shape(**a),
                             nlstm.Model.compute_output_shape),
    "build": (lambda **a: nlstm.Sequential([layers.Dense(1)]).build(**a), nlstm.Sequential.build),
    "set_weights": (lambda **a: model().set_weights(**a), nlstm.Model.set_weights),
    "get_layer": (lambda **a: model().get_layer(**a), nlstm.Model.get_layer),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize("name", CALLS)
def test_calls(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # "x" is a right folder for a checkpoint
    call, function = CALLS[name]
    faults = []
    for one in parameters(function):
        if one.name not in FOR_OLD_CALLS | {"self"}:
            values = [value for value in WRONG if (one.name, value is LARGE) != ("epochs", True)]
            faults += faults_of(call, one.name, values, lambda made: made)
    assert not faults, "\n".join(faults)
