"""Models that go from one device to the other: training goes on with the same numbers."""

import copy
import pickle

import numpy as np
import pytest

import nlstm
from nlstm import Model, Sequential, models, optimizers, set_random_seed
from nlstm.layers import LSTM, Bidirectional, Dense, Dropout, Input, SimpleRNN, TimeDistributed

RNG = np.random.default_rng(0)
X, Y = RNG.random((8, 4, 2)), RNG.random((8, 1))


def seed(device):
    model = Sequential([LSTM(4, input_shape=(4, 2)), Dense(1)], device=device)
    model.compile(optimizers.Nadam(0.01), "mse")
    return model


def stateful(device):
    layers = [
        Input(batch_shape=(4, 4, 2)),
        LSTM(3, return_sequences=True, stateful=True, dropout=0.3),
        TimeDistributed(Dense(2)),
        Bidirectional(SimpleRNN(2)),
        Dropout(0.3),
        Dense(1),
    ]
    model = Sequential(layers, device=device)
    rule = optimizers.AdamW(0.01, use_ema=True, gradient_accumulation_steps=2)
    model.compile(rule, "mse")
    return model


def train(model):
    return model.fit(X, Y, batch_size=4, epochs=1, verbose=0, shuffle=False).history["loss"]


def numbers(model):
    return [*model.get_weights(), *model.optimizer.variables().values()]


@pytest.mark.parametrize("make", [seed, stateful])
@pytest.mark.parametrize("ways", [("cpu", "cuda"), ("cuda", "cpu"), ("cuda", "cpu", "cuda")])
def test_training_goes_on(make, ways, tmp_path):
    set_random_seed(0)
    expected = make("cpu")
    set_random_seed(0)
    model = make(ways[0])
    for device in ways:
        layers = model.layers
        assert model.to(device) is model and model.device == device
        assert model.layers == layers
        np.testing.assert_allclose(train(model), train(expected), rtol=2e-5)
    for ours, theirs in zip(numbers(model), numbers(expected), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-6)
    copied = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    path = tmp_path / "model.nlstm"
    model.save(path)
    for device in ("cuda", "cpu"):
        with nlstm.device(device):
            copied.append(models.load_model(path))
            assert copied[-1].device == device
    loss = train(expected)
    for one in copied[:2]:
        assert one.device == ways[-1]
    for one in copied:
        np.testing.assert_allclose(train(one), loss, rtol=2e-5)


def test_what_is_not_made_yet_follows():
    model = Sequential([LSTM(2), Dense(1)], device="cuda").to("cpu")
    model.predict(X, verbose=0)
    assert model.device == "cpu" and model.to("cuda").predict(X, verbose=0).shape == (8, 1)
    assert nlstm.models.clone_model(model).device == "cuda"


def test_layers_that_are_shared_are_on_one_device():
    x = Input((4, 2))
    shared = LSTM(2)
    one, other = (Model(x, Dense(1)(shared(x)), device=name) for name in ("cpu", "cuda"))
    expected = one.predict(X, verbose=0)
    with pytest.raises(ValueError, match=f"{shared.name} lies on cpu, but the model is on cuda"):
        other.predict(X, verbose=0)
    one.to("cuda")
    other.predict(X, verbose=0)
    np.testing.assert_allclose(one.predict(X, verbose=0), expected, rtol=1e-5)
    other.to("cpu")
    with pytest.raises(ValueError, match="lies on cpu, but the model is on cuda"):
        one.predict(X, verbose=0)
    np.testing.assert_allclose(one.to("cpu").predict(X, verbose=0), expected, rtol=1e-5)


def test_what_fails_leaves_the_model_where_it_was(monkeypatch):
    model = seed("cpu")
    before = train(model), model.predict(X, verbose=0)

    def fail(units):
        raise MemoryError("no room")

    monkeypatch.setattr(nlstm.kernels.load("cuda"), "unit_matrix", fail)
    with pytest.raises(MemoryError):
        model.to("cuda")
    assert model.device == "cpu"
    assert model.layers[1].kernel is model.layers[1].parameters[0]
    np.testing.assert_array_equal(model.predict(X, verbose=0), before[1])
    train(model)


def test_a_stream_has_a_copy_on_the_cpu_and_says_so():
    model = seed("cuda")
    expected = model.predict(X[:1], verbose=0)
    stream = model.stream()
    assert "on the CPU with a copy of the weights that lay on cuda" in repr(stream)
    for t in range(4):
        found = stream.step(X[0, t])
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert repr(copy.deepcopy(stream)) == repr(stream)
    assert model.device == "cuda"


def test_one_gpu_a_process():
    with pytest.raises(RuntimeError, match="there is no GPU 1: .* there are 1"):
        nlstm.set_device("cuda:1")
