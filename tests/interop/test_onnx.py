"""What nlstm writes as ONNX: valid, with the numbers of the model, and read here again."""

import os
import subprocess
import sys

import numpy as np
import pytest

import nlstm
import nlstm.interop.onnx
from nlstm import layers as L
from nlstm.activations import FUNCTIONS
from nlstm.interop.onnx.activations_out import WORDS
from nlstm.layers.mask_passing import MaskOf, Unmasked
from nlstm.models import Model, Sequential, load_model
from tests.parity.drawn_models import Drawn

onnx = pytest.importorskip("onnx")
from tests.interop.onnx_spec import answered  # noqa: E402  (imports onnx)

DRAWN = int(os.environ.get("NLSTM_DRAWN", "16"))


def filled(model, seed=0):
    """Give weights that no initializer gives."""
    rng = np.random.default_rng(seed)
    model.binder  # noqa: B018  (weights are made)
    arrays = [rng.uniform(-0.6, 0.6, one.shape) for one in model.weights]
    names = [one.name for one in model.weights]
    model.set_weights([abs(a) if "variance" in n else a for a, n in zip(arrays, names)])
    return model


def data(*shape, seed=1):
    return np.random.default_rng(seed).uniform(-1, 1, shape)


def flat(value):
    return list(value) if isinstance(value, list | tuple) else [value]


def asked(model, x, **more):
    x = flat(x)
    return flat(model.predict(x[0] if len(x) == 1 else x, verbose=0, **more))


def feeds(proto, x):
    numbers = {1: np.float32, 7: np.int64, 11: np.float64}
    kinds = [one.type.tensor_type.elem_type for one in proto.graph.input]
    names = [one.name for one in proto.graph.input]
    return {name: a.astype(numbers[kind]) for name, kind, a in zip(names, kinds, x)}


def check(model, x, folder, exact=True):
    """Compare a model with its file as ONNX defines it, and with what is read of that."""
    wanted = asked(model, x)
    nlstm.interop.onnx.save(model, folder / "m.onnx")
    proto = onnx.load(folder / "m.onnx")
    onnx.checker.check_model(proto, full_check=True)
    found = answered(proto, feeds(proto, flat(x)))
    assert [one.shape for one in found] == [one.shape for one in wanted]
    for one, other in zip(found, wanted):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)
    again = load_model(folder / "m.onnx")
    assert again.dtype == model.dtype
    for one, other in zip(asked(again, x), wanted, strict=True):
        (np.testing.assert_array_equal if exact else close)(one, other)
    return again


def close(one, other):
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)


# Drawn networks


@pytest.mark.parametrize("seed", range(DRAWN))
def test_round_trip(seed, tmp_path):
    """ONNX > nlstm > ONNX: numbers to the bit."""
    drawn = Drawn(seed)
    model = filled(drawn.model(nlstm, compiled=False), seed)
    again = check(model, drawn.x, tmp_path)
    again.save(tmp_path / "again.onnx")
    last = load_model(tmp_path / "again.onnx")
    for one, other in zip(asked(last, drawn.x), asked(model, drawn.x), strict=True):
        np.testing.assert_array_equal(one, other)


# Layers

CELLS = {
    "LSTM": lambda **given: L.LSTM(3, **given),
    "LSTM peephole": lambda **given: L.LSTM(3, peephole=True, **given),
    "LSTM levels": lambda **given: L.LSTM(3, num_layers=2, **given),
    "GRU": lambda **given: L.GRU(3, **given),
    "GRU before": lambda **given: L.GRU(3, reset_after=False, **given),
    "SimpleRNN": lambda **given: L.SimpleRNN(3, **given),
    "no bias": lambda **given: L.GRU(3, use_bias=False, **given),
    "relu": lambda **given: L.LSTM(3, "relu", "hard_sigmoid_keras2", **given),
}
FORMS = {
    "last": {},
    "sequences": {"return_sequences": True},
    "backwards": {"go_backwards": True},
    "backward sequences": {"return_sequences": True, "go_backwards": True},
    "zeros": {"return_sequences": True, "zero_output_for_mask": True},
    "zero at the end": {"zero_output_for_mask": True},
}
MASKS = ["none", "end", "begin", "gaps", "all"]


def masked(x, where):
    """Return sequences with steps of zeros."""
    places = {"end": [(1, 3), (2, 1)], "begin": [], "gaps": [], "all": [(1, 0)], "none": []}
    for row, start in places[where]:
        x[row, start:] = 0
    if where == "begin":
        x[1, :3] = 0
    if where == "gaps":
        x[0, 1], x[1, [0, 2, 4]] = 0, 0
    return x


@pytest.mark.parametrize("where", MASKS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cell", ["LSTM", "GRU"])
def test_masks_wherever_they_lie(cell, form, where, tmp_path):
    model = Sequential([L.Input((5, 2)), L.Masking(), CELLS[cell](**FORMS[form])])
    check(filled(model), masked(data(3, 5, 2), where), tmp_path)


@pytest.mark.parametrize("steps", [5, None])
@pytest.mark.parametrize("form", ["last", "backward sequences"])
@pytest.mark.parametrize("cell", CELLS)
def test_recurrent_layers(cell, form, steps, tmp_path):
    model = Sequential([L.Input((steps, 2)), CELLS[cell](**FORMS[form])])
    check(filled(model), data(3, 5, 2), tmp_path)


MODES = [(cell, mode) for cell in ("LSTM", "GRU") for mode in ("concat", "sum", "mul", "ave")]


@pytest.mark.parametrize("where", ["none", "gaps"])
@pytest.mark.parametrize("sequences", [True, False])
@pytest.mark.parametrize("cell, mode", [*MODES, ("LSTM levels", "concat")])
def test_both_directions(cell, mode, sequences, where, tmp_path):
    part = CELLS[cell](return_sequences=sequences)
    model = Sequential([L.Input((5, 2)), L.Masking(), L.Bidirectional(part, merge_mode=mode)])
    check(filled(model), masked(data(3, 5, 2), where), tmp_path)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("cell", ["LSTM", "LSTM levels", "GRU", "SimpleRNN"])
def test_states_that_are_handed_on(cell, dtype, tmp_path):
    x, y = L.Input((5, 2)), L.Input((4, 2))
    both = L.Bidirectional(CELLS["GRU"](return_state=True, return_sequences=True), merge_mode=None)
    one, other, *states = both(y)
    _, *ends = CELLS[cell](return_state=True)(x)
    decoded, *lasts = CELLS[cell](return_sequences=True, return_state=True)(y, initial_state=ends)
    model = Model([x, y], [decoded, lasts[-1], one, other, *states], dtype=dtype)
    check(filled(model), [data(3, 5, 2), data(3, 4, 2)], tmp_path)


LAYERS = {
    "add": lambda x: L.Add()([x, L.Dense(3)(x), L.Dense(3)(x)]),
    "average": lambda x: L.Average()([x, L.Dense(3)(x), L.Dense(3)(x)]),
    "average pool": lambda x: L.AveragePooling1D(2, 1, "same")(x),
    "average pool of windows": lambda x: L.AveragePooling1D(3, 2, "same")(x),
    "batch norm": lambda x: L.BatchNormalization()(L.GlobalMaxPooling1D()(x)),
    "batch norm of steps": lambda x: L.BatchNormalization(center=False)(x),
    "concatenate": lambda x: L.Concatenate()([x, L.Dense(2)(x)]),
    "concatenate steps": lambda x: L.Concatenate(axis=1)([x, L.Dense(3)(x)]),
    "conv": lambda x: L.Conv1D(4, 3, strides=2, padding="same", activation="relu")(x),
    "conv of groups": lambda x: L.Conv1D(6, 2, groups=3, dilation_rate=2, use_bias=False)(x),
    "conv causal": lambda x: L.Conv1D(4, 3, padding="causal", activation="gelu")(x),
    "crop": lambda x: L.Cropping1D((1, 2))(x),
    "dense of one": lambda x: L.Dense(1, "silu")(x),
    "dense softmax": lambda x: L.Dense(3, "softmax")(x),
    "dropout": lambda x: L.GaussianNoise(0.1)(
        L.SpatialDropout1D(0.2)(L.Dropout(0.3)(L.Dense(2)(x)))
    ),
    "elu": lambda x: L.ELU(0.5)(x),
    "flatten": lambda x: L.Flatten()(x),
    "identity": lambda x: L.Identity()(L.Dense(2)(x)),
    "layer norm": lambda x: L.LayerNormalization()(x),
    "layer norm alone": lambda x: L.LayerNormalization(center=False, scale=False)(x),
    "leaky relu": lambda x: L.LeakyReLU(0.1)(x),
    "linear": lambda x: (1.0 - x * 0.25) / 2,
    "maximum": lambda x: L.Maximum()([x, L.Dense(3)(x)]),
    "max pool": lambda x: L.MaxPooling1D(3, 2)(x),
    "max pool same": lambda x: L.MaxPooling1D(2, padding="same")(x),
    "mean of steps": lambda x: L.GlobalAveragePooling1D(keepdims=True)(x),
    "minimum": lambda x: L.Minimum()([x, L.Dense(3)(x)]),
    "multiply": lambda x: L.Multiply()([x, L.Dense(3)(x), L.Dense(3)(x)]),
    "multiply by a vector": lambda x: x * L.RepeatVector(5)(L.GRU(3)(x)),
    "pad": lambda x: L.ZeroPadding1D((1, 2))(x),
    "parts": lambda x: L.Add()([x[:, 0], x[:, -1], x[:, 1:3][:, 1], x[:, ::-1][:, 0]]),
    "parts of features": lambda x: L.Concatenate()([x[:, :, 1:], x[:, :, :1]]),
    "one feature": lambda x: L.Dense(2)(x[:, :, 1]),
    "permute": lambda x: L.GRU(2)(L.Permute((2, 1))(x)),
    "prelu": lambda x: L.PReLU("uniform")(L.PReLU("uniform", shared_axes=[1])(x)),
    "prelu of one": lambda x: L.PReLU("uniform", shared_axes=[1, 2])(x),
    "relu": lambda x: L.ReLU(0.6, 0.1, 0.2)(x),
    "repeat": lambda x: L.RepeatVector(4)(L.GRU(3)(x)),
    "reshape": lambda x: L.GRU(2)(L.Reshape((-1, 5))(x)),
    "softmax": lambda x: L.Softmax()(x),
    "softmax of a part": lambda x: L.Softmax()(x, L.Dense(3)(x)),
    "subtract": lambda x: L.Subtract()([x, L.Dense(3)(x)]),
    "time distributed": lambda x: L.TimeDistributed(L.Dense(2, "tanh"))(x),
    "time distributed shape": lambda x: L.TimeDistributed(L.Flatten())(x),
    "time distributed model": lambda x: L.TimeDistributed(
        Sequential([L.Input((3,)), L.Dense(4, "relu"), L.Dense(2)])
    )(x),
    "up": lambda x: L.UpSampling1D(3)(x),
    "up and flat": lambda x: L.Flatten()(L.UpSampling1D(2)(x)),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LAYERS)
def test_layers(name, dtype, tmp_path):
    x = L.Input((5, 3))
    model = filled(Model(x, L.Dense(2)(LAYERS[name](x)), dtype=dtype))
    check(model, data(4, 5, 3), tmp_path, exact=False)


def test_every_layer_is_tried_or_named():
    from nlstm.interop.onnx.layers_out import FORMS as WRITTEN

    apart = {"InputLayer", "Layer", "TimeDistributed"}
    assert {one.__name__ for one in WRITTEN} >= {
        name for name in L.__all__ if isinstance(getattr(L, name), type) and name not in apart
    } - {"AvgPool1D", "Convolution1D", "GlobalAvgPool1D", "GlobalMaxPool1D", "MaxPool1D"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_activations_are_known_by_what_they_compute(name, tmp_path):
    model = filled(Sequential([L.Input((4,)), L.Dense(6, name), L.Activation(name), L.Dense(2)]))
    again = check(model, data(5, 4), tmp_path, exact=False)
    found = [getattr(layer, "activation", "linear") for layer in again.layers]
    once = name in ("hard_tanh", "linear", "relu", "relu6")  # what is done twice is done
    assert found == ([name, "linear"] if once else [name, name, "linear"])


@pytest.mark.parametrize("name", WORDS)
def test_activations_of_recurrent_layers(name, tmp_path):
    cells = [L.LSTM(3, name, return_sequences=True), L.GRU(3, "tanh", name, return_sequences=True)]
    both = L.Bidirectional(L.SimpleRNN(2, name))
    check(filled(Sequential([L.Input((4, 2)), *cells, both])), data(3, 4, 2), tmp_path)


# Graphs


def test_biases_that_are_zero_still_are_there_to_be_trained(tmp_path):
    model = Sequential([L.Input((5, 3)), L.LSTM(4), L.Dense(3, "relu"), L.Dense(1)])
    model.save(tmp_path / "m.onnx")
    found = load_model(tmp_path / "m.onnx")
    assert [one.shape for one in found.get_weights()] == [one.shape for one in model.get_weights()]


def test_shared_layers_stay_shared(tmp_path):
    x, y = L.Input((5, 3), name="left"), L.Input((5, 3), name="right")
    dense, cell = L.Dense(4, "tanh", name="both"), L.LSTM(3)
    model = filled(Model([x, y], [cell(dense(x)), cell(dense(y))]))
    again = check(model, [data(2, 5, 3), data(2, 5, 3, seed=3)], tmp_path)
    assert again.count_params() == model.count_params()
    assert {"both", "lstm"} <= {layer.name for layer in again.layers}


def test_models_in_models_and_masks_of_indices(tmp_path):
    index, numbers = L.Input((None,), name="index", dtype="int32"), L.Input((6,), name="numbers")
    inner = Sequential([L.Input((None, 4)), L.LSTM(4, return_sequences=True), L.Dense(3)])
    h = inner(L.Embedding(9, 4, mask_zero=True)(index))
    pooled = L.GlobalAveragePooling1D()(h)
    masks = L.Concatenate()([h, L.Embedding(9, 2)(index)])
    y = L.Concatenate()([L.GRU(3)(h), L.Dense(2)(numbers), pooled, L.LSTM(2)(masks)])
    model = filled(Model([index, numbers], {"mean": L.Dense(1)(y), "all": h}))
    x = [np.array([[1, 2, 0, 0], [3, 0, 4, 0], [5, 6, 7, 8]]), data(3, 6)]
    model.save(tmp_path / "m.onnx")
    proto = onnx.load(tmp_path / "m.onnx")
    assert [one.name for one in proto.graph.output] == ["mean", "all"]
    again = load_model(tmp_path / "m.onnx")
    for one, other in zip(asked(again, x), model.predict(x, verbose=0).values(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "kind", ["Multiply", "Maximum", "Minimum", "Add", "Average", "Concatenate"]
)
def test_masks_that_are_merged(kind, tmp_path):
    x, y = L.Input((5, 3)), L.Input((5, 3))
    one, other = L.Masking()(x), L.Masking(0.5)(y)
    merged = getattr(L, kind)()([one, other])
    steps = L.Concatenate(axis=1)([one, L.Dense(3)(y)])
    model = Model([x, y], [L.GRU(2, return_sequences=True)(merged), merged, L.LSTM(2)(steps)])
    given = [masked(data(3, 5, 3), "gaps"), data(3, 5, 3, seed=5)]
    given[1][:, 1:3] = 0.5
    check(filled(model), given, tmp_path)


def test_masks_that_are_taken_off_and_put_on(tmp_path):
    """As arithmetic does, and Keras 3 where states are given."""
    x = L.Input((5, 3))
    begun = L.Masking()(x)
    plain = Unmasked()(begun)
    put = MaskOf()(L.Dense(2)(plain), begun)
    product = begun * L.Dense(3)(begun)
    outputs = [L.GRU(2)(one) for one in (begun, plain, put, product)]
    model = filled(Model(x, [*outputs, product, L.GlobalAveragePooling1D()(plain)]))
    check(model, masked(data(3, 5, 3), "gaps"), tmp_path)


def test_masks_that_are_given(tmp_path):
    x, mask, column = L.Input((5, 3)), L.Input((5,)), L.Input((5, 1))
    one = L.LSTM(2)(x, mask=mask)
    model = Model([x, mask, column], [one, L.GlobalAveragePooling1D()(x, mask=column), L.GRU(2)(x)])
    given = [data(2, 5, 3), np.array([[1, 0, 1, 1, 0], [0, 0, 0, 1, 1]]), np.ones((2, 5, 1))]
    given[2][0, 3:] = 0
    check(filled(model), given, tmp_path)


def test_lengths(tmp_path):
    begin = L.Input((None, 2), name="x")
    model = filled(Model(begin, L.GRU(2)(L.LSTM(3, return_sequences=True)(begin))))
    x, lengths = data(3, 5, 2), np.array([5, 2, 3])
    wanted = model.predict(x, lengths=lengths, verbose=0)
    nlstm.interop.onnx.save(model, tmp_path / "m.onnx", lengths=True)
    proto = onnx.load(tmp_path / "m.onnx")
    onnx.checker.check_model(proto, full_check=True)
    assert [one.name for one in proto.graph.input] == ["x", "x_lengths"]
    (found,) = answered(proto, feeds(proto, [x, lengths]))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)
    again = load_model(tmp_path / "m.onnx")
    np.testing.assert_array_equal(again.predict(x, lengths=lengths, verbose=0), wanted)
    flat_one = filled(Sequential([L.Input((3,)), L.Dense(2)]))
    with pytest.raises(ValueError, match="lengths=True needs an input of sequences"):
        nlstm.interop.onnx.save(flat_one, tmp_path / "m.onnx", lengths=True)


def test_what_is_read_can_be_trained_and_streamed(tmp_path):
    model = filled(Sequential([L.Input((5, 2)), L.LSTM(3, return_sequences=True), L.Dense(1)]))
    model.save(tmp_path / "m.onnx")
    again = load_model(tmp_path / "m.onnx")
    x = data(4, 5, 2).astype("float32")
    np.testing.assert_allclose(again.stream().step(x[0, 0]), asked(model, x)[0][:1, 0], atol=1e-6)
    for one in (model, again):
        one.compile("sgd", "mse")
        one.train_on_batch(x, np.ones((4, 5, 1)))
    np.testing.assert_array_equal(asked(model, x)[0], asked(again, x)[0])


# Nothing is written where ONNX has no word


@pytest.mark.parametrize(
    "layer, wanted",
    [
        (L.LSTM(3, zoneout=0.1), r"zoneout of the LSTM 'lstm' is \(0.1, 0.1\)"),
        (L.LSTM(3, layer_norm=True), "layer_norm of the LSTM 'lstm' is True"),
        (L.LSTM(3, proj_size=2), "proj_size of the LSTM 'lstm' is 2"),
        (L.GRU(3, stateful=True), "stateful of the GRU 'gru' is True"),
        (L.LSTM(3, "gelu"), "lstm has the activation 'gelu' in its recurrence"),
        (L.Bidirectional(L.LSTM(3, zoneout=0.1)), "zoneout of the LSTM 'forward_lstm'"),
    ],
)
def test_what_onnx_lacks_is_named_and_nothing_is_written(layer, wanted, tmp_path):
    copy = type(layer).from_config(layer.get_config())
    model = Sequential([L.Input((5, 2)), copy])
    path = tmp_path / "m.onnx"
    path.write_bytes(b"before")
    with pytest.raises(ValueError, match=wanted) as caught:
        model.save(path)
    assert "nothing was written" in str(caught.value)
    assert path.read_bytes() == b"before" and os.listdir(tmp_path) == [path.name]


class Doubled(L.Dense):
    """A user's layer."""

    def bind(self, plan, x):
        return super().bind(plan, x)


class Named(L.Dense):
    """One that computes what its parent does."""


def test_layers_of_users(tmp_path):
    check(filled(Sequential([L.Input((3,)), Named(2)])), data(2, 3), tmp_path)
    with pytest.raises(ValueError, match="doubled is a Doubled with a bind of its own, which ONNX"):
        filled(Sequential([L.Input((3,)), Doubled(2)])).save(tmp_path / "m.onnx")


def test_names_overwriting_and_weights_alone(tmp_path):
    model = filled(Sequential([L.Input((5, 2)), L.LSTM(3)]))
    model.save(tmp_path / "M.ONNX")
    (tmp_path / "M.ONNX").rename(tmp_path / "other")
    assert [type(one).__name__ for one in load_model(tmp_path / "other").layers] == ["LSTM"]
    with pytest.raises(FileExistsError):
        model.save(tmp_path / "other", overwrite=False)
    with pytest.raises(ValueError, match="ends in '.onnx', as ONNX calls files of whole models"):
        model.save_weights(tmp_path / "w.onnx")
    with pytest.raises(ValueError, match="which say nothing of layers"):
        model.load_weights(tmp_path / "other")


def test_nlstm_alone_loads_no_onnx():
    code = "import sys, nlstm\nassert not {'nlstm.interop', 'onnx'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_line_for_pip_where_onnx_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"pip install 'nlstm\[onnx\]'"):
        filled(Sequential([L.Input((2,)), L.Dense(1)])).save(tmp_path / "m.onnx")
