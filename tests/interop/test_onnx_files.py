"""Files of ONNX that others wrote: they open, predict what their writer did, and go on.

And nodes that nlstm has no layer for, and files that mean harm: each is an error.
"""

import os

import numpy as np
import pytest

import nlstm
from nlstm.files.doors import library_of
from nlstm.interop.onnx import folding, tracing
from nlstm.models import load_model
from tests.interop.kept import answers, as_one, files_of, unpack

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, numpy_helper, parser  # noqa: E402

EXPORTERS = [
    "onnx-torch", "onnx-dynamo", "onnx-keras-torch", "onnx-keras-tensorflow", "onnx-tf2onnx",
]  # fmt: skip
FILES = [(one, name) for one in EXPORTERS for name in files_of(one, ".onnx")]


def predicted(model, x, lengths=None):
    found = model.predict(as_one(x), verbose=0, lengths=lengths)
    return found if isinstance(found, list) else [found]


@pytest.mark.parametrize("exporter, name", FILES)
def test_files_of_others(exporter, name, tmp_path):
    parts, _ = answers(exporter, name, tmp_path)
    model = load_model(unpack(exporter, name, tmp_path))
    lengths = parts["x"].pop() if name == "packed.onnx" else None
    for one, other in zip(predicted(model, parts["x"], lengths), parts["y"], strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)
    model.compile("sgd", "mse")
    loss = model.train_on_batch(as_one(parts["x"]), np.zeros_like(parts["y"][0]))
    assert np.isfinite(np.ravel(loss)[0])
    model.save(tmp_path / "again.onnx")
    again = load_model(tmp_path / "again.onnx")
    for one, other in zip(predicted(again, parts["x"]), predicted(model, parts["x"]), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "exporter, name, wanted",
    [
        ("onnx-torch", "last.onnx", "LSTM Dense"),
        ("onnx-torch", "both.onnx", "Bidirectional Bidirectional Dense"),
        ("onnx-dynamo", "gru_stack.onnx", "GRU GRU GlobalMaxPooling1D Dense"),
        ("onnx-dynamo", "words.onnx", "Embedding GRU PReLU Dense"),
        ("onnx-tf2onnx", "stack.onnx", "LSTM LSTM Dense"),
        ("onnx-tf2onnx", "convolved.onnx", "Conv1D MaxPooling1D LSTM Dense Flatten Dense"),
        ("onnx-tf2onnx", "both.onnx", "Bidirectional Bidirectional BatchNormalization Dense"),
        (
            "onnx-torch",
            "convolved.onnx",
            "Conv1D MaxPooling1D LSTM Dense LayerNormalization Dense Dense Dense",
        ),
    ],
)
def test_layers_are_those_that_people_write(exporter, name, wanted, tmp_path):
    model = load_model(unpack(exporter, name, tmp_path))
    assert " ".join(type(one).__name__ for one in model.layers) == wanted


# Graphs as text


def graph(text, **arrays):
    """Return a model of a text's graph, with arrays for its weights."""
    proto = parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17]>\nagraph {text}')
    proto.graph.initializer.extend(numpy_helper.from_array(a, n) for n, a in arrays.items())
    return proto


def read(proto, folder):
    onnx.save(proto, folder / "m.onnx")
    return load_model(folder / "m.onnx")


def weights(*shape):
    return np.random.default_rng(0).uniform(-0.5, 0.5, shape).astype("float32")


LSTM = {"W": weights(1, 12, 2), "R": weights(1, 12, 3)}


def test_one_error_lists_all_that_is_missing(tmp_path):
    proto = graph(
        """(float[n,5,2] x) => (float[n,3] y, float[n,5,2] z) {
            t = Transpose<perm=[1,0,2]>(x)
            a = Einsum<equation="tnf->tnf">(t)
            Y, h, c = LSTM<hidden_size=3>(a, W, R)
            y = Squeeze(h)
            s = Sin(x)
            u = Cos(s)
            z = Asin(x)
        }""",
        **LSTM,
    )
    proto.graph.node[-1].name = "mine"
    with pytest.raises(ValueError) as caught:
        read(proto, tmp_path)
    text = str(caught.value)
    for wanted in ("Einsum: nlstm has nothing like it", "Sin", "Cos", "Asin 'mine'"):
        assert wanted in text, wanted
    assert "LSTM" not in text  # it only follows from what is missing


@pytest.mark.parametrize(
    "attributes, wanted",
    [
        ("hidden_size=3, clip=2.0", "clip or input_forget"),
        ("hidden_size=1000000000", r"its W has shape \(1, 12, 2\); expected \(1, 4000000000, 2\)"),
        ("hidden_size=3, input_forget=1", "clip or input_forget"),
        ('hidden_size=3, activations=["Sigmoid","Tanh","Relu"]', "unlike activations"),
        ('hidden_size=3, activations=["Sigmoid","ScaledTanh","ScaledTanh"]', "activation ScaledT"),
        (
            'hidden_size=3, activations=["HardSigmoid","Tanh","Tanh"], activation_alpha=[0.3]',
            r"activation HardSigmoid \(0.3, 0.5\)",
        ),
    ],
)
def test_recurrences_that_nlstm_has_not(attributes, wanted, tmp_path):
    text = f"""(float[t,n,2] x) => (float[1,n,3] h) {{ Y, h, c = LSTM<{attributes}>(x, W, R) }}"""
    with pytest.raises(ValueError, match=wanted):
        read(graph(text, **LSTM), tmp_path)


@pytest.mark.parametrize(
    "nodes, wanted",
    [
        ("y = Mul(x, w)", "numbers for something other than features"),
        (
            "s = Shape(x) c = Cast<to=1>(s) r = ReduceMax<keepdims=0>(c) y = Mul(x, r)",
            "size of the batch",
        ),
        ("y = Softmax<axis=0>(x)", "batch is not its first axis"),
        ("y = Slice(x, one, two, zero)", "a part of the batch"),
        ("y = ReduceMean<axes=[0]>(x)", "over the batch"),
        ("y = ReduceMean<axes=[1, 2]>(x)", "over other than the steps"),
        ("y = MatMul(x, x)", "other than a value times weights"),
        ("y = Div(x, x)", "values of unlike kinds|no activation"),
        ("y = ConstantOfShape(huge)", "too large to be meant"),
        ("h = OneHot(one, deep, ends) y = Mul(x, h)", "OneHot: it makes an array too large"),
        ("h = HannWindow(deep) y = Mul(x, h)", "HannWindow: nlstm has nothing like it"),
        ("y = Add(x, nowhere)", "nothing before it makes its input 'nowhere'"),
        ("z = Tanh(x)", "output 'y', which no node makes"),
        ("y = Tanh(x) y = Sigmoid(x)", "its output 'y' is there already"),
        ("y = Loop(one)", "nlstm has nothing like it"),
        ("y = Other.Thing(x)", "Other.Thing"),
        ("y = Identity(one)", "does not follow from the inputs"),
        ("y, z = Split<axis=0>(x)", "a part of the batch"),
    ],
)
def test_what_no_layer_does(nodes, wanted, tmp_path):
    text = f"(float[n,5,2] x) => (float[n,5,2] y) {{ {nodes} }}"
    arrays = {name: np.array([value]) for name, value in (("zero", 0), ("one", 1), ("two", 2))}
    proto = parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : 17, "Other" : 1]>\nagraph {text}'
    )
    arrays |= {"w": weights(5, 1), "huge": np.array([1 << 20, 1 << 20])}
    arrays |= {"deep": np.array(1 << 40), "ends": np.array([0.0, 1.0], np.float32)}
    proto.graph.initializer.extend(numpy_helper.from_array(a, n) for n, a in arrays.items())
    with pytest.raises(ValueError, match=wanted):
        read(proto, tmp_path)


@pytest.mark.parametrize("node", ["w = Concat<axis=1>(w, w)", "w = Gather<axis=1>(w, many)"])
def test_arrays_that_grow_node_by_node_are_refused(node, tmp_path, monkeypatch):
    for module in (folding, tracing):
        monkeypatch.setattr(module, "LARGEST", 1 << 10)
    names = [f"w{n}" for n in range(24)]
    nodes = [
        node.replace("(w, w)", f"({a}, {a})").replace("(w,", f"({a},").replace("w =", f"{b} =")
        for a, b in zip(names, names[1:], strict=False)
    ]
    text = f"(float[n,5,2] x) => (float[n,5,3] y) {{ {' '.join(nodes)} y = MatMul(x, w23) }}"
    proto = graph(text, w0=weights(2, 3), many=np.arange(3).repeat(1000))
    with pytest.raises(ValueError, match="it makes an array too large to be meant"):
        read(proto, tmp_path)


@pytest.mark.parametrize(
    "nodes, layers",
    [
        ("y = Clip(x, zero, six)", "ReLU relu6"),
        ("s = Sigmoid(x) y = Mul(x, s)", "Activation silu"),
        (
            "a = Add(x, three) b = Clip(a, zero, six) c = Div(b, six) y = Mul(x, c)",
            "Activation hard_silu",
        ),
        ("n = Neg(x) e = Exp(n) a = Add(one, e) y = Reciprocal(a)", "Activation sigmoid"),
        ("y = ThresholdedRelu<alpha=0.3>(x)", "ReLU linear"),
        ("a = Mul(x, three) y = Sub(one, a)", "Linear None"),
        ("y = Sqrt(one)", None),
    ],
)
def test_functions_are_known_by_what_they_compute(nodes, layers, tmp_path):
    numbers = {"zero": 0, "one": 1, "three": 3, "six": 6}
    arrays = {name: np.array(value, np.float32) for name, value in numbers.items()}
    proto = graph(f"(float[n,5,2] x) => (float[n,5,2] y) {{ {nodes} }}", **arrays)
    if layers is None:
        with pytest.raises(ValueError, match="does not follow from the inputs"):
            read(proto, tmp_path)
        return
    model = read(proto, tmp_path)
    (found,) = model.layers if len(model.layers) == 1 else model.layers[1:]
    kind, activation = layers.split()
    assert str(getattr(found, "activation", None)) == activation
    assert type(found).__name__ in (kind, "Activation")
    x = 4 * weights(3, 5, 2)
    from onnx.reference import ReferenceEvaluator

    (wanted,) = ReferenceEvaluator(proto).run(None, {"x": x})
    np.testing.assert_allclose(predicted(model, [x])[0], wanted, rtol=1e-5, atol=1e-6)


def test_time_major_files_are_taken_batch_first(tmp_path):
    text = "(float[t,n,2] x) => (float[t,1,n,3] Y) { Y, h, c = LSTM<hidden_size=3>(x, W, R) }"
    model = read(graph(text, **LSTM), tmp_path)
    assert model.input_shape == (None, None, 2)
    assert type(model.layers[0]).__name__ == "LSTM" and model.layers[0].return_sequences


def test_peepholes_layouts_and_batches_of_one_size(tmp_path):
    text = """(float[1,5,2] x) => (float[1,5,1,3] Y) {
        Y = LSTM<hidden_size=3, layout=1, direction="reverse">(x, W, R, B, , , , P)
    }"""
    arrays = {**LSTM, "B": weights(1, 24), "P": weights(1, 9)}
    model = read(graph(text, **arrays), tmp_path)
    assert model.layers[-1].name and model.count_params() == 2 * 12 + 3 * 12 + 12 + 9
    assert predicted(model, [weights(4, 5, 2)])[0].shape == (4, 5, 3)  # any batch


def test_lengths_that_one_layer_goes_by_and_another_does_not(tmp_path):
    from tests.interop.onnx_spec import answered

    text = """(float[n,t,2] x, int64[n] m) => (float[n,3] a, float[n,3] b, float[n,t,3] c) {
        X = Transpose<perm=[1,0,2]>(x)
        k = Cast<to=6>(m)
        Y, h = LSTM<hidden_size=3>(X, W, R, , k)
        a = Squeeze(h, zero)
        Z, g = LSTM<hidden_size=3>(X, W, R)
        b = Squeeze(g, zero)
        S = Squeeze(Y, one)
        c = Transpose<perm=[1,0,2]>(S)
    }"""
    proto = graph(text, zero=np.array([0]), one=np.array([1]), **LSTM)
    model = read(proto, tmp_path)
    x, lengths = weights(3, 5, 2), np.array([5, 2, 3])
    for one, other in zip(
        predicted(model, [x], lengths), answered(proto, {"x": x, "m": lengths}), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)


# Files that are no models, or mean harm


@pytest.mark.parametrize(
    "content", [b"\x08\x08\x12", b"\x08\x07\x3a\xff\xff\xff", b"\x08\x08\x3a\x00"]
)
def test_broken_files(content, tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"m.onnx cannot be loaded"):
        load_model(path)


@pytest.mark.parametrize(
    "content, wanted",
    [
        (b"\x08\x08\x12\x05nlstm:", "onnx"),
        (b"\x08\x0a\x3a\x05graph:", "onnx"),
        (b"\x08\x08\x12\x00\x00\x00\x00\x00{", None),  # a safetensors file of such a length
        (b"\x08\x00\x12\x05nlstm:", None),
        (b"\x08", None),
        (b"PK\x03\x04rest", "keras"),
    ],
)
def test_files_are_known_by_how_they_begin(content, wanted, tmp_path):
    (tmp_path / "m").write_bytes(content)
    assert library_of(str(tmp_path / "m")) == wanted


def test_a_file_cut_anywhere_is_an_error(tmp_path):
    model = nlstm.Sequential([nlstm.Input((5, 2)), nlstm.layers.LSTM(3)])
    model.save(tmp_path / "m.onnx")
    whole = (tmp_path / "m.onnx").read_bytes()
    for end in range(0, len(whole) - 1, 97):
        (tmp_path / "cut.onnx").write_bytes(whole[:end])
        with pytest.raises(ValueError, match="cut.onnx"):
            load_model(tmp_path / "cut.onnx")


def test_weights_elsewhere_are_read_from_beside_the_file_alone(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(24))
    folder = tmp_path / "folder"
    folder.mkdir()
    proto = graph("(float[n,2] x) => (float[n,3] y) { y = MatMul(x, W) }")
    array = TensorProto(name="W", data_type=1, dims=[2, 3], data_location=TensorProto.EXTERNAL)
    array.external_data.add(key="location", value="../secret")
    proto.graph.initializer.append(array)
    (folder / "m.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(ValueError, match="cannot be loaded"):
        load_model(folder / "m.onnx")
    proto.graph.initializer[0].external_data[0].value = "beside"
    (folder / "m.onnx").write_bytes(proto.SerializeToString())
    (folder / "beside").write_bytes(np.arange(6, dtype="float32").tobytes())
    model = load_model(folder / "m.onnx")
    np.testing.assert_array_equal(model.get_weights()[0], np.arange(6).reshape(2, 3))


def test_a_missing_file_is_the_usual_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "m.onnx")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "nodes, wanted",
    [
        ("a = Cast<to=7>(x) y = Cast<to=1>(a)", "it rounds"),
        ("a = Cast<to=6>(x) b = Add(a, a) y = Cast<to=1>(b)", "computes with whole numbers"),
        ("a = Cast<to=9>(x) y = Cast<to=1>(a)", "what is not a number"),
    ],
)
def test_numbers_are_not_rounded_in_silence(nodes, wanted, tmp_path):
    with pytest.raises(ValueError, match=wanted):
        read(graph(f"(float[n,5,2] x) => (float[n,5,2] y) {{ {nodes} }}"), tmp_path)


@pytest.mark.parametrize("start, stop", [(600, 603), (-3, 1 << 62), (0, 700), (2, -1)])
def test_parts_of_an_open_number_of_steps(start, stop, tmp_path):
    text = "(float[n,t,2] x) => (float[n,s,2] y) { a = Tanh(x) y = Slice(a, begin, end, axis) }"
    arrays = {"begin": np.array([start]), "end": np.array([stop]), "axis": np.array([1])}
    model = read(graph(text, **arrays), tmp_path)
    for steps in (610, 650):
        x = weights(2, steps, 2)
        np.testing.assert_allclose(predicted(model, [x])[0], np.tanh(x)[:, start:stop], atol=1e-6)


def test_small_functions_are_not_taken_for_nothing(tmp_path):
    text = "(float[n,3] x) => (float[n,3] y) { a = Sigmoid(x) b = Mul(a, small) y = Mul(b, large) }"
    arrays = {"small": np.float32(1e-9), "large": np.float32(1e9)}
    model = read(graph(text, **{name: np.array(one) for name, one in arrays.items()}), tmp_path)
    x = weights(4, 3)
    np.testing.assert_allclose(predicted(model, [x])[0], 1 / (1 + np.exp(-x)), atol=1e-5)


@pytest.mark.parametrize(
    "node, layers",
    [
        ("{b} = Tanh({a})", 1100),
        ("{b} = Abs({a}) {b}r = Relu({a})", None),
        ("{b} = Add({a}, small)", 18),
        ("{b} = Add({a}, x)", 2),
        ("{b} = Concat<axis=2>({a}, x)", 1),
    ],
)
def test_chains_longer_than_python_recurses(node, layers, tmp_path):
    names = ["x", *(f"t{number}" for number in range(1099)), "y"]
    nodes = [node.format(a=a, b=b) for a, b in zip(names, names[1:], strict=False)]
    if "Concat" in node:
        nodes[-1] = "y = Slice(t1098, begin, end, last)"
    text = f"(float[n,5,2] x) => (float[n,5,2] y) {{ {' '.join(nodes)} }}"
    arrays = {"small": np.array(1e-3, np.float32)}
    arrays |= {"begin": np.array([0]), "end": np.array([2]), "last": np.array([2])}
    proto = graph(text, **arrays)
    if layers is None:
        with pytest.raises(ValueError, match="Abs: no activation of nlstm's"):
            read(proto, tmp_path)
        return
    assert len(read(proto, tmp_path).layers) == layers


@pytest.mark.parametrize(
    "nodes, layers",
    [
        ("a = Relu(x) y = Min(a, hundred)", "ReLU"),
        ("a = Mul(x, small) y = Clip(a, minus, one)", "Linear Activation"),
        ("y = ThresholdedRelu<alpha=0.01>(x)", "ReLU"),
        ("a = LeakyRelu<alpha=0.3>(x) y = Min(a, hundred)", "ReLU"),
        ("y = Clip(x, small, one)", "Linear ReLU Linear"),
        ("y = Max(x, small)", "Linear ReLU Linear"),
        ("a = Min(x, one) y = Min(a, small)", "ReLU"),
        ("y = Max(x, minus)", "Linear ReLU Linear"),
        ("y = Clip(x, minus, hundred)", "ReLU Linear ReLU Linear"),
        ("a = Neg(x) b = Max(a, small) y = Neg(b)", "Linear ReLU Linear"),
        ("a = Neg(x) b = Clip(a, small, one) y = Neg(b)", "Linear ReLU Linear"),
    ],
)
def test_functions_that_bend_between_points_or_far_off(nodes, layers, tmp_path):
    numbers = {"minus": -1, "one": 1, "small": 0.015625, "hundred": 100}
    arrays = {name: np.array(value, np.float32) for name, value in numbers.items()}
    proto = graph(f"(float[n,2] x) => (float[n,2] y) {{ {nodes} }}", **arrays)
    from onnx.reference import ReferenceEvaluator

    x = np.concatenate([np.linspace(-300, 300, 101), np.linspace(-0.02, 0.02, 101)])
    x = x.reshape(-1, 2).astype("float32")
    (wanted,) = ReferenceEvaluator(proto).run(None, {"x": x})
    model = read(proto, tmp_path)
    np.testing.assert_allclose(predicted(model, [x])[0], wanted, rtol=1e-5, atol=1e-8)
    found = [type(one).__name__ for one in model.layers]
    assert found == layers.split()


BRANCHES = """then_branch = yes () => (float[n,5,2] p) { p = Tanh(x) },
              else_branch = no () => (float[n,5,2] p) { q = Sin(x) p = Identity(q) }"""
SQUEEZED = """then_branch = yes () => (float[n,5,2] p) { p = Tanh(x) },
              else_branch = no () => (float[n,5,2] p) { p = Squeeze(x) }"""
INNER = """then_branch = yes () => (float[n,5,2] p) { p = If(other) <
               then_branch = a () => (float[n,5,2] r) { r = Relu(x) },
               else_branch = b () => (float[n,5,2] r) { r = Tanh(x) }> },
           else_branch = no () => (float[n,5,2] p) { p = Identity(x) }"""


@pytest.mark.parametrize(
    "condition, branches",
    [
        ("c = Identity(yes)", BRANCHES),
        ("s = Shape(x) l = Gather(s, two) c = Equal(l, two)", BRANCHES),
        ("s = Shape<start=1, end=2>(x) l = Squeeze(s) c = Greater(l, two)", BRANCHES),
        ("s = Shape(x) l = Gather(s, zero) e = Equal(l, one) c = Not(e)", SQUEEZED),
        ("c = Identity(yes)", INNER.replace("other", "no")),
    ],
)
def test_branches_that_are_always_taken(condition, branches, tmp_path):
    text = f"(float[n,5,2] x) => (float[n,5,2] y) {{ {condition} y = If(c) <{branches}> }}"
    arrays = {name: np.array(at) for at, name in enumerate(("zero", "one", "two"))}
    model = read(graph(text, yes=np.array(True), no=np.array(False), **arrays), tmp_path)
    assert [getattr(one, "activation", None) for one in model.layers] == ["tanh"]


def test_names_in_branches_are_their_own(tmp_path):
    """Two arrays of one name are not one layer's."""
    branch = """If(yes) <then_branch = a () => (float[n,5,2] p) {{
        w = Constant<value_floats = [{}]>() p = Mul({}, w)
    }}, else_branch = b () => (float[n,5,2] p) {{ p = Identity(x) }}>"""
    first, last = branch.format("1.0, 2.0", "x"), branch.format("3.0, 4.0", "t")
    text = f"(float[n,5,2] x) => (float[n,5,2] y) {{ f = {first} t = Tanh(f) y = {last} }}"
    model = read(graph(text, yes=np.array(True)), tmp_path)
    x = weights(3, 5, 2)
    wanted = np.tanh(x * [1, 2]) * [3, 4]
    np.testing.assert_allclose(predicted(model, [x])[0], wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "condition, wanted",
    [
        ("c = Identity(flag)", "If 'mine': its condition follows from the inputs"),
        (
            "s = Shape(x) l = Gather(s, one) c = Greater(l, two)",
            "If 'mine': its condition follows from the size of the batch, or from the number of",
        ),
        ("c = Identity(both)", r"If 'mine': its condition has shape \(2,\); expected one value"),
        ("s = Shape(x) l = Gather(s, zero) c = Equal(l, one)", "If 'mine': its condition follows"),
        ("c = Identity(no)", "Sin: nlstm has nothing like it"),
    ],
)
def test_branches_of_which_either_may_be_taken(condition, wanted, tmp_path):
    text = f"""(float[n,t,2] x, float[n,1] flag) => (float[n,t,2] y) {{
        {condition} y = If(c) <{BRANCHES}>
    }}"""
    arrays = {name: np.array(at) for at, name in enumerate(("zero", "one", "two"))}
    proto = graph(text, no=np.array(False), both=np.array([True, True]), **arrays)
    proto.graph.node[-1].name = "mine"
    with pytest.raises(ValueError, match=wanted):
        read(proto, tmp_path)


def test_loops_are_named_with_what_to_do_instead(tmp_path):
    text = """(float[n,5,2] x) => (float[n,5,2] y) {
        y = Loop(five, yes, x) <body = b (int64 i, bool c, float[n,5,2] h)
            => (bool d, float[n,5,2] k) { d = Identity(c) k = Tanh(h) }>
    }"""
    proto = graph(text, five=np.array(5), yes=np.array(True))
    proto.graph.node[-1].name = "rnn/while_loop"
    with pytest.raises(
        ValueError, match=r"Loop 'rnn/while_loop': (.*) steps (.*)\n.*Recurrences are"
    ):
        read(proto, tmp_path)


@pytest.mark.parametrize(
    "node, wanted",
    [
        ("y = Squeeze(d, two)", "steps"),
        ("l = Gather<axis=1>(d, last) m = Squeeze(l, one) y = Identity(m)", "rows"),
    ],
)
def test_outputs_of_one_number_are_a_column(node, wanted, tmp_path):
    """What PyTorch's `squeeze(-1)` leaves of a regression."""
    text = f"(float[n,t,2] x) => (float y) {{ d = MatMul(x, w) {node} }}"
    arrays = {"w": weights(2, 1), "one": np.array([1]), "two": np.array([2])}
    model = read(graph(text, last=np.array(-1), **arrays), tmp_path)
    x = weights(3, 5, 2)
    wanted = x @ arrays["w"] if wanted == "steps" else (x @ arrays["w"])[:, -1]
    np.testing.assert_allclose(predicted(model, [x])[0], wanted, atol=1e-6)


@pytest.mark.parametrize(
    "nodes, wanted",
    [
        ("y, z = Split<axis=1>(x)", "Split: it splits an open number of steps"),
        ("y = Reshape(x, turned)", "Reshape: features of an open number"),
        ("a = Unsqueeze(x, last) b = Add(a, two) y = Squeeze(b, zero)", "repeats an axis of one"),
    ],
)
def test_what_only_looks_like_a_layer(nodes, wanted, tmp_path):
    proto = graph(
        f"(float[n,t,2] x) => (float[n,s,2] y) {{ {nodes} }}",
        turned=np.array([0, 2, -1]),
        last=np.array([-1]),
        two=weights(2),
        zero=np.array([0]),
    )
    with pytest.raises(ValueError, match=wanted):
        read(proto, tmp_path)
