"""The device memory of a fit, beside the least there can be."""

import pytest

from benchmarks.grid import GRID
from benchmarks.machine.memory import COPIES, fit_bytes
from nlstm import Sequential
from nlstm.kernels.cuda import products
from nlstm.layers import GRU, LSTM, Dense

ZEROS = {"kernel_initializer": "zeros", "recurrent_initializer": "zeros"}
BATCHES = 2


def binder_of(shape, device="cuda"):
    model = Sequential(device=device)
    for number in range(shape.layers):
        last = number == shape.layers - 1
        sequences = shape.every_step or not last
        options = {"input_shape": (shape.T, shape.F)} if number == 0 else {}
        model.add(LSTM(shape.H, return_sequences=sequences, **ZEROS, **options))
    model.add(Dense(1))
    return model.binder


@pytest.fixture
def as_on_a_gpu(monkeypatch):
    """Cut products as a GPU does; the simulator's tiles are small."""
    monkeypatch.setattr(products, "FOUR", 16 * products.VECTOR)
    monkeypatch.setattr(products, "LEAST_SUMMED", 128)


@pytest.mark.usefixtures("as_on_a_gpu")
@pytest.mark.parametrize("name", GRID)
def test_a_fit_takes_little_more_than_it_must(name):
    shape = GRID[name]
    made = [binder_of(shape, device) for device in ("cuda", "cpu")]
    steps = [one.bytes_of(((shape.T, shape.F),), shape.N, shape.T) for one in made]
    data = 4 * BATCHES * shape.N * (shape.T * shape.F + 1)
    weights = COPIES * 4 * sum(home.value.size for home in made[0].weights.homes)
    taken, on_cpu = (data + weights + step for step in steps)
    assert taken < 1.1 * on_cpu
    # Gradients between layers and those before they are summed are not in the least there can be.
    assert taken < 1.25 * fit_bytes(shape, BATCHES, 1)


@pytest.mark.usefixtures("as_on_a_gpu")
@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("name", ["weather", "hydro", "long", "wide"])
def test_a_gru_takes_little_more_than_on_the_cpu(name, after):
    shape = GRID[name]

    def taken(device):
        given = {"input_shape": (shape.T, shape.F), "reset_after": after, **ZEROS}
        model = Sequential([GRU(shape.H, **given), Dense(1)], device=device)
        return model.binder.bytes_of(((shape.T, shape.F),), shape.N, shape.T)

    assert taken("cuda") < 1.1 * taken("cpu")
