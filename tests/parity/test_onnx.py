"""Files of ONNX handed over to onnxruntime, and from live exporters of PyTorch.

NLSTM_DRAWN=200 in the environment draws more of the networks.
"""

import os
import warnings

import numpy as np
import pytest

import nlstm
import nlstm.interop.onnx
from nlstm import layers as L
from nlstm.models import Model, Sequential, load_model
from tests.interop.test_onnx import CELLS, FORMS, LAYERS, MASKS, asked, data, feeds, filled, masked
from tests.parity.drawn_models import Drawn

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
DRAWN = int(os.environ.get("NLSTM_DRAWN", "16"))


def served(path, x):
    """Return what onnxruntime answers."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session.run(None, feeds(onnx.load(path), x))


def check(model, x, folder):
    model.save(folder / "m.onnx")
    for one, other in zip(served(folder / "m.onnx", x), asked(model, x), strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


@pytest.mark.parametrize("seed", range(DRAWN))
def test_drawn_networks(seed, tmp_path):
    drawn = Drawn(seed)
    check(filled(drawn.model(nlstm, compiled=False), seed), drawn.x, tmp_path)


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name, tmp_path):
    x = L.Input((5, 3))
    check(filled(Model(x, L.Dense(2)(LAYERS[name](x)))), [data(4, 5, 3)], tmp_path)


@pytest.mark.parametrize("cell", CELLS)
def test_recurrent_layers(cell, tmp_path):
    x, y = L.Input((None, 2)), L.Input((None, 2))
    outputs = [CELLS[cell](**form)(L.Masking()(x)) for form in FORMS.values()]
    states = CELLS[cell](return_state=True)(L.Masking()(x))[1:]
    outputs.append(CELLS[cell](return_sequences=True)(y, initial_state=states))
    outputs.append(L.Bidirectional(CELLS[cell](return_sequences=True))(L.Masking()(x)))
    model = filled(Model([x, y], outputs))
    for where in MASKS:
        check(model, [masked(data(3, 5, 2), where), data(3, 4, 2)], tmp_path)


def test_lengths(tmp_path):
    model = filled(Sequential([L.Input((None, 2)), L.LSTM(3, return_sequences=True), L.GRU(2)]))
    x, lengths = data(3, 5, 2), np.array([5, 2, 3])
    nlstm.interop.onnx.save(model, tmp_path / "m.onnx", lengths=True)
    (found,) = served(tmp_path / "m.onnx", [x, lengths])
    wanted = model.predict(x, lengths=lengths, verbose=0)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("steps", [5, 7])
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_live_modules_of_pytorch(kind, steps, tmp_path):
    """PyTorch > ONNX > nlstm > ONNX > onnxruntime."""
    torch = pytest.importorskip("torch")

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = getattr(torch.nn, kind)(3, 4, 2, batch_first=True, bidirectional=True)
            self.fc = torch.nn.Linear(8, 2)

        def forward(self, x):
            return torch.sigmoid(self.fc(self.rnn(x)[0][:, -1]))

    module, x = Net().eval(), data(3, steps, 3).astype("float32")
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of an exporter that is called the old one
        wanted = module(torch.from_numpy(x)).numpy()
        torch.onnx.export(
            module, (torch.zeros(2, 5, 3),), tmp_path / "t.onnx", dynamo=False, input_names=["x"],
            dynamic_axes={"x": {0: "n", 1: "t"}},
        )  # fmt: skip
    model = load_model(tmp_path / "t.onnx")
    np.testing.assert_allclose(asked(model, x)[0], wanted, rtol=0, atol=1e-6)
    check(model, [x], tmp_path)
