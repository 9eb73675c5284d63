"""Files of ONNX that are damaged, against the rules, or odd: read, or an error that names it."""

import numpy as np
import pytest

from nlstm.models import load_model

onnx = pytest.importorskip("onnx")
from onnx import helper, numpy_helper, parser  # noqa: E402

TEXT = """(float[n,5,2] x) => (float[n,3] y) {
    t = Transpose<perm=[1,0,2]>(x)
    Y, h, c = LSTM<hidden_size=3>(t, W, R, B)
    y = Squeeze(h, first)
}"""


def plain(text=TEXT, dtype="float32"):
    proto = parser.parse_model(f'<ir_version: 10, opset_import: ["" : 17]>\nagraph {text}')
    rng = np.random.default_rng(0)
    shapes = {"W": (1, 12, 2), "R": (1, 12, 3), "B": (1, 24)}
    arrays = {name: rng.uniform(-0.5, 0.5, shape).astype(dtype) for name, shape in shapes.items()}
    arrays["first"] = np.array([0])
    proto.graph.initializer.extend(numpy_helper.from_array(a, n) for n, a in arrays.items())
    return proto


def read(proto, folder):
    (folder / "m.onnx").write_bytes(proto.SerializeToString())
    return load_model(folder / "m.onnx")


X = np.random.default_rng(1).uniform(-1, 1, (3, 5, 2)).astype("float32")


def short(proto):
    proto.graph.initializer[0].raw_data = proto.graph.initializer[0].raw_data[:-2]


def longer(proto):
    proto.graph.initializer[0].dims[1] = 1 << 40


def negative(proto):
    proto.graph.initializer[0].dims[1] = -12


def strange(proto):
    proto.graph.initializer[0].data_type = 99


def words(proto):
    proto.graph.initializer[0].data_type = onnx.TensorProto.STRING


def sparse(proto):
    found = proto.graph.sparse_initializer.add()
    found.values.CopyFrom(numpy_helper.from_array(np.ones(1, "f"), "S"))
    proto.graph.node[1].input[3] = "S"


def without(proto):
    proto.graph.node[1].input[1] = ""


def sideways(proto):
    proto.graph.node[1].attribute.append(helper.make_attribute("direction", "sideways"))


def layout(proto):
    proto.graph.node[1].attribute.append(helper.make_attribute("layout", 7))


def one_activation(proto):
    proto.graph.node[1].attribute.append(helper.make_attribute("activations", ["Sigmoid"]))


def order(proto):
    proto.graph.node[0].attribute[0].ints[:] = [1, 1, 2]


def axis(proto):
    proto.graph.initializer[3].CopyFrom(numpy_helper.from_array(np.array([9]), "first"))


def no_operator(proto):
    proto.graph.node[0].attribute[0].name = "axes"
    proto.graph.node[0].op_type = "Concat"


def features(proto):
    proto.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 7


def open_features(proto):
    proto.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "f"


def text_input(proto):
    proto.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.STRING


DAMAGES = [
    (short, r"array 'W' of shape \(1, 12, 2\) is damaged"),
    (longer, r"array 'W' of shape \(1, 1099511627776, 2\) is damaged"),
    (negative, r"array 'W' has shape \(1, -12, 2\)"),
    (strange, "array 'W' holds type 99; expected numbers"),
    (words, "array 'W' holds STRING; expected numbers"),
    (sparse, "array 'S' is stored sparse"),
    (without, r"LSTM: it has no W \[t \(5, batch, 2\), R \(1, 12, 3\), B \(1, 24\) -> Y, h, c\]"),
    (sideways, "its direction is 'sideways'; expected one of forward, reverse, bidirectional"),
    (layout, "its layout is 7; expected one of 0, 1"),
    (one_activation, "LSTM: it has 1 activations; expected 3"),
    (order, r"Transpose: it puts axes in the order \[1, 1, 2\] \[x \(batch, 5, 2\) -> t\]"),
    (axis, "Squeeze: its axis 9 is none of the 3 that there are"),
    (no_operator, r"Concat: it cannot be followed \(TypeError"),
    (features, r"its W has shape \(1, 12, 2\); expected \(1, 12, 7\)"),
    (open_features, "input 'x' leaves its number of features open"),
    (text_input, "input 'x' of STRING; numbers are known"),
]


@pytest.mark.parametrize("damage, wanted", DAMAGES, ids=[one.__name__ for one, _ in DAMAGES])
def test_what_is_wrong_is_named(damage, wanted, tmp_path):
    proto = plain()
    damage(proto)
    with pytest.raises(ValueError, match=rf"(?s)m.onnx cannot be loaded: .*{wanted}"):
        read(proto, tmp_path)


def renamed(proto):
    proto.graph.name = "gráf/名"
    proto.graph.input[0].name = proto.graph.node[0].input[0] = "вход/x:0"
    for node in proto.graph.node:
        node.name = f"/модель/слой 1/{node.op_type}"


def no_names(proto):
    proto.graph.input[0].name = proto.graph.node[0].input[0] = "1"
    proto.graph.initializer.append(numpy_helper.from_array(np.ones(3), ""))


def unknown_steps(proto):
    proto.graph.input[0].type.tensor_type.shape.dim[1].dim_value = -1


def old_format(proto):
    proto.ir_version = 3


@pytest.mark.parametrize("change", [renamed, no_names, unknown_steps, old_format])
def test_odd_and_read(change, tmp_path):
    wanted = read(plain(), tmp_path).predict(X, verbose=0)
    proto = plain()
    change(proto)
    np.testing.assert_array_equal(read(proto, tmp_path).predict(X, verbose=0), wanted)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_float32(dtype, tmp_path):
    proto = plain(TEXT.replace("float[", f"{dtype}["))
    for one in proto.graph.initializer[:3]:
        array = numpy_helper.to_array(one)
        if dtype == "float16":
            one.CopyFrom(numpy_helper.from_array(array.astype(dtype), one.name))
        else:
            bits = (array.view("uint32") >> 16).astype("uint16").tobytes()
            dims, kind = array.shape, onnx.TensorProto.BFLOAT16
            one.CopyFrom(helper.make_tensor(one.name, kind, dims, bits, raw=True))
    model = read(proto, tmp_path)
    wanted = read(plain(), tmp_path)
    assert model.dtype == "float32"
    np.testing.assert_allclose(
        model.predict(X, verbose=0), wanted.predict(X, verbose=0), rtol=0, atol=1e-2
    )
    kernel = wanted.get_weights()[0]
    np.testing.assert_allclose(model.get_weights()[0], kernel, rtol=2**-7, atol=0)


@pytest.mark.parametrize("left", [None, b"1234"])
def test_weights_elsewhere_that_are_not_there(left, tmp_path):
    path = tmp_path / "m.onnx"
    onnx.save(plain(), path, save_as_external_data=True, location="w.bin", size_threshold=0)
    (tmp_path / "w.bin").unlink()
    if left is not None:
        (tmp_path / "w.bin").write_bytes(left)
    with pytest.raises(ValueError, match="m.onnx cannot be loaded: .*(w.bin|tensor)"):
        load_model(path)


@pytest.mark.parametrize("name", ["m.onnx", "m.keras", "m.h5"])
@pytest.mark.parametrize("content", [b"", b"\x08\x08", b"ir_version: 8\n"])
def test_content_that_is_not_what_the_name_says(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name} is not a whole safetensors file, .* nor one of"):
        load_model(tmp_path / name)
