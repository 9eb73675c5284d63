"""Both forms of the LSTM kernels against the NumPy reference."""

from importlib import import_module

import numpy as np
import pytest

from tests.kernels.cuda import recurrent
from tests.kernels.cuda.forms import lstm_errors
from tests.kernels.cuda.side import Side

lstm = import_module("nlstm.kernels.cuda.lstm")  # the package has a function of that name
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


# Row and column threads of a warp, forward and backward: several groups of rows and units; lanes
# that share a sum; one block of units, which goes through all steps in one launch; blocks that
# share sums.
CUTS = {
    "sliced": ((2, 2), (2, 1)),
    "shared": ((1, 2), (1, 1)),
    "alone": ((1, 4), (1, 2)),
    "split": ((2, 2), (2, 2, 4)),
    "split in two": ((1, 4), (1, 2, 2)),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("cut", CUTS)
def test_a_grid_of_blocks(cut, masked, dtype):
    H = 4 if cut == "alone" else 10
    errors = lstm_errors("grid", N=5, T=3, F=3, H=H, rows=CUTS[cut], masked=masked, dtype=dtype)
    assert max(errors.values()) < TOLERANCES[dtype], errors


@pytest.fixture
def in_a_grid(monkeypatch):
    """Let no layer be small enough for the whole form."""
    monkeypatch.setattr(lstm, "is_whole", lambda F, H, dtype: False)
    lstm.grid_cut.cache_clear()
    yield
    lstm.grid_cut.cache_clear()


@pytest.mark.usefixtures("in_a_grid")
@pytest.mark.parametrize("options", ["wide", "masked reversed", "last masked", "relu", "dropout"])
@pytest.mark.parametrize("training", [True, False])
def test_a_grid_is_what_the_contract_wants(training, options):
    given = recurrent.OPTIONS[options] | {"H": 4, "T": 3, "training": training}
    assert lstm.grid_cut(not training, 3, 5, 3, 4, np.dtype("float64"))
    here, there = (recurrent.lstm(Side(device, "float64"), **given) for device in ("cuda", "cpu"))
    for name, expected in there.items():
        np.testing.assert_allclose(here[name], expected, rtol=1e-10, atol=1e-12, err_msg=name)
