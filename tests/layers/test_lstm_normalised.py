"""The LSTM layer with layer normalisation, against NumPy and finite differences."""

import numba
import numpy as np
import pytest

import nlstm
from nlstm.kernels.cpu.lstm.schedule import chunk_steps
from nlstm.kernels.cpu.normalised.forward import is_alone, row_slices
from nlstm.kernels.cpu.normalised.memory import is_partial
from nlstm.kernels.cpu.products import layout
from nlstm.layers import LSTM, Dense
from nlstm.models import Sequential
from tests.kernels.schedules import same_bits
from tests.layers.gradients import assert_close
from tests.layers.planned import Planned
from tests.tolerances import agreement

RNG = np.random.default_rng(0)
N, T, F, H = 13, 5, 3, 9
X = RNG.normal(size=(N, T, F))
MASK = RNG.random((N, T)) < 0.7
MASK[0], MASK[1, -1] = False, False
STATES = RNG.normal(size=(2, N, H))


def normalised(z):
    return (z - z.mean(1, keepdims=True)) / np.sqrt(z.var(1, keepdims=True) + 1e-5)


def reference(x, states, mask, reverse, W, U, b, gain_x, gain_h, gain_c, offset_c):
    """Return every output, and the last h and c."""
    h, c = states
    outputs = []
    for t in range(x.shape[1])[:: -1 if reverse else 1]:
        z = normalised(x[:, t] @ W) * gain_x + normalised(h @ U) * gain_h + b
        i, f, g, o = np.split(z, 4, axis=1)
        i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
        c_new = f * c + i * np.tanh(g)
        h_new = o * np.tanh(normalised(c_new) * gain_c + offset_c)
        present = mask[:, t, None]
        h, c = np.where(present, h_new, h), np.where(present, c_new, c)
        outputs.append(h)
    return [np.stack(outputs, axis=1), h, c]


@pytest.mark.parametrize("reverse", [False, True])
def test_outputs_and_gradients(reverse):
    rng = np.random.default_rng(1)
    options = {"return_sequences": True, "return_state": True, "go_backwards": reverse}
    planned = Planned(LSTM(H, layer_norm=True, **options), X, MASK, STATES)
    names = [one.name for one in planned.layer.parameters]
    assert names[3:] == ["kernel_gain", "recurrent_gain", "state_gain", "state_offset"]
    values = {"x": X, "h0": STATES[0], "c0": STATES[1]}
    values |= {one.name: one.get() for one in planned.layer.parameters}

    def outputs(values):
        x, h, c, *weights = values.values()
        return reference(x, (h, c), MASK, reverse, *weights)

    assert_close(planned.forward(), outputs(values))
    slopes = [rng.normal(size=one.shape) for one in outputs(values)]
    inputs, weights = planned.backward(slopes)

    def loss(values):
        return sum((slope * one).sum() for slope, one in zip(slopes, outputs(values)))

    for (name, value), derivative in zip(values.items(), [*inputs, *weights], strict=True):
        way = rng.normal(size=value.shape)
        ends = [loss(values | {name: value + step * way}) for step in (1e-6, -1e-6)]
        wanted = (ends[0] - ends[1]) / 2e-6
        assert (derivative * way).sum() == pytest.approx(wanted, rel=1e-6), name


# On two threads: N, T, F, H, and whether each slice of rows has sums of its own (stages SLICE, ADD)
# or all share them, so that they meet after each chunk (RECURRENCE, GRADIENT). FINISH ends either.
SCHEDULES = {"own sums": ((101, 20, 3, 20), True), "shared sums": ((101, 7, 3, 330), False)}


def schedule_of(shape, dtype, threads):
    """Return whether work is split, whether slices have sums, and the steps of a chunk."""
    (N, T, F, H), L = shape, layout.lanes(dtype)
    itemsize, B = np.dtype(dtype).itemsize, layout.blocks(H, dtype)
    slices = row_slices.py_func(N)
    own = is_partial(slices, F, H, B, L, itemsize)
    rows = -(-N // slices) if own else N
    steps = chunk_steps.py_func(T, rows, B * layout.GATES * L * itemsize, own)
    numba.set_num_threads(threads)
    return slices > 1 and not alone(T, N, F, H), own, steps


@numba.njit
def alone(T, N, F, H):
    return is_alone(T, N, F, H)


@pytest.mark.parametrize("name", SCHEDULES)
def test_same_bits_at_any_number_of_threads(name, threads):
    (N, T, F, H), own_sums = shape, _ = SCHEDULES[name]
    rng = np.random.default_rng(0)
    x, states = rng.normal(size=(N, T, F)), rng.normal(size=(2, N, H))
    mask = rng.random((N, T)) < 0.7
    slopes = rng.normal(size=(N, T, H)), *rng.normal(size=(2, N, H))

    def found(dtype):
        for count in threads[1:]:
            split, own, steps = schedule_of(shape, dtype, count)
            assert split and own == own_sums and steps < T  # several chunks
        options = {"return_sequences": True, "return_state": True, "recurrent_initializer": "zeros"}
        layer = LSTM(H, layer_norm=True, **options)  # `Planned` sets the weights

        def run():
            planned = Planned(layer, x, mask, states, dtype=dtype)
            outputs = planned.forward()
            inputs, weights = planned.backward(slopes)
            return [*outputs, *inputs, *weights]

        kernels = "normalised.forward.run_forward", "normalised.backward.run_backward"
        return layer, same_bits(threads, run, *kernels)

    layer, exact = found("float64")
    values = [x, *states, *(one.get() for one in layer.parameters)]

    def outputs(values):
        x, h, c, *weights = values
        return reference(x, (h, c), mask, False, *weights)

    def loss(values):
        return sum((slope * one).sum() for slope, one in zip(slopes, outputs(values)))

    assert_close(exact[:3], outputs(values))
    for place, (value, derivative) in enumerate(zip(values, exact[3:], strict=True)):
        way, ends = rng.normal(size=value.shape), []
        for step in (1e-6, -1e-6):
            moved = list(values)
            moved[place] = value + step * way
            ends.append(loss(moved))
        size = np.abs(derivative * way).sum()
        assert abs((derivative * way).sum() - (ends[0] - ends[1]) / 2e-6) < 1e-7 * size, place
    tolerance = agreement("float32", T, H)
    for one, other in zip(found("float32")[1], exact, strict=True):
        assert np.abs(one - other).max() < tolerance * max(1.0, np.abs(other).max())


def test_it_cannot_stream():
    planned = Planned(LSTM(H, layer_norm=True), X, MASK, STATES)
    with pytest.raises(TypeError, match="^lstm has layer_norm, which no stream computes yet"):
        planned.layer.streamed()


@pytest.mark.parametrize("option", ["peephole", "recurrent_dropout", "zoneout"])
def test_what_it_does_not_go_with(option):
    with pytest.raises(ValueError, match=f"layer_norm does not go with {option}"):
        LSTM(H, layer_norm=True, **{option: True if option == "peephole" else 0.5})


def test_clipnorm_keeps_a_fit_with_rows_of_zeros_whole():
    """Their gradients are of 1e21, whose squares float32 does not hold."""
    x = np.random.default_rng(0).random((8, 6, 1))
    x[1] = 0
    nlstm.set_random_seed(2)
    model = Sequential([LSTM(3, layer_norm=True), Dense(1)])
    model.compile(nlstm.optimizers.Adam(clipnorm=1.0), "mse")
    losses = model.fit(x, x[:, 0], epochs=5, verbose=0).history["loss"]
    assert np.isfinite(losses).all() and losses[-1] < losses[0]
