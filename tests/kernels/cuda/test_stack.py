"""Whole training steps, Adam included, against NumPy in float64."""

import numpy as np
import pytest

from benchmarks.gpu_check import training_errors


@pytest.mark.parametrize("form", ["whole", "steps"])
@pytest.mark.parametrize("layers, every_step", [(1, True), (2, False)])
def test_training(form, layers, every_step):
    errors = training_errors(
        N=3, T=2, F=2, H=5, layers=layers, every_step=every_step, form=form, steps=3,
        dtype=np.dtype("float64"),
    )  # fmt: skip
    assert errors["losses"] < 1e-12 and errors["weights"] < 1e-9, errors
