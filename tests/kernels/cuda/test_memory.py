"""The device memory of a fit, beside the least there can be."""

import gc
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.grid import GRID
from benchmarks.machine.memory import COPIES, fit_bytes
from nlstm import Sequential
from nlstm.kernels.cuda import arrays, products
from nlstm.kernels.cuda.gate_cells import GRU as GRU_CELL
from nlstm.kernels.cuda.gate_cells import LSTM as LSTM_CELL
from nlstm.kernels.cuda.lstm import LITTLE
from nlstm.layers import GRU, LSTM, Dense

# The package has functions of these names.
lstm, lstm_segments = (
    import_module(f"nlstm.kernels.cuda.{name}") for name in ("lstm", "lstm_segments")
)
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
    monkeypatch.setattr(products, "LEAST_SUMMED", 32)


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
    assert taken < 1.25 * fit_bytes(shape, BATCHES, 1) + 4 * LITTLE


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


@pytest.mark.usefixtures("as_on_a_gpu")
@pytest.mark.parametrize("name", ["weather", "forecast2", "hydro", "long", "hydrowide"])
def test_gates_that_are_computed_again_are_not_kept(name, monkeypatch):
    monkeypatch.setattr(lstm_segments, "LEAST_STEPS", 16)
    shape = GRID[name]

    def taken(device, recompute):
        given = ((shape.T, shape.F),), shape.N, shape.T, recompute
        return binder_of(shape, device).bytes_of(*given)

    again = taken("cuda", 32)
    assert again < 0.8 * taken("cuda", None)
    assert again < 1.1 * taken("cpu", 32)


@pytest.mark.usefixtures("as_on_a_gpu")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("N, F, H", [(1, 1, 7), (16, 8, 64), (256, 5, 128), (64, 40, 1024)])
def test_a_shorter_segment_takes_no_more(N, F, H, dtype):
    """Its weights' gradients may have no room where those of a longer one have."""
    T, sizes = 64, (N, F, H, np.dtype(dtype))
    room, scratch = lstm_segments.room_size(T, *sizes), lstm.lstm_scratch_size(T, *sizes)
    for cell in (LSTM_CELL, GRU_CELL):
        for steps in range(1, T + 1):
            cut = lstm.scratch_of(steps, *sizes, cell)
            assert cut._replace(z=0).size <= room
            assert cut.mask + cut.flags <= scratch


def test_memory_that_a_block_left_goes_to_the_next(monkeypatch):
    gc.collect()  # what others have left would come after it
    monkeypatch.setattr(arrays, "pool", arrays.Pool())
    array = arrays.zeros(1000)
    memory = array.block.bytes
    array.write(np.ones(1000))
    del array
    again = arrays.zeros(900)
    assert again.block.bytes is memory
    assert not again.to_host().any()


def test_what_is_kept_is_bounded():
    pool, sizes = arrays.Pool(), (1 << 10, 1 << 20, arrays.Pool.LARGEST + 4096)
    for size in sizes:
        for _ in range(3):
            pool.give(pool.take(size))
    assert sorted(pool._kept) == list(sizes[:2])
    for _ in range(300):
        pool.give(SimpleNamespace(size=1 << 20))
    assert pool._bytes <= pool.MOST


def test_what_is_kept_is_given_back_where_there_is_no_more(monkeypatch):
    pool, full = arrays.Pool(), [True]
    pool.give(pool.take(5000))

    def take(size, dtype, make=arrays.cuda.device_array):
        if full.pop():
            raise MemoryError
        return make(size, dtype)

    monkeypatch.setattr(arrays.cuda, "device_array", take)
    full += [False, True]
    assert pool.take(100_000).size == 1 << 17
    assert not pool._kept
    full += [True]
    with pytest.raises(MemoryError):
        pool.take(5000)
