"""Both forms of the LSTM kernels against the NumPy reference."""

import numpy as np
import pytest

from tests.kernels.cuda.forms import lstm_errors

TOLERANCES = {"float32": 2e-6, "float64": 1e-13}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    "form, rows, inline, H",
    [
        *(("whole", rows, inline, 6) for rows, inline in ((1, True), (2, False), (4, True))),
        *(("whole", rows, inline, 9) for rows, inline in ((1, False), (2, True), (4, False))),
        ("steps", 1, False, 6),
    ],
)
def test_forward_and_backward(form, rows, inline, H, masked, dtype):
    """In the simulator a quad has two units above 6."""
    errors = lstm_errors(
        form, N=5, T=3, F=5, H=H, rows=rows, inline=inline, masked=masked, dtype=np.dtype(dtype)
    )
    assert max(errors.values()) < TOLERANCES[dtype], errors


@pytest.mark.parametrize("form", ["whole", "steps"])
def test_other_activations(form):
    errors = lstm_errors(
        form, N=2, T=2, F=2, H=4, rows=1, dtype=np.dtype("float64"), activation="softsign",
        recurrent_activation="hard_sigmoid",
    )  # fmt: skip
    assert max(errors.values()) < 1e-13, errors
