"""How many launches a training step takes: each costs its time on a GPU, however little it does."""

from dataclasses import replace

import pytest

from benchmarks.gpu.speed import launches, on_cuda
from benchmarks.grid import GRID
from benchmarks.machine.models import compiled_model


@pytest.mark.parametrize("name, most", [("seed", 25), ("hydro", 60), ("forecast2", 40)])
def test_launches_of_a_step(name, most):
    shape = replace(GRID[name], N=2, T=2, F=2, H=5)
    x, y = shape.data(1)
    with on_cuda():
        model = compiled_model(shape)
        model.train_on_batch(x, y)
        with launches() as found:
            model.train_on_batch(x, y)
    assert 0 < len(found) <= most
