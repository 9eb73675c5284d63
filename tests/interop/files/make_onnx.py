"""Writes files of ONNX with one exporter, and what was asked and answered.

    python tests/interop/files/make_onnx.py NAME

NAME is torch (PyTorch's old exporter), dynamo (its new one), keras-torch or keras-tensorflow
(Keras's on that backend) or tf2onnx, in an environment with it (see README.md beside it).
onnx-NAME.zip gets CASE.onnx, and CASE.npz with what went in (x_0, x_1, ...), as nlstm takes it,
batch first, and what came out (y_0, ...).
"""

import os
import sys
import tempfile
import zipfile

import numpy as np

NAME = sys.argv[1]
FOLDER = tempfile.mkdtemp()
RANDOM = np.random.RandomState(0)


def random(*shape):
    return RANDOM.uniform(-1, 1, shape).astype("float32")


def path(case, ending=".onnx"):
    return os.path.join(FOLDER, case + ending)


def kept(case, x, y):
    found = {f"x_{number}": one for number, one in enumerate(x)}
    np.savez_compressed(path(case, ".npz"), **found, **{f"y_{n}": one for n, one in enumerate(y)})


# PyTorch


def forget_places(file):
    """Take away where in which program a node came from."""
    import onnx

    model = onnx.load(file)
    for one in [model, model.graph, *model.graph.node, *model.graph.value_info]:
        one.ClearField("metadata_props")
    onnx.save(model, file)


def of_torch():
    import torch
    from torch import nn

    class Net(nn.Module):
        """A recurrent module, and a linear one on a part of what it gives."""

        def __init__(self, kind, part, **given):
            super().__init__()
            self.rnn = kind(3, 4, **{"batch_first": True, **given})
            self.part = part
            self.fc = nn.Linear(8 if given.get("bidirectional") else 4, 2)

        def forward(self, x):
            y, state = self.rnn(x)
            h = state[0] if isinstance(state, tuple) else state
            parts = {
                "all": lambda: y,
                "last": lambda: y[:, -1],
                "h": lambda: h[-1],
                "both": lambda: torch.cat((h[-2], h[-1]), 1),
                "mean": lambda: y.mean(1),
                "max": lambda: y.max(1)[0],
                "time major": lambda: y[-1],
            }
            return self.fc(parts[self.part]())

    class Convolved(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv1d(3, 6, 3, padding=1), nn.BatchNorm1d(6)
            self.pool, self.lstm = nn.MaxPool1d(2), nn.LSTM(6, 4, batch_first=True)
            self.end = nn.Sequential(
                nn.Dropout(0.2), nn.Linear(4, 8), nn.GELU(), nn.LayerNorm(8), nn.Linear(8, 5),
                nn.SiLU(), nn.Linear(5, 5), nn.Mish(), nn.Linear(5, 2), nn.LogSigmoid(),
            )  # fmt: skip

        def forward(self, x):
            y = self.pool(torch.relu(self.norm(self.conv(x.permute(0, 2, 1))))).permute(0, 2, 1)
            return self.end(self.lstm(y)[1][0][-1])

    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.gru = nn.Embedding(9, 3), nn.GRU(3, 4, batch_first=True)
            self.slope, self.fc = nn.PReLU(), nn.Linear(4, 9)

        def forward(self, x):
            return torch.softmax(self.fc(self.slope(self.gru(self.embedding(x))[0])), -1)

    class Translated(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.LSTM(3, 4, batch_first=True)
            self.decoder, self.fc = nn.LSTM(3, 4, batch_first=True), nn.Linear(4, 1)

        def forward(self, x, y):
            return self.fc(self.decoder(y, self.encoder(x)[1])[0])

    class Attended(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.score = nn.LSTM(3, 4, batch_first=True), nn.Linear(4, 1)
            self.fc = nn.Linear(4, 1)

        def forward(self, x):
            y = self.lstm(x)[0]
            return self.fc((y * torch.softmax(self.score(y), 1)).sum(1))

    class Packed(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.fc = nn.LSTM(3, 4, 2, batch_first=True), nn.Linear(4, 1)

        def forward(self, x, lengths):
            packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
            return self.fc(self.lstm(packed)[1][0][-1])

    x, both = random(3, 5, 3), {"bidirectional": True}
    index = np.array([[1, 2, 3, 0, 8], [4, 4, 0, 1, 1], [7, 6, 5, 4, 3]])
    cases = {
        "last": (Net(nn.LSTM, "last"), [x]),
        "all": (Net(nn.LSTM, "all", bias=False), [x]),
        "stack": (Net(nn.LSTM, "h", num_layers=2, dropout=0.1), [x]),
        "both": (Net(nn.LSTM, "both", num_layers=2, **both), [x]),
        "both_last": (Net(nn.LSTM, "last", **both), [x]),
        "gru": (Net(nn.GRU, "both", **both), [x]),
        "gru_stack": (Net(nn.GRU, "max", num_layers=2), [x]),
        "rnn": (Net(nn.RNN, "mean", nonlinearity="relu"), [x]),
        "time_major": (Net(nn.LSTM, "time major", batch_first=False), [x]),
        "convolved": (Convolved(), [random(3, 6, 3)]),
        "words": (Words(), [index]),
        "translated": (Translated(), [x, random(3, 5, 3)]),
        "attended": (Attended(), [x]),
        "packed": (Packed(), [x, np.array([5, 3, 2])]),
    }
    torch.manual_seed(0)
    for case, (model, data) in cases.items():
        if NAME == "dynamo" and case == "packed":
            continue  # it is not exported
        model = model.eval()
        for one in model.parameters():
            nn.init.uniform_(one, -0.7, 0.7)
        given = [torch.from_numpy(one) for one in data]
        given = [one.transpose(0, 1) if case == "time_major" else one for one in given]
        names = [f"x_{number}" for number in range(len(given))]
        batch = 1 if case == "time_major" else 0
        closed = "convolved", "attended", *(["time_major"] if NAME == "dynamo" else [])
        open_axes = [{batch: "n"} if case in closed else {batch: "n", 1 - batch: "t"}]
        open_axes = [*open_axes * (len(given) - (case == "packed")), {0: "n"}][: len(given)]
        with torch.no_grad():
            wanted = model(*given)
        if NAME == "dynamo":
            shapes = tuple({k: torch.export.Dim(v) for k, v in one.items()} for one in open_axes)
            torch.onnx.export(
                model, tuple(given), path(case), dynamo=True, input_names=names,
                dynamic_shapes=shapes, external_data=False, verbose=False,
            )  # fmt: skip
            forget_places(path(case))
        else:
            axes = None if case in ("stack", "rnn") else dict(zip(names, open_axes))
            torch.onnx.export(
                model, tuple(given), path(case), dynamo=False, input_names=names, dynamic_axes=axes
            )
        kept(case, data, [wanted.numpy()])


# Keras


def fill(model):
    """Give weights that no initializer gives."""
    weights = [random(*weight.shape) for weight in model.get_weights()]
    model.set_weights([abs(one) if one.ndim == 1 else one for one in weights])


def stacks(keras):
    L, both = keras.layers, keras.layers.Bidirectional
    return {
        "stack": [
            L.Input((5, 3)), L.LSTM(4, return_sequences=True), L.Dropout(0.2),
            L.LSTM(3, activation="relu"), L.Dense(2, activation="relu"),
        ],
        "both": [
            L.Input((5, 3)), both(L.LSTM(4, return_sequences=True)), both(L.GRU(3)),
            L.BatchNormalization(), L.Dense(2, activation="softmax"),
        ],
        "convolved": [
            L.Input((6, 3)), L.Conv1D(4, 2, activation="relu", padding="causal"),
            L.MaxPooling1D(2), L.LSTM(2, return_sequences=True), L.TimeDistributed(L.Dense(3)),
            L.Flatten(), L.Dense(2, activation="sigmoid"),
        ],
        "words": [
            L.Input((6,)), L.Embedding(7, 3), L.LSTM(2, return_sequences=True, go_backwards=True),
            L.GRU(3), L.RepeatVector(2), L.GRU(3, return_sequences=True), L.Reshape((3, 2)),
            L.GlobalAveragePooling1D(), L.Dense(1),
        ],
        "open": [L.Input((None, 3)), L.LSTM(2), L.Dense(1)],
    }  # fmt: skip


def of_tf2onnx():
    import tensorflow as tf
    import tf2onnx

    for case, layers in stacks(tf.keras).items():
        model = tf.keras.Sequential(layers)
        fill(model)
        shape = [3, *(5 if n is None else n for n in model.input_shape[1:])]
        x = random(*shape) if len(shape) > 2 else RANDOM.randint(0, 7, shape).astype("float32")
        spec = [tf.TensorSpec(model.input_shape, tf.float32, name="x_0")]
        tf2onnx.convert.from_keras(model, spec, output_path=path(case))
        kept(case, [x], [model.predict(x)])


def of_keras():
    os.environ["KERAS_BACKEND"] = NAME.removeprefix("keras-")
    import keras

    L = keras.layers
    layers = {"unrolled": [L.Input((3, 2)), L.LSTM(2), L.Dense(1, activation="gelu")]}
    if NAME == "keras-tensorflow":
        some = stacks(keras)
        layers = {name: some[name] for name in ("stack", "convolved", "open")}
    for case, own in layers.items():
        model = keras.Sequential(own)
        fill(model)
        x = random(3, *(5 if n is None else n for n in model.input_shape[1:]))
        wanted = model.predict(x)
        model.export(path(case), format="onnx", verbose=False)
        kept(case, [x], [wanted])


def main():
    others = {"tf2onnx": of_tf2onnx, "keras-torch": of_keras, "keras-tensorflow": of_keras}
    others.get(NAME, of_torch)()
    target = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"onnx-{NAME}.zip")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(os.listdir(FOLDER)):
            archive.write(os.path.join(FOLDER, name), name)


if __name__ == "__main__":
    main()
