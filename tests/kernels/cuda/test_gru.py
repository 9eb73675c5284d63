"""The GRU in the form that takes any number of units."""

import sys

import numpy as np
import pytest

from nlstm.kernels import cuda
from tests.kernels.cuda import recurrent
from tests.kernels.cuda.side import Side

FORMS = sys.modules[f"{cuda.__name__}.lstm"]  # which the package calls a function


@pytest.mark.parametrize("options", ["", "wide", "masked reversed", "last"])
def test_a_launch_a_step(monkeypatch, options):
    """As the simulator's GPU would take each of these cases whole."""
    monkeypatch.setattr(FORMS, "is_whole", lambda F, H, dtype: False)
    given = recurrent.GRU_OPTIONS[options]
    expected, found = (recurrent.gru(Side(one, "float32"), **given) for one in ("cpu", "cuda"))
    for what, wanted in expected.items():
        limit = 1e-5 * np.abs(wanted).max()
        np.testing.assert_allclose(found[what], wanted, rtol=0, atol=limit, err_msg=what)
