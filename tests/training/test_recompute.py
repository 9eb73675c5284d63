"""compile(recompute=): the same bits in less memory, chosen by hand or where there is no room."""

import math
import warnings

import numpy as np
import pytest

import nlstm
from nlstm import Input, Model, Sequential, kernels
from nlstm.layers import GRU, LSTM, Bidirectional, Dense, Masking, SimpleRNN
from nlstm.models import clone_model, load_model

N, F, H = 64, 3, 20


def least():
    """Return the steps of the shortest segment here: what a machine has of threads decides it."""
    steps = kernels.load("cpu").lstm_segment_steps
    return max(steps(N, features, H, np.dtype(np.float32)) for features in (F, H))


T = 3 * least() + 5


def chain(*layers):
    return lambda: Sequential([Input((None, F)), *(make() for make in layers), Dense(1)])


def with_states():
    x = Input((None, F))
    y, *states = LSTM(H, return_sequences=True, return_state=True)(x)
    z, *ends = LSTM(H, return_state=True, go_backwards=True)(y, initial_state=states)
    return Model(x, Dense(1)(nlstm.layers.Concatenate()([z, *ends])))


def lstm(**options):
    return lambda: LSTM(H, **options)


def gru(**options):
    return lambda: GRU(H, **options)


SEQUENCES = {"return_sequences": True}
MODELS = {
    "plain": chain(lstm()),
    "stack": chain(lstm(num_layers=2, **SEQUENCES), lstm(go_backwards=True)),
    "dropout": chain(lstm(dropout=0.3, **SEQUENCES), lstm(dropout=0.2, recurrent_dropout=0.4)),
    "recurrent_dropout": chain(lstm(recurrent_dropout=0.2, **SEQUENCES), lstm()),
    "zoneout": chain(lstm(zoneout=(0.2, 0.1), **SEQUENCES), lstm(zoneout=0.3, go_backwards=True)),
    "peephole": chain(lstm(peephole=True, **SEQUENCES), lstm(peephole=True, use_bias=False)),
    "projection": chain(lstm(proj_size=7, num_layers=2, **SEQUENCES), lstm(proj_size=5)),
    "masking": chain(Masking, lstm(zero_output_for_mask=True, **SEQUENCES), lstm()),
    "stateful": chain(lstm(stateful=True, **SEQUENCES), lstm(stateful=True)),
    "states": with_states,
    "bidirectional": chain(
        lambda: Bidirectional(LSTM(H, return_sequences=True)), lambda: Bidirectional(LSTM(H))
    ),
    "gru": chain(gru(**SEQUENCES), gru(dropout=0.2, recurrent_dropout=0.3, go_backwards=True)),
    "gru with dropout": chain(gru(dropout=0.2, use_bias=False), lambda: Dense(3)),
    "others beside": chain(
        lstm(layer_norm=True, **SEQUENCES),
        lambda: SimpleRNN(5, return_sequences=True),
        gru(reset_after=False, **SEQUENCES),
        lstm(),
    ),
}
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(2 * N, T, F)), RNG.normal(size=(2 * N, 1))
X[:, T // 2 : T // 2 + 9] = 0.0
X[5, 7:] = 0.0


def fitted(make, recompute, **options):
    nlstm.set_random_seed(4)
    model = make()
    model.compile("adam", "mse", recompute=recompute)
    history = model.fit(X, Y, batch_size=N, epochs=2, verbose=0, shuffle=False, **options)
    return model, history.history["loss"]


def memory_of(model):
    """Return the bytes of the plans of a model."""
    return sum(bench.plans._arena.block.size for bench in model.binder._benches)


def same(one, other):
    assert one[1] == other[1]
    for ours, theirs in zip(one[0].get_weights(), other[0].get_weights(), strict=True):
        assert ours.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("name", MODELS)
def test_the_same_bits_in_less_memory(name):
    whole, found = (fitted(MODELS[name], recompute) for recompute in (None, 1))
    same(whole, found)
    assert memory_of(found[0]) < memory_of(whole[0])


@pytest.mark.parametrize("layer", [LSTM, GRU])
def test_lengths(layer):
    make = chain(lambda: layer(H, return_sequences=True), lambda: layer(H, go_backwards=True))
    lengths = np.random.default_rng(1).integers(1, T + 1, 2 * N)
    same(*(fitted(make, recompute, lengths=lengths) for recompute in (None, 1)))


def test_segments_of_all_lengths():
    whole = fitted(MODELS["plain"], None)
    sizes = [memory_of(whole[0])]
    for recompute in (2 * least(), least() + 1, T, 10**9):
        found = fitted(MODELS["plain"], recompute)
        same(whole, found)
        sizes.append(memory_of(found[0]))
    assert sizes[1] == sizes[2] < sizes[3] == sizes[4] == sizes[0]


def test_auto_keeps_every_gate_where_there_is_room():
    whole, found = fitted(MODELS["plain"], None), fitted(MODELS["plain"], "auto")
    same(whole, found)
    assert memory_of(found[0]) == memory_of(whole[0])


def no_room(monkeypatch):
    from nlstm.plan import cache

    monkeypatch.setattr(cache, "LITTLE", 0)
    monkeypatch.setattr(
        kernels.load(nlstm.get_device(), "float32"), "has_room", lambda size: False, False
    )


def no_addresses(monkeypatch):
    ops, most = kernels.load(nlstm.get_device(), "float32"), T * N * 4 * H
    there = ops.empty

    def empty(shape, dtype=None):
        if math.prod(shape if isinstance(shape, tuple) else (shape,)) >= most:
            raise MemoryError
        return there(shape, *(() if dtype is None else (dtype,)))

    monkeypatch.setattr(ops, "empty", empty, False)


@pytest.mark.parametrize("missing", [no_room, no_addresses])
def test_auto_where_there_is_no_room(monkeypatch, missing):
    whole = fitted(MODELS["plain"], None)
    bytes_per_step = whole[0].bytes_per_step()
    missing(monkeypatch)
    size = r" \(0\.\d\d GiB in all\)" if missing is no_room else ""
    words = rf"^There is no memory for all gates of a batch{size}: .* compile\(recompute=None\) f"
    with pytest.warns(RuntimeWarning, match=words):
        found = fitted(MODELS["plain"], "auto")
    same(whole, found)
    assert memory_of(found[0]) < memory_of(whole[0])
    with warnings.catch_warnings(record=True) as told:  # which is said once
        found[0].fit(X[:, :-1], Y, batch_size=N // 2, epochs=2, verbose=0)
    assert not told
    monkeypatch.undo()
    assert found[0].bytes_per_step() < bytes_per_step
    assert "Recompute: one state kept of the square root of the steps" in summary(found[0])


def test_auto_where_nothing_can_be_done(monkeypatch):
    no_room(monkeypatch)
    fitted(chain(lambda: SimpleRNN(4)), "auto")


def summary(model):
    lines = []
    model.summary(print_fn=lines.append)
    return lines


def test_summary_and_bytes_per_step():
    models = []
    for recompute in (None, 100):
        models.append(MODELS["others beside"]())
        models[-1].compile("adam", "mse", recompute=recompute)
    assert models[1].bytes_per_step() < models[0].bytes_per_step()
    kept = ", ".join(layer.name for layer in models[1].layers[:3])
    assert summary(models[1])[-1] == f"Recompute: one state kept of 100; all states of {kept}"
    assert not any("Recompute" in line for line in summary(models[0]))


def test_files_and_copies_go_on_with_it(tmp_path):
    model, _ = fitted(MODELS["plain"], 64)
    model.save(tmp_path / "m.nlstm")
    for other in (load_model(tmp_path / "m.nlstm"), clone_model(model)):
        assert other.training.recompute == 64 and other.get_compile_config()["recompute"] == 64
    model.compile("adam", "mse", recompute=None)
    model.save(tmp_path / "m.nlstm")
    assert load_model(tmp_path / "m.nlstm").training.recompute is None
    model.compile("adam", "mse")
    assert "recompute" not in model.get_compile_config()


@pytest.mark.parametrize(
    "recompute, words",
    [
        (0, "recompute must be a positive integer; got 0"),
        (2.5, "recompute must be a positive integer; got 2.5"),
        (True, 'recompute must be "auto", None or a positive integer.* got True'),
        ("sometimes", "recompute must be .* got 'sometimes'"),
    ],
)
def test_what_it_may_be(recompute, words):
    with pytest.raises(ValueError, match=words):
        MODELS["plain"]().compile("adam", "mse", recompute=recompute)


@pytest.mark.parametrize(
    "layer", [lambda: SimpleRNN(4), lambda: LSTM(4, layer_norm=True), gru(reset_after=False)]
)
def test_a_model_without_such_layers(layer):
    with pytest.raises(
        ValueError, match="^recompute=8 is for the gates of an LSTM without layer_n"
    ):
        chain(layer)().compile("adam", "mse", recompute=8)
