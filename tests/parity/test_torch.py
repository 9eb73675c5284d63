"""LSTM and SimpleRNN beside PyTorch's: levels, directions, states, projections, lengths."""

import numpy as np
import pytest
from hypothesis import given

from tests.parity.draws import FLAG, cases, examples, random
from tests.parity.pairs import Ours, flat
from tests.parity.peers import torch
from tests.tolerances import agreement


def level_weights(peer, suffix):
    """Return what nlstm's level holds for PyTorch's `suffix`: transposed, the two biases added."""
    names = ["weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr"]
    parts = {
        name: parameter.detach().numpy()
        for name in names
        if (parameter := getattr(peer, f"{name}_{suffix}", None)) is not None
    }
    found = [parts["weight_ih"].T, parts["weight_hh"].T]
    if "bias_ih" in parts:
        found.append(parts["bias_ih"] + parts["bias_hh"])
    if "weight_hr" in parts:
        found.append(parts["weight_hr"].T)
    return found


def level_gradients(peer, suffix):
    """Return PyTorch's gradients in nlstm's layout; each of its biases has that of the sum."""
    names = ["weight_ih", "weight_hh", "bias_ih", "weight_hr"]
    found = [getattr(peer, f"{name}_{suffix}", None) for name in names]
    return [one.grad.numpy().T for one in found if one is not None]


def torch_rnn(seed, kind="LSTM", dtype="float64", **options):
    """Return one of PyTorch's recurrent layers, with random weights."""
    peer = getattr(torch.nn, kind)(batch_first=True, dtype=getattr(torch, dtype), **options)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in peer.parameters():
            parameter.normal_(0.0, 0.5, generator=generator)
    return peer


def suffixes_of(peer):
    """Return l0, l0_reverse, l1, ... as far as there are any."""
    ways = ["", "_reverse"] if peer.bidirectional else [""]
    return [f"l{number}{way}" for number in range(peer.num_layers) for way in ways]


def check(parity, feature, network, arrays, peer, run_peer, dtype="float64"):
    """Compare outputs and gradients of `network` with `run_peer(*tensors)`, a list of tensors."""
    suffixes = suffixes_of(peer)
    ours = Ours(network, arrays, dtype)
    ours.model.set_weights([w for suffix in suffixes for w in level_weights(peer, suffix)])
    found = ours.start(arrays)
    tensors = [
        torch.tensor(a, dtype=getattr(torch, dtype), requires_grad=True)
        if a.dtype.kind == "f"
        else torch.tensor(a)
        for a in arrays
    ]
    wanted = run_peer(*tensors)
    rng = np.random.default_rng(3)
    limit = agreement(dtype, arrays[0].shape[1], peer.hidden_size)
    with parity.configuration(feature, dtype, limit) as agree:
        assert len(found) == len(wanted)
        for number, (one, other) in enumerate(zip(found, wanted)):
            agree(f"output {number}", one, other)
        slopes = [rng.normal(size=one.shape) for one in found]
        sum((y * torch.tensor(s, dtype=y.dtype)).sum() for y, s in zip(wanted, slopes)).backward()
        inputs, gradients = ours.back(slopes)
        for number, (one, other) in enumerate(zip(inputs, tensors)):
            if one is not None:
                agree(f"gradient of input {number}", one, other.grad)
        expected = [g for suffix in suffixes for g in level_gradients(peer, suffix)]
        for parameter, one, other in zip(ours.parameters, gradients, expected, strict=True):
            agree(f"gradient of {parameter.name}", one, other)


def states_of(states):
    """Return h, c, h_1, c_1, ... of PyTorch's (h, c), each (levels, N, H); or of its h alone."""
    pair = states if isinstance(states, tuple) else (states,)
    return [one for level in zip(*pair) for one in level]


def all_of(peer, *arguments):
    """Return a list of the output and all states."""
    y, states = peer(*arguments)
    return [y, *states_of(states)]


WHOLE = {"return_sequences": True, "return_state": True}


@examples(30)
@given(cases(num_layers=[1, 2, 3], bias=FLAG))
def test_levels(parity, case):
    (N, T, F, H), options, seed = case
    peer = torch_rnn(seed, input_size=F, hidden_size=H, **options)

    def network(L, x):
        return L.LSTM(H, num_layers=peer.num_layers, use_bias=peer.bias, **WHOLE)(x)

    arrays = [random(seed, N, T, F)]
    check(parity, "PyTorch, levels", network, arrays, peer, lambda x: all_of(peer, x))


@examples(15)
@given(cases(num_layers=[1, 2], bias=FLAG))
def test_levels_in_float32(parity, case):
    (N, T, F, H), options, seed = case
    peer = torch_rnn(seed, dtype="float32", input_size=F, hidden_size=H, **options)

    def network(L, x):
        return L.LSTM(H, num_layers=peer.num_layers, use_bias=peer.bias, **WHOLE)(x)

    arrays = [random(seed, N, T, F)]
    check(parity, "PyTorch, levels", network, arrays, peer, lambda x: all_of(peer, x), "float32")


# Rows on several threads, units on several threads, inputs projected before the recurrence.
LARGE = [(200, 20, 5, 64), (24, 10, 8, 256), (48, 60, 40, 96), (7, 300, 3, 17)]


@pytest.mark.parametrize("sizes", LARGE)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_large_ones(parity, sizes, dtype):
    N, T, F, H = sizes
    peer = torch_rnn(1, dtype=dtype, input_size=F, hidden_size=H)
    with torch.no_grad():
        for parameter in peer.parameters():
            parameter *= 2.0 / np.sqrt(F + H)

    def network(L, x):
        return L.LSTM(H, **WHOLE)(x)

    arrays = [random(2, N, T, F)]
    check(parity, "PyTorch, large", network, arrays, peer, lambda x: all_of(peer, x), dtype)


@examples(20)
@given(cases(num_layers=[1, 2]))
def test_initial_states(parity, case):
    (N, T, F, H), options, seed = case
    peer = torch_rnn(seed, input_size=F, hidden_size=H, **options)
    arrays = [random(seed, N, T, F)]
    arrays += [random(seed + i, N, H) for i in range(2 * peer.num_layers)]

    def network(L, x, *states):
        return L.LSTM(H, **options, **WHOLE)(x, initial_state=list(states))

    def run_peer(x, *states):
        return all_of(peer, x, (torch.stack(states[::2]), torch.stack(states[1::2])))

    check(parity, "PyTorch, initial state", network, arrays, peer, run_peer)


@examples(25)
@given(cases(num_layers=[1, 2], bias=FLAG, both=FLAG, share=[0.01, 0.5, 0.99]))
def test_projections(parity, case):
    (N, T, F, H), options, seed = case
    H, both = max(H, 2), options["both"]
    levels = 1 if both else options["num_layers"]
    size = min(max(round(options["share"] * H), 1), H - 1)
    peer = torch_rnn(
        seed, input_size=F, hidden_size=H, num_layers=levels, proj_size=size,
        bidirectional=both, bias=options["bias"],
    )  # fmt: skip

    def network(L, x):
        layer = L.LSTM(H, num_layers=levels, proj_size=size, use_bias=peer.bias, **WHOLE)
        return (L.Bidirectional(layer) if both else layer)(x)

    arrays = [random(seed, N, T, F)]
    check(parity, "PyTorch, proj_size", network, arrays, peer, lambda x: all_of(peer, x))


@examples(25)
@given(cases(num_layers=[1, 2], bias=FLAG, begun=FLAG))
def test_both_directions(parity, case):
    """PyTorch joins the directions after each level: a stack of Bidirectional."""
    (N, T, F, H), options, seed = case
    begun = options.pop("begun")
    peer = torch_rnn(seed, input_size=F, hidden_size=H, bidirectional=True, **options)
    levels, count = peer.num_layers, 4 * peer.num_layers if begun else 0
    arrays = [random(seed, N, T, F)] + [random(seed + i, N, H) for i in range(count)]

    def network(L, x, *states):
        ends = []
        for level in range(levels):
            start = {"initial_state": list(states[4 * level : 4 * level + 4])} if begun else {}
            layer = L.Bidirectional(L.LSTM(H, use_bias=peer.bias, **WHOLE))
            x, *more = layer(x, **start)
            ends += more
        return [x, *ends]

    def run_peer(x, *states):
        start = [(torch.stack(states[::2]), torch.stack(states[1::2]))] if begun else []
        return all_of(peer, x, *start)

    check(parity, "PyTorch, bidirectional", network, arrays, peer, run_peer)


@examples(25)
@given(cases(nonlinearity=["tanh", "relu"], bias=FLAG, both=FLAG))
def test_simple_rnn(parity, case):
    (N, T, F, H), options, seed = case
    both = options.pop("both")
    peer = torch_rnn(seed, "RNN", input_size=F, hidden_size=H, bidirectional=both, **options)

    def network(L, x):
        layer = L.SimpleRNN(H, options["nonlinearity"], use_bias=peer.bias, **WHOLE)
        return (L.Bidirectional(layer) if both else layer)(x)

    arrays = [random(seed, N, T, F)]
    check(parity, "PyTorch, RNN", network, arrays, peer, lambda x: all_of(peer, x))


@examples(30)
@given(cases(both=FLAG, begun=FLAG, num_layers=[1, 2]))
def test_packed_sequences(parity, case):
    """The mask that lengths make; what PyTorch pads is zero: zero_output_for_mask."""
    (N, T, F, H), options, seed = case
    both, begun = options["both"], options["begun"]
    levels = 1 if both else options["num_layers"]
    lengths = np.random.default_rng(seed).integers(1, T + 1, N)
    mask = np.arange(T) < lengths[:, None]
    peer = torch_rnn(
        seed, input_size=F, hidden_size=H, num_layers=levels, bidirectional=both
    )  # fmt: skip
    arrays = [random(seed, N, T, F), mask]
    arrays += [random(seed + i, N, H) for i in range(2 * levels * (1 + both) * begun)]

    def network(L, x, mask, *states):
        layer = L.LSTM(H, num_layers=levels, zero_output_for_mask=True, **WHOLE)
        start = {"initial_state": list(states)} if begun else {}
        return (L.Bidirectional(layer) if both else layer)(x, mask=mask, **start)

    def run_peer(x, mask, *states):
        packed = torch.nn.utils.rnn.pack_padded_sequence(
            x, torch.tensor(lengths), batch_first=True, enforce_sorted=False
        )
        start = [(torch.stack(states[::2]), torch.stack(states[1::2]))] if begun else []
        packed, ends = peer(packed, *start)
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(packed, batch_first=True, total_length=T)
        return [y, *states_of(ends)]

    check(parity, "PyTorch, packed", network, arrays, peer, run_peer)


@examples(10)
@given(cases())
def test_lengths_given_to_predict(parity, case):
    """As a packed sequence, without a mask in the network."""
    (N, T, F, H), _, seed = case
    lengths = np.random.default_rng(seed).integers(1, T + 1, N)
    x, peer = random(seed, N, T, F), torch_rnn(seed, input_size=F, hidden_size=H)
    ours = Ours(lambda L, x: L.LSTM(H)(x), [x], "float64")
    ours.model.set_weights(level_weights(peer, "l0"))
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        torch.tensor(x), torch.tensor(lengths), batch_first=True, enforce_sorted=False
    )
    _, (h, _) = peer(packed)
    with parity.configuration("PyTorch, packed") as agree:
        found = flat(ours.model.predict(x, lengths=lengths, verbose=0))
        agree("output", found[0], h[0])
