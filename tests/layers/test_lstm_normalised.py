"""The LSTM layer with layer normalisation, against NumPy and finite differences."""

import numba
import numpy as np
import pytest

from nlstm.layers import LSTM
from tests.layers.gradients import assert_close
from tests.layers.planned import Planned

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
    for t in range(T)[:: -1 if reverse else 1]:
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
    slopes = [RNG.normal(size=one.shape) for one in outputs(values)]
    inputs, weights = planned.backward(slopes)

    def loss(values):
        return sum((slope * one).sum() for slope, one in zip(slopes, outputs(values)))

    for (name, value), derivative in zip(values.items(), [*inputs, *weights], strict=True):
        way = RNG.normal(size=value.shape)
        ends = [loss(values | {name: value + step * way}) for step in (1e-6, -1e-6)]
        wanted = (ends[0] - ends[1]) / 2e-6
        assert (derivative * way).sum() == pytest.approx(wanted, rel=1e-6), name


def test_same_bits_at_any_number_of_threads(threads):
    results = []
    for count in threads:
        numba.set_num_threads(count)
        planned = Planned(LSTM(H, layer_norm=True), X, MASK, STATES)
        (y,) = planned.forward()
        inputs, weights = planned.backward([np.ones_like(y)])
        results.append([y, *inputs, *weights])
    for other in results[1:]:
        for one, another in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, another)


def test_it_cannot_stream():
    planned = Planned(LSTM(H, layer_norm=True), X, MASK, STATES)
    with pytest.raises(TypeError, match="layer_norm"):
        planned.layer.streamed()


@pytest.mark.parametrize("option", ["peephole", "recurrent_dropout", "zoneout"])
def test_what_it_does_not_go_with(option):
    with pytest.raises(ValueError, match=f"layer_norm does not go with {option}"):
        LSTM(H, layer_norm=True, **{option: 0.5})
