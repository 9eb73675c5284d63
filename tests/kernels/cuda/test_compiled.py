"""How kernels' arguments are packed, and what entries of the cache are named by."""

import struct

import numpy as np
import pytest

from nlstm.kernels.cuda import compiled
from nlstm.kernels.cuda.arrays import Block, DeviceArray
from nlstm.kernels.cuda.compiled import format_of, kind_of, values_of

BLOCK = Block(4096)
BLOCK._address = 1 << 40
ARRAY = DeviceArray((2, 3, 4), np.float32, BLOCK, 512)


def packed(*arguments):
    return struct.pack(
        "=" + "".join(map(format_of, map(kind_of, arguments))), *values_of(arguments)
    )


def test_an_array_is_its_address_shape_and_strides():
    found = struct.unpack("=11q", packed(ARRAY))
    assert found == (0, 0, 24, 4, (1 << 40) + 512, 2, 3, 4, 48, 16, 4)


@pytest.mark.parametrize(
    "number, code",
    [(7, "q"), (-7, "q"), (0.5, "d"), (True, "?7x"), (np.float32(0.1), "f4x"),
     (np.int32(-3), "i4x"), (np.uint64(1 << 63), "Q"), (np.uint8(200), "B7x")],
)  # fmt: skip
def test_numbers_take_eight_bytes_each(number, code):
    assert packed(number) == struct.pack("=" + code, number)


def test_tuples_are_packed_in_order():
    assert packed((1, (ARRAY, 2)), 3.0) == packed(1, ARRAY, 2, 3.0)


def test_a_host_array_is_refused():
    with pytest.raises(TypeError, match="host array of shape"):
        kind_of(np.zeros(3))


def test_entries_differ_where_code_does():
    def kernel(body, size):
        def run(array):
            array[0] = body(size)

        return run

    one = (lambda z: z), (lambda y: 1)
    kind = (kind_of(ARRAY),)
    functions = [kernel(one[0], 1), kernel(one[1], 1), kernel(one[0], 2), kernel(one[0], 1.0)]
    names = [compiled.entry_name(each, kind, 64, (9, 0)) for each in functions]
    names += [
        compiled.entry_name(functions[0], kind, 32, (9, 0)),
        compiled.entry_name(functions[0], kind, 64, (8, 0)),
        compiled.entry_name(functions[0], kind * 2, 64, (9, 0)),
    ]
    assert None not in names and len(set(names)) == len(names)
    assert compiled.entry_name(kernel(one[0], 1), kind, 64, (9, 0)) == names[0]
    assert compiled.entry_name(kernel(one[0], object()), kind, 64, (9, 0)) is None
