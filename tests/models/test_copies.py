"""Copies of models: equal predictions, a fit that goes on bit for bit, nothing shared."""

import copy
import pickle

import cloudpickle
import numpy as np
import pytest
from safetensors import safe_open

import nlstm
from nlstm import callbacks, constraints, losses, metrics, optimizers, regularizers
from nlstm.kernels import default_device
from nlstm.layers import (
    LSTM,
    Add,
    Bidirectional,
    Concatenate,
    Dense,
    Dropout,
    Embedding,
    GaussianNoise,
    Input,
    LayerNormalization,
    Masking,
    SimpleRNN,
    TimeDistributed,
)
from nlstm.models import Model, Sequential, load_model
from tests.copied import TWINS, WAYS, memory

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((20, 5, 3)).astype("f4"), RNG.standard_normal((20, 1)).astype("f4")
WORDS = RNG.integers(0, 9, (20, 5))


class Quartic(losses.Loss):
    def __init__(self, scale):
        super().__init__()
        self.scale = scale

    def call(self, y_true, y_pred):
        return self.scale * np.mean((y_pred - y_true) ** 4, axis=-1)

    def gradient(self, y_true, y_pred):
        return self.scale * 4 * (y_pred - y_true) ** 3 / y_pred.shape[-1]


class Largest(metrics.Metric):
    def __init__(self):
        super().__init__(name="largest")
        self.found = np.zeros(1)

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.found[0] = max(self.found[0], float(y_pred.max()))

    def result(self, total=None):
        return float(self.found[0])

    def reset_state(self):
        self.found[0] = 0.0


class Cubic(regularizers.Regularizer):
    def __call__(self, x):
        return 0.01 * np.abs(x**3).sum()

    def gradient(self, x):
        return 0.03 * np.sign(x) * x**2


class Doubled(Dense):
    """A layer of a user's own, which sets something as it is built and after."""

    def __init__(self, units, **others):
        super().__init__(units, "tanh", **others)
        self.notes = []

    def build(self, ops, shape, dtype):
        super().build(ops, shape, dtype)
        self.width = 2 * shape[-1]


class Pair(nlstm.layers.Layer):
    """A user's layer around others, which `parts` does not tell of."""

    def __init__(self, units):
        super().__init__()
        self.first, self.second = Dense(units, "relu"), Dense(units)

    def output_shape(self, shape):
        return self.second.output_shape(self.first.output_shape(shape))

    def build(self, ops, shape, dtype):
        self.first.build(ops, shape, dtype)
        self.second.build(ops, self.first.output_shape(shape), dtype)
        self.parameters = [*self.first.parameters, *self.second.parameters]
        for number, parameter in enumerate(self.parameters):
            parameter.name = f"{number}_{parameter.name}"
        super().build(ops, shape, dtype)

    def bind(self, plan, x):
        return self.second.bind(plan, self.first.bind(plan, x))


def compiled(model, optimizer="adam", loss="mse", **others):
    model.compile(optimizer, loss, **others)
    return model


def stack(*layers, dtype=None, **others):
    return compiled(Sequential([*layers, Dense(1)], dtype=dtype), **others)


def functional():
    x, also = Input((5, 3), name="x"), Input((2,), name="also")
    whole, h, c = LSTM(4, return_sequences=True, return_state=True, dropout=0.2)(x)
    end = LSTM(4, recurrent_dropout=0.3)(whole, initial_state=[h, c])
    joined = Concatenate()([end, Dense(2)(also)])
    shared = Dense(6, "relu")
    outputs = {"one": Dense(1)(shared(joined)), "two": Dense(1)(Dropout(0.3)(shared(joined)))}
    model = Model({"x": x, "also": also}, outputs)
    weights = {"loss_weights": {"two": 0.5}, "weighted_metrics": {"two": ["mae"]}}
    return compiled(model, loss={"one": "mse", "two": "mae"}, **weights)


def masked():
    x = Input((5, 3))
    h = Masking(0.0)(x)
    h = LSTM(3, return_sequences=True, zero_output_for_mask=True)(h)
    return compiled(Model(x, Dense(1)(Add()([LSTM(4)(h), SimpleRNN(4)(h)]))), metrics=["mae"])


def nested():
    inner = Sequential([LSTM(3, return_sequences=True, dropout=0.1), LayerNormalization()])
    return stack(inner, Dropout(0.2), Sequential([LSTM(2)]))


def frozen():
    model = Sequential([LSTM(3, return_sequences=True), LSTM(3), Dense(1)])
    model.layers[0].trainable = False
    return compiled(model)


def on_a_trained_model():
    """Weights in two buffers, so that the optimizer has mirrors."""
    inner = compiled(Sequential([LSTM(3)]))
    inner.fit(X, np.repeat(Y, 3, 1), verbose=0)
    return stack(inner, Dense(2, "tanh"))


def own_parts():
    regularized = LSTM(3, kernel_regularizer=Cubic(), recurrent_constraint=constraints.MaxNorm(1))
    own = {"loss": Quartic(2.0), "metrics": [Largest(), "mae"]}
    return stack(regularized, Doubled(4), Pair(3), **own)


def words():
    model = Sequential([Embedding(9, 4, mask_zero=True), LSTM(3), Dense(1)])
    return compiled(model, optimizers.Adam(0.01, clipnorm=1.0))


KINDS = {
    "unlike options": lambda: stack(
        LSTM(4, peephole=True, zoneout=0.2, num_layers=2, return_sequences=True),
        LSTM(4, proj_size=2, return_sequences=True, use_bias=False),
        GaussianNoise(0.1),
        LSTM(3, layer_norm=True, recurrent_activation="hard_sigmoid"),
        metrics=["mae"],
    ),
    "dropout": lambda: stack(LSTM(3, dropout=0.2, recurrent_dropout=0.3), Dropout(0.4, seed=3)),
    "float64": lambda: stack(LSTM(3), dtype="float64"),
    "bidirectional": lambda: stack(
        Bidirectional(LSTM(3, dropout=0.2, return_sequences=True)), LSTM(2)
    ),
    "time distributed": lambda: stack(
        LSTM(3, return_sequences=True), TimeDistributed(Dense(2)), LSTM(2)
    ),
    "stateful": lambda: stack(
        LSTM(3, stateful=True, return_sequences=True), Bidirectional(SimpleRNN(2, stateful=True))
    ),
    "functional": functional,
    "masked": masked,
    "nested": nested,
    "frozen": frozen,
    "on a trained model": on_a_trained_model,
    "own parts": own_parts,
    "words": words,
}


def data_for(model):
    rows = X if model.input_names != ["embedding"] else WORDS
    x = {"x": X, "also": X[:, 0, :2]} if len(model.input_names) > 1 else rows
    y = {"one": Y, "two": 2 * Y} if len(model.output_names) > 1 else Y
    return x, y


def fitted(model, first, last):
    """Return the logs of some epochs."""
    x, y = data_for(model)
    return model.fit(x, y, 10, last, initial_epoch=first, verbose=0).history


def predicted(model):
    """Return what a model predicts, as bytes; what is kept from batch to batch stays."""
    kept = [(one, one.states) for one in model.design.layers if hasattr(one, "set_states")]
    found = model.predict(data_for(model)[0], batch_size=10, verbose=0)
    for layer, states in kept:
        layer.set_states(states)
    return [one.tobytes() for one in (found.values() if isinstance(found, dict) else [found])]


def weights_of(model):
    return [one.tobytes() for one in model.get_weights()]


def arrays_in(model):
    """Return all memory that a model has bound."""
    optimizer, homes = model.optimizer, model.binder.weights.homes
    found = [one for home in homes for one in (home.value, home.gradient)]
    return [*found, *optimizer.state, optimizer.settings.host, model.binder.counter.host]


def check_twin(model, twin, epochs=(2, 4)):
    """Check that a copy of a model trained for 2 epochs goes on like it, and shares nothing."""
    before = weights_of(model)
    assert type(twin) is type(model) and twin.name == model.name
    assert weights_of(twin) == before
    assert predicted(twin) == predicted(model)
    for one, other in ((a, b) for a in arrays_in(model) for b in arrays_in(twin)):
        assert not np.shares_memory(memory(one), memory(other))
    logs = fitted(twin, *epochs)
    assert weights_of(model) == before
    return logs, weights_of(twin), predicted(twin)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_predicts_the_same_and_its_fit_goes_on(kind, way):
    nlstm.set_random_seed(1)
    model = KINDS[kind]()
    fitted(model, 0, 2)
    twin = TWINS[way](model)
    found = check_twin(model, twin)
    expected = fitted(model, 2, 4), weights_of(model), predicted(model)
    assert found == expected
    twin.set_weights([np.zeros_like(weight) for weight in twin.get_weights()])
    assert weights_of(model) == expected[1] and predicted(twin) != expected[2]


# Moments in a model's life


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("input_known", [False, True])
def test_before_weights(way, input_known):
    nlstm.set_random_seed(1)
    begin = [Input((5, 3))] if input_known else []
    model = Sequential([*begin, LSTM(3, dropout=0.2), Dense(1)])
    twin = TWINS[way](model)
    assert not twin.built and twin.training.optimizer is None
    for one in (model, twin):
        compiled(one)
    assert fitted(twin, 0, 2) == fitted(model, 0, 2)
    assert weights_of(twin) == weights_of(model)


@pytest.mark.parametrize("way", WAYS)
def test_with_weights_but_not_compiled(way):
    model = Sequential([Input((5, 3)), LSTM(3), Dense(1)])
    model.build()
    twin = TWINS[way](model)
    assert twin.built and predicted(twin) == predicted(model)
    with pytest.raises(ValueError, match=r"needs a loss: call compile"):
        twin.fit(X, Y)
    assert fitted(compiled(twin), 0, 2) == fitted(compiled(model), 0, 2)


@pytest.mark.parametrize("way", WAYS)
def test_compiled_but_not_trained(way):
    model = compiled(Sequential([Input((5, 3)), LSTM(3, dropout=0.1), Dense(1)]))
    twin = TWINS[way](model)
    assert fitted(twin, 0, 2) == fitted(model, 0, 2)
    twin.add(Dense(1))
    assert len(twin.layers) == len(model.layers) + 1


class CopiesAtBatch(callbacks.Callback):
    """Takes a copy after a batch of the last epoch."""

    def __init__(self, way):
        self.way, self.twin, self.seen = way, None, None

    def on_train_batch_end(self, batch, logs=None):
        if self.seen is None and batch == 1:
            self.seen = weights_of(self.model)
            self.twin = TWINS[self.way](self.model)


@pytest.mark.parametrize("way", WAYS)
def test_in_the_middle_of_an_epoch(way):
    def step(model):
        return [float(model.train_on_batch(X[:9], Y[:9])) for _ in range(3)]

    model, watcher = KINDS["dropout"](), CopiesAtBatch(way)
    model.fit(X, Y, 10, 1, verbose=0, callbacks=[watcher])
    assert weights_of(watcher.twin) == watcher.seen
    assert step(watcher.twin) == step(model)  # the batch was the epoch's last


def test_the_processs_random_numbers_stay():
    def next_weights(way):
        nlstm.set_random_seed(3)
        model = KINDS["dropout"]()
        fitted(model, 0, 1)
        if way:
            TWINS[way](model)
        return weights_of(compiled(Sequential([Input((5, 3)), LSTM(3)])))

    assert len({tuple(next_weights(way)) for way in (None, *WAYS)}) == 1


def test_copies_of_copies_and_files_of_copies(tmp_path):
    model = functional()
    fitted(model, 0, 2)
    twin = copy.deepcopy(pickle.loads(pickle.dumps(copy.copy(model))))
    twin.save(tmp_path / "twin")
    model.save(tmp_path / "model")
    digests = [
        safe_open(tmp_path / name, "numpy").metadata()["digest"] for name in ("twin", "model")
    ]
    assert digests[0] == digests[1]
    expected = check_twin(model, twin)
    assert check_twin(model, TWINS["pickle"](load_model(tmp_path / "twin"))) == expected


class Forecaster(Sequential):
    """A model of a user's own, with something to remember."""

    def __init__(self, units):
        super().__init__([LSTM(units), Dense(1)])
        self.units, self.notes = units, ["made"]


@pytest.mark.parametrize("way", WAYS)
def test_what_is_set_on_a_model_goes_along(way):
    model = compiled(Forecaster(3))
    history = model.fit(X, Y, verbose=0)
    twin = TWINS[way](model)
    assert (type(twin), twin.units, twin.notes) == (Forecaster, 3, ["made"])
    twin.notes.append("copied")
    assert model.notes == ["made"]
    assert twin.history.model is twin and twin.history.history == history.history
    assert twin.history.history is not history.history


# Optimizers


def decayed_but_for(optimizer):
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


OPTIMIZERS = {
    **{name: name for name in optimizers.CLASSES},
    "momentum": lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True, clipvalue=0.1),
    "averages": lambda: optimizers.Adam(0.01, use_ema=True, ema_momentum=0.5, amsgrad=True),
    "overwriting": lambda: optimizers.RMSprop(0.01, use_ema=True, ema_overwrite_frequency=3),
    "accumulation": lambda: optimizers.Adam(0.01, gradient_accumulation_steps=3),
    "schedule": lambda: optimizers.Adam(optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)),
    "decay": lambda: decayed_but_for(optimizers.AdamW(0.1, weight_decay=0.1, global_clipnorm=1.0)),
}


@pytest.mark.parametrize("way", ["deepcopy", "pickle"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_goes_on(name, way):
    given = OPTIMIZERS[name]
    model = stack(LSTM(3), optimizer=given if isinstance(given, str) else given())
    fitted(model, 0, 2)
    twin = TWINS[way](model)
    assert twin.optimizer.iterations == model.optimizer.iterations > 0
    assert twin.optimizer.learning_rate == model.optimizer.learning_rate
    found = check_twin(model, twin)
    assert found == (fitted(model, 2, 4), weights_of(model), predicted(model))


@pytest.mark.parametrize("way", WAYS)
def test_an_optimizer_alone_waits_for_a_model_of_the_same_shapes(way):
    model = stack(LSTM(3), optimizer=optimizers.Nadam(0.01))
    fitted(model, 0, 2)
    optimizer = TWINS[way](TWINS[way](model.optimizer))
    assert optimizer.variables().keys() == model.optimizer.variables().keys()
    other = Sequential([Input((5, 3)), LSTM(3), Dense(1)])
    other.set_weights(model.get_weights())
    other.training.seeds.words = model.training.seeds.words
    other.training.epochs_shuffled = model.training.epochs_shuffled
    compiled(other, optimizer)
    assert fitted(other, 2, 4) == fitted(model, 2, 4)
    unlike = stack(LSTM(4), optimizer=TWINS[way](optimizer))
    with pytest.raises(ValueError, match="Optimizer state"):
        fitted(unlike, 0, 1)


@pytest.mark.parametrize("way", WAYS)
def test_a_learning_rate_set_on_a_copy_of_an_optimizer_holds(way):
    model = stack(LSTM(3))
    fitted(model, 0, 1)
    optimizer = TWINS[way](model.optimizer)
    optimizer.learning_rate = 0.5
    fitted(stack(LSTM(3), optimizer=optimizer), 0, 1)
    assert optimizer.learning_rate == 0.5 and model.optimizer.learning_rate == 0.001


def test_a_weight_that_does_not_decay_is_that_of_the_copy():
    model = Sequential([Input((5, 3)), LSTM(3), Dense(1)])
    model.build()
    optimizer = optimizers.AdamW(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_list=[model.layers[0].kernel])
    compiled(model, optimizer)
    for way in WAYS:
        twin = TWINS[way](model)
        fitted(twin, 0, 1)
        assert twin.optimizer._sparing.numbers(twin.binder.weights.homes[0]) == [0]


# What is shared


@pytest.mark.parametrize("way", ["deepcopy", "pickle", "cloudpickle"])
def test_models_that_are_copied_together_share_what_they_shared(way):
    x = Input((5, 3))
    shared, head = LSTM(3), Dense(1)
    one, two = compiled(Model(x, head(shared(x)))), Model(x, Dense(2)(shared(x)))
    fitted(one, 0, 1)
    two.predict(X, verbose=0)
    twin, other = TWINS[way]((one, two))
    assert twin.layers[1] is other.layers[1] is not shared
    assert predicted(twin) == predicted(one) and predicted(other) == predicted(two)
    fitted(twin, 1, 2)
    fitted(one, 1, 2)
    assert weights_of(other) == weights_of(two) and predicted(other) == predicted(two)
    both = Model(twin.input, [twin.output, other.output])  # their symbols, too
    assert [y.tobytes() for y in both.predict(X, verbose=0)] == [
        *predicted(twin),
        *predicted(other),
    ]


@pytest.mark.parametrize("way", WAYS)
def test_a_model_that_begins_inside_another_is_cut_off(way):
    x = Input((5, 3))
    h = LSTM(3, return_sequences=True)(x)
    whole = Model(x, Dense(1)(LSTM(2)(h)))
    whole.build()
    end = Model(h, whole.output)
    twin = TWINS[way](end)
    assert b"return_sequences" not in pickle.dumps(twin.layers[0].get_config())
    middle = np.ones((4, 5, 3), "f4")
    assert np.array_equal(twin.predict(middle, verbose=0), end.predict(middle, verbose=0))
    assert twin.input_names == end.input_names


def test_a_graph_of_500_layers():
    x = y = Input((2,))
    for _ in range(500):
        y = Dense(2)(y)
    model = compiled(Model(x, y))
    for twin in (TWINS[way] for way in WAYS):
        assert len(twin(model).layers) == 501
    model.build()
    assert weights_of(TWINS["pickle"](model)) == weights_of(model)


def test_a_model_inside_another_has_its_weights_where_they_were():
    inner = Sequential([LSTM(3, return_sequences=True)])
    model = Sequential([Input((None, 3)), inner, Dense(1)])
    model.build()
    inner.predict(X, verbose=0)
    assert inner.built
    twin = TWINS["pickle"](model)
    assert twin.layers[0].built
    if default_device() == "cpu":  # where streams run
        assert twin.stream().step(X[0, 0]).tobytes() == model.stream().step(X[0, 0]).tobytes()
    compiled(twin.layers[0])
    twin.layers[0].fit(X, np.repeat(X[:, :, :1], 3, 2), verbose=0)
    assert weights_of(twin)[:3] == weights_of(twin.layers[0])


@pytest.mark.parametrize("way", WAYS)
def test_buffers_begin_where_vectors_load(way):
    for kind in ("unlike options", "on a trained model", "words"):
        model = KINDS[kind]()
        fitted(model, 0, 1)
        twin = TWINS[way](model)
        twin.fit(*data_for(twin), verbose=0)
        for array in arrays_in(twin)[:-2]:
            assert memory(array).ctypes.data % 64 == 0
        for parameter in twin.weights:
            assert np.shares_memory(memory(parameter.packed), memory(parameter.home.value))


# What cannot be pickled


def local_metric():
    def absolute(y_true, y_pred):
        return np.abs(y_true - y_pred).mean(-1)

    return absolute


def local_loss():
    class Local(losses.Loss):
        def call(self, y_true, y_pred):
            return np.mean((y_pred - y_true) ** 2, axis=-1)

        def gradient(self, y_true, y_pred):
            return 2 * (y_pred - y_true) / y_pred.shape[-1]

    return Local()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: stack(LSTM(3, kernel_initializer=lambda shape, dtype: np.ones(shape))),
            "kernel_initializer of LSTM 'lstm' cannot be pickled: it is a lambda. cloudpickle can",
        ),
        (
            lambda: stack(LSTM(3, kernel_constraint=lambda w: w / 2)),
            "kernel_constraint of LSTM 'lstm' cannot be pickled: it is a lambda",
        ),
        (
            lambda: stack(LSTM(3), metrics=["mae", local_metric()]),
            "metrics of compile cannot be pickled: it is the inner function absolute",
        ),
        (
            lambda: stack(LSTM(3), loss=local_loss()),
            "loss of compile cannot be pickled: it is of the inner class Local",
        ),
        (
            lambda: stack(LSTM(3), optimizer=optimizers.SGD(lambda: 0.1)),
            "learning_rate of SGD 'sgd' cannot be pickled: it is a lambda",
        ),
    ],
)
def test_an_error_names_what_pickle_cannot_take(make, message):
    model = make()
    fitted(model, 0, 2)
    with pytest.raises(pickle.PicklingError, match=f"The argument {message}"):
        pickle.dumps(model)
    twins = copy.deepcopy(model), cloudpickle.loads(cloudpickle.dumps(model))
    found = [check_twin(model, twin) for twin in twins]
    assert found[0] == found[1] == (fitted(model, 2, 4), weights_of(model), predicted(model))


def test_what_is_bound_does_not_travel():
    model = stack(LSTM(3))
    fitted(model, 0, 1)
    for inside in (model.binder, model.binder.weights.homes[0]):
        for way in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="cannot be copied or pickled: copy the"):
                way(inside)


@pytest.mark.parametrize("way", WAYS)
def test_averages_are_shown_in_a_copy_before_it_is_trained(way):
    model = stack(LSTM(3), optimizer=optimizers.Adam(0.1, use_ema=True, ema_momentum=0.5))
    for _ in range(3):
        model.train_on_batch(X, Y)
    swapped = {"callbacks": [callbacks.SwapEMAWeights()], "verbose": 0}
    twin = TWINS[way](model)
    assert model.evaluate(X, Y, **swapped) == twin.evaluate(X, Y, **swapped)
    assert weights_of(twin) == weights_of(model)
