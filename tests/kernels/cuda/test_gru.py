"""The GRU in each of its forms beside the CPU's."""

from importlib import import_module

import numpy as np
import pytest

from tests.kernels.cuda import recurrent
from tests.kernels.cuda.side import Side

lstm = import_module("nlstm.kernels.cuda.lstm")  # the package has a function of that name
TOLERANCES = {"float32": 1e-5, "float64": 1e-12}


def compare(dtype, **options):
    expected, found = (recurrent.gru(Side(one, dtype), **options) for one in ("cpu", "cuda"))
    for what, wanted in expected.items():
        limit = TOLERANCES[dtype] * np.abs(wanted).max()
        np.testing.assert_allclose(found[what], wanted, rtol=0, atol=limit, err_msg=what)


KINDS = [("float32", False), ("float32", True), ("float64", False)]


@pytest.mark.parametrize("dtype, masked", KINDS)
@pytest.mark.parametrize("H", [6, 9])
@pytest.mark.parametrize("N", [2, 4, 5])
def test_whole(N, H, masked, dtype):
    """In the simulator a block takes one row, two or four, and a quad two units above 6."""
    compare(dtype, N=N, H=H, mask=masked)


FORMS = {"a launch a step": False, "a grid of blocks": True}


@pytest.mark.parametrize("grid", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("options", ["", "wide", "masked reversed", "last"])
def test_many_units(monkeypatch, options, grid):
    """As the simulator's GPU would take each of these cases whole."""
    asked = []

    def cut(*given, cut_of=lstm.grid_cut.__wrapped__):
        asked.append(cut_of(*given) if grid else None)
        return asked[-1]

    monkeypatch.setattr(lstm, "is_whole", lambda F, H, dtype, rows=2: False)
    monkeypatch.setattr(lstm, "grid_cut", cut)
    compare("float64", **recurrent.GRU_OPTIONS[options] | {"H": 4})
    assert all(asked) == grid
