"""`.weights.h5` of an `RNN` with several cells into layers in a row, and the other way round."""

import numpy as np
import pytest

from nlstm.layers import GRU, LSTM, Bidirectional, Dense, Input, SimpleRNN
from nlstm.models import Sequential

h5py = pytest.importorskip("h5py")
SEQUENCES = {"return_sequences": True}


def drawn(*layers, features=3):
    model = Sequential([Input((5, features)), *layers])
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(-0.5, 0.5, one.shape) for one in model.get_weights()])
    return model


def written(folder, places, names=()):
    """Write arrays by their places, as Keras 3 lays such files out; return the path."""
    with h5py.File(folder / "w.weights.h5", "w") as file:
        for place, arrays in places.items():
            for number, array in enumerate(arrays):
                file[f"layers/{place}/vars/{number}"] = array
        for place, name in dict(names).items():
            file.require_group(f"layers/{place}/vars").attrs["name"] = name
    return folder / "w.weights.h5"


def parts(model):
    """Return the weights of each level, and of each layer that is none."""
    found = []
    for layer in model.layers:
        arrays, count = layer.get_weights(), getattr(layer, "num_layers", 1)
        share = len(arrays) // count
        found += [arrays[at * share : (at + 1) * share] for at in range(count)]
    return found


CELLS = "rnn/cell/cells/"
CASES = {
    "two of a kind": (
        lambda: [LSTM(4, **SEQUENCES), LSTM(4)],
        [CELLS + "lstm_cell", CELLS + "lstm_cell_1"],
    ),
    "levels of one layer": (
        lambda: [LSTM(4, num_layers=2), Dense(1)],
        [CELLS + "lstm_cell", CELLS + "lstm_cell_1", "dense"],
    ),
    "of several kinds": (
        lambda: [Dense(2), LSTM(4, **SEQUENCES), GRU(3, **SEQUENCES), SimpleRNN(2), Dense(1)],
        ["dense", CELLS + "lstm_cell", CELLS + "gru_cell", CELLS + "simple_rnn_cell", "dense_1"],
    ),
    "beside a plain layer": (
        lambda: [LSTM(4, **SEQUENCES), LSTM(4, **SEQUENCES), LSTM(5)],
        ["lstm/cell", CELLS + "lstm_cell", CELLS + "lstm_cell_1"],
    ),
    "two stacks": (
        lambda: [GRU(2, **SEQUENCES), GRU(3, **SEQUENCES), GRU(4, **SEQUENCES), GRU(5)],
        [CELLS + "gru_cell", CELLS + "gru_cell_1", "rnn_1/cell/cells/gru_cell",
         "rnn_1/cell/cells/gru_cell_1"],
    ),
    "an RNN with one cell": (lambda: [LSTM(4), Dense(1)], ["rnn/cell", "dense"]),
    "layers in a row into levels": (lambda: [LSTM(4, num_layers=2)], ["lstm/cell", "lstm_1/cell"]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_cells_of_a_stack_are_layers_in_a_row(case, tmp_path):
    layers, places = CASES[case]
    model = drawn(*layers())
    wanted = model.get_weights()
    path = written(tmp_path, dict(zip(places, parts(model), strict=True)))
    model.set_weights([one + 1 for one in wanted])
    model.load_weights(path)
    for one, other in zip(model.get_weights(), wanted, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("names, order", [("a b mine", [0, 1, 2]), ("a mine c", [1, 2, 0])])
def test_names_count_where_shapes_leave_a_choice(names, order, tmp_path):
    """A layer in front of a stack, or behind it, all of one shape."""
    rows = [LSTM(3, **SEQUENCES, name=name) for name in names.split()]
    model = drawn(*rows)
    arrays = [layer.get_weights() for layer in rows]
    places = ["lstm/cell", CELLS + "lstm_cell", CELLS + "lstm_cell_1"]
    path = written(tmp_path, dict(zip(places, arrays, strict=True)), {"rnn": "mine"})
    model.load_weights(path)
    for layer, at in zip(model.layers, order, strict=True):
        np.testing.assert_array_equal(layer.get_weights()[0], arrays[at][0])


def test_more_than_one_way_is_an_error(tmp_path):
    model = drawn(*(LSTM(3, **SEQUENCES) for _ in range(3)))
    places = ["lstm/cell", CELLS + "lstm_cell", CELLS + "lstm_cell_1"]
    path = written(tmp_path, dict(zip(places, parts(model), strict=True)), {"rnn": "mine"})
    before = model.get_weights()
    with pytest.raises(ValueError, match="in more than one way: .* the file has for it, 'mine'"):
        model.load_weights(path)
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "layers",
    [
        lambda: [LSTM(4, **SEQUENCES), LSTM(5)],
        lambda: [GRU(4, **SEQUENCES), GRU(4)],
        lambda: [LSTM(4)],
        lambda: [LSTM(4, **SEQUENCES), LSTM(4, **SEQUENCES), LSTM(4)],
        lambda: [Bidirectional(LSTM(4))],
    ],
)
def test_other_layers_than_the_cells(layers, tmp_path):
    model = drawn(LSTM(4, **SEQUENCES), LSTM(4))
    places = [CELLS + "lstm_cell", CELLS + "lstm_cell_1"]
    path = written(tmp_path, dict(zip(places, parts(model), strict=True)))
    other = drawn(*layers())
    with pytest.raises(ValueError, match="not found by name. It has layers/rnn/cell/cells/lstm_"):
        other.load_weights(path)
