"""The opaque device: what its arrays refuse, and that a leak on it is an error."""

import numpy as np
import pytest

from nlstm.kernels import operations
from tests.opaque.device import Memory, Words

OPS = Words("opaque", np.dtype("float64"))


@pytest.mark.parametrize(
    "leak",
    [
        np.asarray,
        np.isfinite,
        float,
        list,
        len,
        lambda array: array + 1,
        lambda array: np.add(np.zeros((3, 4)), array),
        lambda array: np.copyto(array, 0.0),
        lambda array: np.zeros((3, 4)) * array,
        lambda array: array == 1,
        lambda array: array[:, 0],
        lambda array: array[::2],
        lambda array: array[0][0],
        lambda array: array.__setitem__(0, 1.0),
        lambda array: array.T,
        lambda array: array.view(np.uint8),
        lambda array: array.fill(0.0),
        lambda array: OPS.dropout_mask(1, np.zeros(1, np.int64), 0, 0.5, 4, array),
        lambda array: OPS.program([(print, (array,))]),
    ],
)
def test_a_leak_is_an_error(leak):
    with pytest.raises((TypeError, AttributeError)):
        leak(OPS.zeros((3, 4)))


def test_what_an_array_offers():
    array = OPS.to_device(np.arange(12.0).reshape(3, 4))
    assert isinstance(array, Memory)
    assert (array.shape, array.size, array.dtype) == ((3, 4), 12, np.float64)
    np.testing.assert_array_equal(OPS.to_host(array[1]), [4, 5, 6, 7])
    np.testing.assert_array_equal(OPS.to_host(array[1:][..., :2]), [[4, 5], [8, 9]])
    assert array.reshape(2, -1).shape == (2, 6)
    OPS.fill(array[0], 1.0)
    np.testing.assert_array_equal(OPS.to_host(array)[0], np.ones(4))


def test_cells_are_seen_on_the_other_side_only_after_push_and_pull():
    cell = OPS.cell(np.int64, 1)
    cell.host[0] = 3
    OPS.advance(cell.device)
    cell.pull()
    assert cell.host[0] == 1
    cell.host[0] = 3
    cell.push()
    OPS.advance(cell.device)
    assert cell.host[0] == 3
    cell.pull()
    assert cell.host[0] == 4


def test_users_code_gets_what_it_reads_and_gives_what_it_writes():
    x, y, z = (OPS.to_device(np.full(3, value)) for value in (1.0, 2.0, 3.0))

    def double(x, y, z):
        y[:] = 2 * x
        z[:] = 9.0

    OPS.program([OPS.host(double, (x,), (y,), x, y, z)])()
    np.testing.assert_array_equal(OPS.to_host(y), np.full(3, 2.0))
    np.testing.assert_array_equal(OPS.to_host(z), np.full(3, 3.0))


@pytest.mark.parametrize("device", ["cpu", "opaque"])
def test_a_device_has_every_word(device):
    ops = OPS if device == "opaque" else operations.load(device, "float64")
    words = [name for name in vars(operations.Operations) if not name.startswith("_")]
    for name in [*words, "device", "dtype", "compute_dtype"]:
        assert getattr(ops, name) is not None, name


def test_an_unknown_device():
    with pytest.raises(ValueError, match="device must be 'cpu'.*; got 'abacus'"):
        operations.load("abacus")
