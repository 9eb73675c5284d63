"""What models are made of and give, beside live Keras: structures, steps of epochs, operators."""

import warnings

import numpy as np
import pytest
from hypothesis import given

import nlstm
from tests.layers.test_arithmetic import KEYS, OPERATORS
from tests.parity import trained
from tests.parity.draws import FLAG, cases, examples, random
from tests.parity.pairs import compare
from tests.parity.peers import keras

pytestmark = pytest.mark.usefixtures("float64")
BOTH = (nlstm, keras)


def library_of(L):
    return nlstm if L is nlstm.layers else keras


# --- a model for each step ------------------------------------------------------------------------


def stacked(library, F):
    L = library.layers
    return library.Sequential([L.Dense(4, "tanh"), L.Dropout(0.0), L.Dense(2)])


def wired(library, F):
    L = library.layers
    x = L.Input((F,), dtype="float64")
    return library.Model(x, L.Add()([L.Dense(3)(x), L.Dense(3, "tanh")(x)]))


def recurrent(library, F):
    """Each step holds a sequence of its own."""
    L = library.layers
    return library.Sequential([L.Input((F,)), L.Reshape((F, 1)), L.LSTM(3), L.Dense(2)])


MODELS = {"stacked": stacked, "wired": wired, "recurrent": recurrent}


@examples(12)
@given(cases(model=list(MODELS), twice=FLAG))
def test_time_distributed(parity, case):
    (N, T, F, _), options, seed = case

    def network(L, x):
        layer = L.TimeDistributed(MODELS[options["model"]](library_of(L), F))
        y = layer(L.Masking()(x))
        return L.Add()([y, layer(x)]) if options["twice"] else y

    x = random(seed, N, T, F)
    compare(parity, "TimeDistributed(model)", network, [x], seed=seed, predicted=True)


@pytest.mark.parametrize("frozen", [None, "one", "all"])
@pytest.mark.parametrize("kind", MODELS)
def test_time_distributed_in_training(parity, kind, frozen):
    inner = []

    def build(library):
        L = library.layers
        inner.append(MODELS[kind](library, trained.FEATURES))
        return library.Sequential(
            [
                L.Input((trained.STEPS, trained.FEATURES)),
                L.TimeDistributed(inner[-1]),
                L.LSTM(3, dtype="float64"),
                L.Dense(2, dtype="float64"),
            ]
        )

    both = trained.pair(keras, 3, build)
    for library, model, one in zip(BOTH, both, inner):
        if frozen == "one":
            next(layer for layer in one.layers if layer.weights).trainable = False
        elif frozen == "all":
            one.trainable = False
        model.compile(library.optimizers.SGD(0.1), "mse")
    with parity.configuration("TimeDistributed(model), trained") as agree:
        logs = [
            model.fit(trained.inputs(3), trained.targets(3), epochs=3, shuffle=False, verbose=0)
            for model in both
        ]
        agree("loss", *(one.history["loss"] for one in logs))
        assert len(both[0].trainable_weights) == len(both[1].trainable_weights)
        for number, pair in enumerate(zip(*(model.get_weights() for model in both))):
            agree(f"weight {number}", *pair)


@pytest.mark.parametrize("frozen", ["forward_layer", "backward_layer"])
def test_one_direction_alone_is_trained(parity, frozen):
    def build(library):
        L = library.layers
        return library.Sequential(
            [
                L.Input((trained.STEPS, trained.FEATURES)),
                L.Bidirectional(L.LSTM(2, dtype="float64")),
                L.Dense(2, dtype="float64"),
            ]
        )

    both = trained.pair(keras, 4, build)
    for library, model in zip(BOTH, both):
        getattr(model.layers[0], frozen).trainable = False
        model.compile(library.optimizers.SGD(0.1), "mse")
    with parity.configuration("Bidirectional, half of it frozen") as agree:
        for model in both:
            model.fit(trained.inputs(4), trained.targets(4), epochs=2, shuffle=False, verbose=0)
        for number, pair in enumerate(zip(*(model.get_weights() for model in both))):
            agree(f"weight {number}", *pair)


# --- operators on symbols -------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPERATORS)
def test_operators(parity, name):
    arrays = [random(1, 3, 4, 5), random(2, 3, 4, 5)]
    compare(parity, "operators", lambda L, x, z: OPERATORS[name](x, z), arrays, seed=1)


# PyTorch takes nothing backwards.
@pytest.mark.parametrize("name", [name for name in KEYS if name not in ("batch", "backwards")])
def test_parts(parity, name):
    def network(L, x):
        return L.Dense(3)(x)[KEYS[name]]

    compare(parity, "parts", network, [random(1, 3, 4, 5)], seed=1)


# --- epochs of so many steps ----------------------------------------------------------------------


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5, 6, 7, 10, 11])
def test_steps_per_epoch(parity, steps, shuffle):
    """Of 40 rows in batches of 8: fewer steps than batches, as many, more, and not dividing."""
    both = trained.pair(keras, 1)
    x, y = trained.inputs(1, 40), trained.targets(1, 40)
    counts, logs = [], []
    for library, model in zip(BOTH, both):
        model.compile(library.optimizers.SGD(0.05), "mse")
        seen = []
        count = library.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs, seen=seen: seen.append(batch)
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # both say that data ran out
            fitted = model.fit(x, y, batch_size=8, epochs=4, steps_per_epoch=steps, verbose=0,
                               shuffle=shuffle, callbacks=[count])  # fmt: skip
        counts.append(seen)
        logs.append(fitted.history["loss"])
    assert counts[0] == counts[1]
    with parity.configuration("steps_per_epoch") as agree:
        if shuffle:
            assert len(logs[0]) == len(logs[1])
        else:
            agree("loss", *logs)


# --- structures -----------------------------------------------------------------------------------

OUTPUTS = {
    "one": lambda a, b, c: a,
    "tuple": lambda a, b, c: (a, b),
    "list": lambda a, b, c: [a, b],
    "list of one": lambda a, b, c: [a],
    "tuple of one": lambda a, b, c: (a,),
    "dict": lambda a, b, c: {"p": a, "q": b},
    "dict of one": lambda a, b, c: {"p": a},
    "nested": lambda a, b, c: {"p": a, "q": [b, (c,)]},
    "nested list": lambda a, b, c: [a, (b, c)],
}


def kinds(value):
    """Return a structure with the shapes of its leaves."""
    if isinstance(value, dict):
        return {key: kinds(one) for key, one in value.items()}
    if isinstance(value, list | tuple) and not all(isinstance(n, int | None) for n in value):
        return type(value)(kinds(one) for one in value)
    return tuple(getattr(value, "shape", value))


@pytest.mark.parametrize("name", OUTPUTS)
def test_outputs_keep_their_structure(name):
    found = []
    for library in BOTH:
        x = library.layers.Input((3,), name="x")
        outputs = OUTPUTS[name](*(library.layers.Dense(n)(x) for n in (1, 2, 4)))
        model = library.Model(x, outputs)
        again = library.Model.from_config(model.get_config())
        data = np.ones((2, 3))
        found.append(
            [
                kinds(model.predict(data, verbose=0)),
                kinds(model.predict_on_batch(data)),
                kinds(model(data)),
                kinds(again.predict(data, verbose=0)),
                kinds(library.models.clone_model(model).predict(data, verbose=0)),
                kinds(model.output),
                kinds(model(library.layers.Input((3,)))),
                kinds(model.output_shape),
                kinds(model.compute_output_shape((7, 3))),
            ]
        )
    assert found[0] == found[1]


INPUTS = {
    "one": lambda a, b: a,
    "list": lambda a, b: [a, b],
    "tuple": lambda a, b: (a, b),
    "dict": lambda a, b: {"p": a, "q": b},
    "nested": lambda a, b: [a, [b]],
    "list of one": lambda a, b: [a],
}


@pytest.mark.parametrize("name", INPUTS)
def test_inputs_keep_their_structure(name):
    data, found = INPUTS[name](np.ones((2, 3)), np.ones((2, 2))), []
    for library in BOTH:
        L = library.layers
        made = L.Input((3,), name="p"), L.Input((2,), name="q")
        several = name not in ("one", "list of one")
        hidden = L.Concatenate()(list(made)) if several else made[0]
        model = library.Model(INPUTS[name](*made), L.Dense(1)(hidden))
        found.append(
            [
                kinds(model.input),
                kinds(model.input_shape),
                kinds(model.predict(data, verbose=0)),
                kinds(library.Model.from_config(model.get_config()).input),
            ]
        )
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "given", [{"p": 1, "q": 1, "r": 1}, [1, 1], {"q": 1, "p": 1}], ids=["more", "list", "turned"]
)
def test_what_is_warned_of(given):
    found = []
    for library in BOTH:
        L = library.layers
        p, q = L.Input((3,), name="p"), L.Input((3,), name="q")
        model = library.Model({"p": p, "q": q}, L.Dense(1)(L.Add()([p, q])))
        data = [np.ones((2, 3)) for _ in given]
        data = dict(zip(given, data)) if isinstance(given, dict) else data
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            shape = model.predict(data, verbose=0).shape
        found.append((shape, any(one.category is UserWarning for one in caught)))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("sample", "given"),
    [((3,), (2, 3, 1)), ((1,), (2,)), ((4, 1), (2, 4)), ((None, 1), (2, 4)), ((4, 1), (2, 4, 1, 1)),
     ((4,), (2, 4, 2)), ((3,), (3,)), ((4, 2), (4, 2))],
)  # fmt: skip
def test_axes_of_one_come_and_go(parity, sample, given):
    found = []
    x = random(1, *given)
    for library in BOTH:
        L = library.layers
        model = library.Sequential([L.Input(sample), L.Dense(2, kernel_initializer="ones")])
        try:
            found.append(model.predict(x, verbose=0))
        except ValueError:
            found.append(np.zeros(0))
    assert found[0].shape == found[1].shape
    np.testing.assert_allclose(*found, rtol=1e-5)


def test_what_is_added_inside_a_model_counts():
    found = []
    for library in BOTH:
        L = library.layers
        inner = library.Sequential([L.Input((3,)), L.Dense(2, kernel_initializer="ones")])
        model = library.Sequential([inner, L.Dense(2, kernel_initializer="ones")])
        before = model.predict(np.ones((1, 3)), verbose=0)
        inner.add(L.Dense(2, kernel_initializer="ones"))
        found.append([before, model.predict(np.ones((1, 3)), verbose=0), len(model.weights)])
    np.testing.assert_array_equal(found[0][1], found[1][1])
    assert found[0][2] == found[1][2] and (found[0][0] != found[0][1]).all()


SHAPES = [(None, 4, 3), (5, 4, 3), (None, 4, 2), (None, 9, 3)]
ASKED = [(True, shape) for shape in [*SHAPES, (4, 3), "x"]] + [(False, shape) for shape in SHAPES]


@pytest.mark.parametrize(("known", "shape"), ASKED, ids=str)
def test_output_shapes(known, shape):
    found = []
    for library in BOTH:
        L = library.layers
        begin = [L.Input((4, 3))] if known else []
        model = library.Sequential([*begin, L.LSTM(2, return_sequences=True), L.Dense(5)])
        try:
            found.append(model.compute_output_shape(shape))
        except (ValueError, TypeError):
            found.append("error")
    assert found[0] == found[1]
