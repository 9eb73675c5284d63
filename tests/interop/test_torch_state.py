"""Weights under PyTorch's names; the tests of parity have PyTorch itself beside them."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from nlstm import Sequential
from nlstm.interop.torch_state import load_torch_state, torch_state
from nlstm.layers import LSTM, Bidirectional, Dense, Embedding, Masking, SimpleRNN


def built(*layers, shape=(None, 3)):
    model = Sequential(list(layers))
    model.build((None, *shape))
    return model.layers


LAYERS = [
    lambda: LSTM(4),
    lambda: LSTM(4, num_layers=3),
    lambda: LSTM(4, proj_size=2),
    lambda: LSTM(4, use_bias=False),
    lambda: SimpleRNN(4),
    lambda: Bidirectional(LSTM(4)),
    lambda: Dense(2),
]


@pytest.mark.parametrize("make", LAYERS)
def test_out_and_in(make, tmp_path):
    (one,), (other,) = built(make()), built(make())
    state = torch_state(one, "net.part")
    assert all(name.startswith("net.part.") for name in state)
    save_file(state, tmp_path / "state.safetensors")
    load_torch_state(other, tmp_path / "state.safetensors", "net.part")
    for ours, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_biases_are_added_and_handed_back_as_one():
    (layer,) = built(LSTM(2))
    state = torch_state(layer)
    state["bias_ih_l0"], state["bias_hh_l0"] = np.arange(8.0), np.ones(8)
    load_torch_state(layer, state)
    np.testing.assert_array_equal(layer.get_weights()[2], np.arange(1.0, 9.0))
    found = torch_state(layer)
    np.testing.assert_array_equal(found["bias_ih_l0"], np.arange(1.0, 9.0))
    assert not found["bias_hh_l0"].any()


def test_a_level_of_a_module_for_a_layer_of_its_own():
    (deep,) = built(LSTM(3, num_layers=2))
    _, second = built(LSTM(3, return_sequences=True), LSTM(3))
    load_torch_state(second, torch_state(deep), level=1)
    np.testing.assert_array_equal(second.get_weights()[0], deep.get_weights()[3])


def test_embedding():
    (layer,) = built(Embedding(5, 2), shape=(4,))
    np.testing.assert_array_equal(torch_state(layer)["weight"], layer.get_weights()[0])


def test_what_does_not_fit():
    (layer,) = built(LSTM(2))
    before, state = layer.get_weights(), torch_state(layer)
    with pytest.raises(KeyError, match="'net.weight_ih_l0' is not among the state's names"):
        load_torch_state(layer, state, "net")
    with pytest.raises(ValueError, match=r"weight_hh_l0 has shape \(8, 3\); lstm.* needs \(8, 2\)"):
        load_torch_state(layer, state | {"weight_hh_l0": np.ones((8, 3))})
    np.testing.assert_array_equal(layer.get_weights()[0], before[0])
    with pytest.raises(ValueError, match="no weights yet"):
        torch_state(LSTM(2))
    with pytest.raises(ValueError, match="has peephole, which PyTorch has not"):
        torch_state(built(LSTM(2, peephole=True))[0])
    with pytest.raises(TypeError, match="is a Masking"):
        torch_state(built(Masking(), LSTM(2))[0])


# States that are none


def test_bfloat16_in_a_file_is_read_as_float32(tmp_path):
    (layer,) = built(Dense(2))
    kernel = np.arange(6, dtype="float32").reshape(2, 3)
    header, data = {}, b""
    for name, one in {"weight": kernel, "bias": np.ones(2, "float32")}.items():
        bits = (one.view("uint32") >> 16).astype("<u2").tobytes()
        place = [len(data), len(data) + len(bits)]
        header[name] = {"dtype": "BF16", "shape": one.shape, "data_offsets": place}
        data += bits
    text = json.dumps(header).encode()
    (tmp_path / "s.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data)
    load_torch_state(layer, tmp_path / "s.safetensors")
    np.testing.assert_array_equal(layer.get_weights()[0], kernel.T)


@pytest.mark.parametrize(
    "content, wanted",
    [
        (b"PK\x03\x04", "s.pt is a file of torch.save's, which is code to run .* torch.load"),
        (b"\x80\x02}", "s.pt is a file of torch.save's"),
        (b"", "s.pt is not a safetensors file of numbers"),
        (b"\x08" + bytes(7) + b"{}      ", "not among the state's names"),
    ],
)
def test_files_that_hold_no_state(content, wanted, tmp_path):
    (layer,) = built(Dense(2))
    (tmp_path / "s.pt").write_bytes(content)
    with pytest.raises((ValueError, KeyError), match=wanted):
        load_torch_state(layer, tmp_path / "s.pt")


class Tensor:
    """What a tensor without data does."""

    dtype = "float32"

    def detach(self):
        return self

    def cpu(self):
        raise NotImplementedError("Cannot copy out of meta tensor; no data!")


@pytest.mark.parametrize(
    "bias, wanted",
    [
        (np.ones(2, complex), "bias holds complex128; expected real numbers"),
        (Tensor(), "bias is no plain tensor of numbers: Cannot copy"),
        ("ones", "bias"),
    ],
)
def test_nothing_is_set_where_an_array_is_none(bias, wanted):
    (layer,) = built(Dense(2))
    before = layer.get_weights()
    with pytest.raises(TypeError, match=wanted):
        load_torch_state(layer, {"weight": np.ones((2, 3)), "bias": bias})
    for one, other in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("state", [3, None, [1]])
def test_other_things_than_states(state):
    (layer,) = built(Dense(2))
    with pytest.raises(TypeError, match="state must be a state dict, a module, or the path"):
        load_torch_state(layer, state)


def test_modules_are_asked_for_their_state():
    (layer,) = built(Dense(2))

    class Module:
        def state_dict(self):
            return {"weight": np.full((2, 3), 2.0), "bias": np.zeros(2)}

    load_torch_state(layer, Module())
    assert (layer.get_weights()[0] == 2).all()
