"""A last block of few units, whose gates share vectors: the bits of one whose gates do not."""

import numpy as np
import pytest

from nlstm.kernels.cpu.lstm.narrow import MOST_VECTORS, narrow_vectors
from nlstm.kernels.cpu.machine.jit import lanes
from nlstm.kernels.cpu.products import layout
from tests.kernels.lstm_case import random_case, run_kernels


def vectors(H, dtype):
    return narrow_vectors.py_func(H, lanes(dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_which_blocks_are_narrow(dtype):
    L = lanes(dtype)
    for H in range(1, 3 * L + 1):
        units = H % L
        used = 0 if units * 4 > MOST_VECTORS * L else -(-units * 4 // L)
        assert vectors(H, dtype) == used
    assert vectors(3 * L + 1, dtype) >= 1 and not vectors(2 * L, dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", [2, 7, 37])
@pytest.mark.parametrize("blocks", [0, 2])
def test_the_bits_of_gates_with_vectors_of_their_own(dtype, rows, blocks):
    L = lanes(dtype)
    for units in range(1, L):
        H = blocks * L + units
        # More steps than one would have their dh summed gate by gate where states are masked.
        for steps, names in ((5, ("outputs", "c")), (1, ("dW", "dU", "db", "dx", "dc0"))):
            case = random_case(rows, steps, 3, H, dtype, seed=units, mask=rows == 37)
            found = run_kernels(case)
            # Masks of states that keep all: every gate has a product of its own then.
            wanted = run_kernels(case | {"h_masks": np.ones((4, rows, H), dtype)})
            for name in names:
                assert found[name].tobytes() == wanted[name].tobytes(), (name, units)
            assert not found["lanes past H"].any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_do_not_see_what_lies_between_the_gates(dtype, monkeypatch):
    L, pack = lanes(dtype), layout.pack_gates
    H = L + 2
    case = random_case(7, 3, 3, H, dtype)
    wanted = run_kernels(case)

    def poisoned(matrix):
        packed = pack(matrix)
        packed[-1, ..., 2:] = np.nan
        return packed

    monkeypatch.setattr(layout, "pack_gates", poisoned)
    for name, value in run_kernels(case).items():
        assert value.tobytes() == wanted[name].tobytes(), name
