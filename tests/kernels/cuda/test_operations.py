"""Every operation of the contract on CUDA beside the CPU's, on the same numbers."""

import numpy as np
import pytest

from nlstm.kernels.cuda.each import each
from nlstm.kernels.cuda.random import WORD
from nlstm.kernels.cuda.zoneout import draw, halves, row_key, thresholds
from tests.kernels.cuda import operations
from tests.kernels.cuda.side import Side
from tests.kernels.lstm_case import zoneout_draws

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


# In float64 only some of the recurrences, as the CPU's compile for each set of options.
RECURRENT = (
    "lstm",
    "lstm masked",
    "lstm everything",
    "lstm prediction",
    "rnn",
    "gru",
    "gru before",
)
NAMES = {
    "float32": list(operations.CASES),
    "float64": [
        n for n in operations.CASES if not n.startswith(("lstm ", "rnn ", "gru ")) or n in RECURRENT
    ],
}


@pytest.mark.parametrize("name, dtype", [(name, dtype) for dtype in NAMES for name in NAMES[dtype]])
def test_as_on_the_cpu(name, dtype):
    expected, found = (operations.results(device, name, dtype) for device in ("cpu", "cuda"))
    assert expected.keys() == found.keys()
    for what, wanted in expected.items():
        if name in operations.EXACT:
            np.testing.assert_array_equal(found[what], wanted, err_msg=what)
        else:
            largest = np.abs(wanted[np.isfinite(wanted)]).max(initial=1e-30)
            limit = TOLERANCE[dtype] * largest
            np.testing.assert_allclose(found[what], wanted, rtol=0, atol=limit, err_msg=what)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_zoneout_draws_what_the_cpu_does(dtype):
    T, N, H, rates = 3, 2, 5, (0.3, 0.6)
    side, bits_of, (low, high) = Side("cuda", dtype), draw(dtype), halves(dtype)
    of_c, of_h = thresholds(dtype, *rates)

    def body(at, step, out_c, out_h):
        key = row_key(WORD(17), step[0], WORD(5), at // H)
        bits = bits_of(key, at % H)
        out_c[at] = 1 if low(bits) < of_c else 0
        out_h[at] = 1 if high(bits) < of_h else 0

    out = [side.exact(np.full(T * N * H, 7), np.uint8) for _ in rates]
    each(body)(T * N * H, side.exact([3], np.int64), *out)
    for found, wanted in zip(out, zoneout_draws(rates, T, N, H, np.dtype(dtype))):
        np.testing.assert_array_equal(side.host(found).reshape(T, N, H), wanted)
