"""PyTorch's weights in the kernels' layout."""

import numpy as np
import pytest

from nlstm.kernels import HOST, load
from tests.torch.side import pair  # skips this where there is no PyTorch

assert pair


@pytest.mark.parametrize("units", [5, 16, 35])
@pytest.mark.parametrize("name", ["LSTM", "GRU"])
@pytest.mark.parametrize("large", [False, True])
def test_weights_and_back(name, units, large, monkeypatch):
    from nlstm.torch import weights

    monkeypatch.setattr(weights, "LARGE", 1 if large else 1 << 30)
    monkeypatch.setattr(weights, "NEAR", 2)
    cell, ops, rng = getattr(weights, name), load(HOST), np.random.default_rng(0)
    gates = len(cell.of_inputs)
    w_ih, w_hh, b_ih, b_hh = (
        rng.normal(size=(gates * units, *rest)).astype("float32")
        for rest in ((3,), (units,), (), ())
    )
    blocks, _, *last = ops.lstm_gates_shape(1, 1, units, ops.dtype)[1:]
    shapes = [(blocks, 3, *last), (blocks, units, *last), (blocks, *last)]
    packed = [np.full(shape, np.nan, "float32") for shape in shapes]
    cell.pack([w_ih, w_hh, b_ih, b_hh], *packed, 1 + 2 * large)
    for matrix, parts, found in (
        (w_ih, cell.of_inputs, packed[0]),
        (w_hh, cell.of_states, packed[1]),
    ):
        four = np.zeros((4, units, matrix.shape[1]), "float32")
        for part, gate in parts:
            four[part] = matrix.reshape(gates, units, -1)[gate]
        expected = ops.gate_matrix(units).pack(four.reshape(4 * units, -1).T)
        np.testing.assert_array_equal(found, expected)
    four = np.zeros((4, units), "float32")
    for bias, parts in ((b_ih, cell.of_inputs), (b_hh, cell.of_states)):
        for part, gate in parts:
            four[part] += bias.reshape(gates, units)[gate]
    np.testing.assert_array_equal(packed[2], ops.gate_vector(units).pack(four.reshape(-1)))
    back = [np.full_like(one, np.nan) for one in (w_ih, w_hh, b_ih, b_hh)]
    back[1] = None
    cell.unpack(packed, back, 1 + 2 * large)
    np.testing.assert_array_equal(back[0], w_ih)
    for side, parts in ((2, cell.of_inputs), (3, cell.of_states)):
        for part, gate in parts:
            np.testing.assert_array_equal(back[side].reshape(gates, units)[gate], four[part])
