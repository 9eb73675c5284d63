"""What layers take besides numbers, beside live Keras: initializers, regularizers, constraints.

And the short names by which Keras offers its classes.
"""

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nlstm
from tests.parity.pairs import compare
from tests.parity.peers import keras

EXAMPLES = settings(max_examples=12, derandomize=True, deadline=None)


pytestmark = pytest.mark.usefixtures("float64")


class Rules:
    """Hands out one of a library's rules after the other, in the same order for both libraries."""

    def __init__(self, library, shift):
        self.library, self.place = library, shift

    def _next(self, made):
        self.place += 1
        return made[self.place % len(made)]

    def initializer(self):
        i = self.library.initializers
        return self._next([i.Constant(0.5), i.Identity(0.75), "ones", i.Constant(-0.25)])

    def vector(self):
        i = self.library.initializers
        return self._next([i.Constant(0.5), "ones", i.Constant(-0.25), "zeros"])

    def regularizer(self):
        r = self.library.regularizers
        return self._next([r.L1(0.1), r.L2(0.2), r.L1L2(0.1, 0.05), "l2", None])

    def constraint(self):
        c = self.library.constraints
        norms = [c.MaxNorm(0.75), c.UnitNorm(axis=1), c.MinMaxNorm(0.25, 0.5, rate=0.5)]
        return self._next([*norms, "non_neg", None])

    def scale(self):
        return self._next([self.library.constraints.MaxNorm(0.75), "non_neg", None])


def recurrent(name):
    def layer(library, rules):
        return getattr(library.layers, name)(
            4,
            kernel_initializer=rules.initializer(),
            recurrent_initializer=rules.initializer(),
            bias_initializer=rules.vector(),
            kernel_regularizer=rules.regularizer(),
            recurrent_regularizer=rules.regularizer(),
            bias_regularizer=rules.regularizer(),
            # Keras's SimpleRNN takes an activity_regularizer, and leaves it out.
            activity_regularizer=rules.regularizer() if name == "LSTM" else None,
            kernel_constraint=rules.constraint(),
            recurrent_constraint=rules.constraint(),
            bias_constraint=rules.scale(),
        )

    return layer


def dense(library, rules):
    return library.layers.Dense(
        4,
        kernel_initializer=rules.initializer(),
        bias_initializer=rules.vector(),
        kernel_regularizer=rules.regularizer(),
        bias_regularizer=rules.regularizer(),
        activity_regularizer=rules.regularizer(),
        kernel_constraint=rules.constraint(),
        bias_constraint=rules.scale(),
    )


def embedding(library, rules):
    return library.layers.Embedding(
        input_dim=6,
        output_dim=4,
        embeddings_initializer=rules.initializer(),
        embeddings_regularizer=rules.regularizer(),
        embeddings_constraint=rules.constraint(),
    )


def normalization(library, rules):
    return library.layers.LayerNormalization(
        gamma_initializer=rules.vector(),
        beta_initializer=rules.vector(),
        gamma_regularizer=rules.regularizer(),
        beta_regularizer=rules.regularizer(),
        gamma_constraint=rules.scale(),
        beta_constraint=rules.scale(),
    )


LAYERS = {
    "LSTM": recurrent("LSTM"),
    "GRU": recurrent("GRU"),
    "SimpleRNN": recurrent("SimpleRNN"),
    "Dense": dense,
    "Embedding": embedding,
    "LayerNormalization": normalization,
}


@pytest.mark.parametrize("name", LAYERS)
@EXAMPLES
@given(shift=st.integers(0, 59), seed=st.integers(0, 99))
def test_first_weights_and_training(parity, name, shift, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(6, 5, 3)), rng.normal(size=(6, 4))
    shape = (5, 3)
    if name == "Embedding":
        x, shape = rng.integers(0, 6, (6, 5)), (5,)
    found = []
    for library in (nlstm, keras):
        model = library.models.Sequential(
            [library.layers.Input(shape), LAYERS[name](library, Rules(library, shift))]
        )
        if name in ("Dense", "Embedding", "LayerNormalization"):
            model.add(library.layers.GlobalAveragePooling1D())
        model.add(library.layers.Dense(4, kernel_initializer="ones"))
        if library is nlstm:
            model = nlstm.models.Sequential.from_config(model.get_config() | {"dtype": "float64"})
        model.compile(library.optimizers.SGD(0.125), "mse")
        weights = [[np.array(one) for one in model.get_weights()]]
        losses = []
        for _ in range(3):
            losses.append(model.fit(x, y, batch_size=6, verbose=0).history["loss"][0])
            weights.append([np.array(one) for one in model.get_weights()])
        found.append((losses, weights))
    with parity.configuration(f"rules of {name}") as agree:
        agree("losses", *(losses for losses, _ in found))
        for step, (ours, theirs) in enumerate(zip(*(weights for _, weights in found))):
            for number, pair in enumerate(zip(ours, theirs, strict=True)):
                agree(f"weight {number} after {step} steps", *pair)


RECTIFIERS = {
    "ReLU": {
        "max_value": st.sampled_from([None, 0.5, 6.0]),
        "negative_slope": st.sampled_from([0.0, 0.2, 0.375]),
        "threshold": st.sampled_from([0.0, 0.25]),
    },
    "LeakyReLU": {"negative_slope": st.sampled_from([0.3, 0.2, 0.0])},
    "ELU": {"alpha": st.sampled_from([1.0, 0.5, 2.0])},
    "Softmax": {"axis": st.just(-1)},
    "Identity": {},
}


@pytest.mark.parametrize("name", RECTIFIERS)
@EXAMPLES
@given(data=st.data(), seed=st.integers(0, 99))
def test_activations_as_layers(parity, name, data, seed):
    config = {key: data.draw(value, key) for key, value in RECTIFIERS[name].items()}

    def network(L, x):
        return getattr(L, name)(**config)(L.Dense(5)(x))

    x = np.random.default_rng(seed).normal(size=(4, 3, 2))
    compare(parity, "activations as layers", network, [x], seed=seed)


RANDOM = {
    "GlorotNormal": {},
    "GlorotUniform": {},
    "HeNormal": {},
    "HeUniform": {},
    "LecunNormal": {},
    "LecunUniform": {},
    "RandomNormal": {"mean": 0.5, "stddev": 0.2},
    "RandomUniform": {"minval": -0.5, "maxval": 0.25},
    "TruncatedNormal": {"mean": 0.5, "stddev": 0.2},
    "VarianceScaling": {"scale": 2.0, "mode": "fan_avg", "distribution": "uniform"},
}


@pytest.mark.parametrize("name", RANDOM)
def test_random_initializers_draw_from_the_same_distribution(parity, name):
    shape, found = (400, 150), []
    for library in (nlstm, keras):
        made = getattr(library.initializers, name)(**RANDOM[name], seed=1)
        values = np.asarray(made(shape, dtype="float64"))
        assert np.array_equal(
            values, np.asarray(type(made)(**RANDOM[name], seed=1)(shape, dtype="float64"))
        )
        # To be told apart at one in a hundred, by 60000 numbers.
        found.append(
            [values.mean(), values.std(), *np.quantile(values, [0.001, 0.1, 0.5, 0.9, 0.999])]
        )
    spread = found[1][1]
    with parity.configuration(f"spread of {name} draws", tolerance=0.06) as agree:
        agree("moments and quantiles", *(np.array(one) / spread for one in found))


def test_initializers_without_chance(parity):
    shape = (5, 7)
    with parity.configuration("initializers without chance") as agree:
        for name, config in (
            ("Zeros", {}),
            ("Ones", {}),
            ("Constant", {"value": 0.25}),
            ("Identity", {"gain": 0.5}),
        ):
            ours, theirs = (
                getattr(library.initializers, name)(**config)(shape) for library in (nlstm, keras)
            )
            agree(name, ours, theirs)
    with parity.configuration("initializer Orthogonal") as agree:
        for gain in (1.0, 0.5):
            ours, theirs = (
                np.asarray(library.initializers.Orthogonal(gain=gain, seed=1)(shape), np.float64)
                for library in (nlstm, keras)
            )
            agree("Orthogonal, rows", ours @ ours.T, theirs @ theirs.T)


SHORT = ("initializers", "regularizers", "constraints", "layers", "activations")


@pytest.mark.parametrize("module", SHORT)
def test_second_names_mean_the_same_things(module):
    theirs, ours = vars(getattr(keras, module)), vars(getattr(nlstm, module))
    seen = 0
    for name, one in theirs.items():
        own = getattr(one, "__name__", name)
        first = next((key for key, other in theirs.items() if other is one), name)
        if callable(one) and first != name and name in ours and first in ours:
            seen += 1
            assert ours[name] is ours[first], f"{name}, {first}, {own}"
    assert seen


def names(library):
    for module in ("losses", "metrics", "layers"):
        for key, one in vars(getattr(library, module)).items():
            if inspect.isclass(one) and not key.startswith("_"):
                yield f"{module}.{key}", one


def test_default_names():
    """Of all that can be made without an argument."""
    ours, seen = dict(names(nlstm)), 0
    for key, theirs in names(keras):
        if key not in ours:
            continue
        try:
            wanted = theirs().name
        except (TypeError, ValueError, AttributeError):
            continue
        if key.startswith("layers."):  # Keras counts layers as they are made, nlstm in each model
            wanted = wanted.rstrip("_0123456789")
        seen += 1
        assert ours[key]().name.rstrip("_0123456789") == wanted.rstrip("_0123456789"), key
    assert seen > 50


def test_accuracy_and_labels_of_auc(parity):
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 3, (2, 6, 4)).astype(float)
    weight = rng.uniform(0.5, 1.5, 6)
    with parity.configuration("metric Accuracy") as agree:
        found = []
        for library in (nlstm, keras):
            metric = library.metrics.Accuracy()
            metric.update_state(y, p)
            metric.update_state(p, y, sample_weight=weight)
            found.append(metric.result())
        agree("result", *found)
    y, p = (y > 1).astype(float), rng.random((6, 4))
    with parity.configuration("metric AUC") as agree:
        found = []
        for library in (nlstm, keras):
            metric = library.metrics.AUC(multi_label=True, num_labels=4)
            metric.update_state(y, p)
            found.append(metric.result())
        agree("num_labels", *found)
