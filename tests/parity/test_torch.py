"""LSTM beside PyTorch's: levels, both directions, states, projections, packed sequences."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.parity.draws import FLAG, SEEDS, SIZES, examples, random
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


def torch_lstm(seed, **options):
    peer = torch.nn.LSTM(batch_first=True, dtype=torch.float64, **options)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in peer.parameters():
            parameter.normal_(0.0, 0.5, generator=generator)
    return peer


def check(parity, feature, network, arrays, peer, run_peer, suffixes):
    """Compare outputs and gradients of `network` with `run_peer(*tensors)`, a list of tensors."""
    ours = Ours(network, arrays, "float64")
    ours.model.set_weights([w for suffix in suffixes for w in level_weights(peer, suffix)])
    found = ours.start(arrays)
    tensors = [
        torch.tensor(a, requires_grad=True) if a.dtype.kind == "f" else torch.tensor(a)
        for a in arrays
    ]
    wanted = run_peer(*tensors)
    rng = np.random.default_rng(3)
    with parity.configuration(feature, "float64", agreement("float64")) as agree:
        assert len(found) == len(wanted)
        for number, (one, other) in enumerate(zip(found, wanted)):
            agree(f"output {number}", one, other)
        slopes = [rng.normal(size=one.shape) for one in found]
        sum((y * torch.tensor(s)).sum() for y, s in zip(wanted, slopes)).backward()
        inputs, gradients = ours.back(slopes)
        for number, (one, other) in enumerate(zip(inputs, tensors)):
            if one is not None:
                agree(f"gradient of input {number}", one, other.grad)
        expected = [g for suffix in suffixes for g in level_gradients(peer, suffix)]
        for parameter, one, other in zip(ours.parameters, gradients, expected, strict=True):
            agree(f"gradient of {parameter.name}", one, other)


def levels_of(h, c):
    """Return h, c, h_1, c_1, ... of PyTorch's (levels, N, H)."""
    return [one for pair in zip(h, c) for one in pair]


@examples(25)
@given(SIZES, st.integers(1, 3), FLAG, SEEDS)
def test_levels(parity, sizes, num_layers, bias, seed):
    N, T, F, H = (sizes[letter] for letter in "NTFH")
    peer = torch_lstm(seed, input_size=F, hidden_size=H, num_layers=num_layers, bias=bias)

    def network(L, x):
        options = {"num_layers": num_layers, "use_bias": bias}
        return L.LSTM(H, return_sequences=True, return_state=True, **options)(x)

    def run_peer(x):
        y, (h, c) = peer(x)
        return [y, *levels_of(h, c)]

    suffixes = [f"l{number}" for number in range(num_layers)]
    check(parity, "PyTorch, levels", network, [random(seed, N, T, F)], peer, run_peer, suffixes)


@examples(15)
@given(SIZES, st.integers(1, 2), SEEDS)
def test_initial_states(parity, sizes, num_layers, seed):
    N, T, F, H = (sizes[letter] for letter in "NTFH")
    peer = torch_lstm(seed, input_size=F, hidden_size=H, num_layers=num_layers)
    arrays = [random(seed, N, T, F)] + [random(seed + i, N, H) for i in range(2 * num_layers)]

    def network(L, x, *states):
        layer = L.LSTM(H, num_layers=num_layers, return_sequences=True, return_state=True)
        return layer(x, initial_state=list(states))

    def run_peer(x, *states):
        y, (h, c) = peer(x, (torch.stack(states[::2]), torch.stack(states[1::2])))
        return [y, *levels_of(h, c)]

    suffixes = [f"l{number}" for number in range(num_layers)]
    check(parity, "PyTorch, initial state", network, arrays, peer, run_peer, suffixes)


@examples(15)
@given(SIZES, st.integers(1, 2), SEEDS)
def test_projections(parity, sizes, num_layers, seed):
    N, T, F, H = (sizes[letter] for letter in "NTFH")
    H = max(H, 2)
    size = 1 + seed % (H - 1)
    options = {"num_layers": num_layers, "proj_size": size}
    peer = torch_lstm(seed, input_size=F, hidden_size=H, **options)

    def network(L, x):
        return L.LSTM(H, return_sequences=True, return_state=True, **options)(x)

    def run_peer(x):
        y, (h, c) = peer(x)
        return [y, *levels_of(h, c)]

    suffixes = [f"l{number}" for number in range(num_layers)]
    arrays = [random(seed, N, T, F)]
    check(parity, "PyTorch, proj_size", network, arrays, peer, run_peer, suffixes)


@examples(15)
@given(SIZES, SEEDS)
def test_both_directions(parity, sizes, seed):
    N, T, F, H = (sizes[letter] for letter in "NTFH")
    peer = torch_lstm(seed, input_size=F, hidden_size=H, bidirectional=True)

    def network(L, x):
        return L.Bidirectional(L.LSTM(H, return_sequences=True, return_state=True))(x)

    def run_peer(x):
        y, (h, c) = peer(x)
        return [y, h[0], c[0], h[1], c[1]]

    arrays = [random(seed, N, T, F)]
    suffixes = ["l0", "l0_reverse"]
    check(parity, "PyTorch, bidirectional", network, arrays, peer, run_peer, suffixes)


@examples(25)
@given(SIZES, FLAG, SEEDS)
def test_packed_sequences(parity, sizes, both, seed):
    """The mask that lengths make; what PyTorch pads is zero: zero_output_for_mask."""
    N, T, F, H = (sizes[letter] for letter in "NTFH")
    lengths = np.random.default_rng(seed).integers(1, T + 1, N)
    mask = np.arange(T) < lengths[:, None]
    peer = torch_lstm(seed, input_size=F, hidden_size=H, bidirectional=both)

    def network(L, x, mask):
        layer = L.LSTM(H, return_sequences=True, return_state=True, zero_output_for_mask=True)
        return (L.Bidirectional(layer) if both else layer)(x, mask=mask)

    def run_peer(x, mask):
        packed = torch.nn.utils.rnn.pack_padded_sequence(
            x, torch.tensor(lengths), batch_first=True, enforce_sorted=False
        )
        packed, (h, c) = peer(packed)
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(packed, batch_first=True, total_length=T)
        return [y, *levels_of(h, c)]

    suffixes = ["l0", "l0_reverse"] if both else ["l0"]
    arrays = [random(seed, N, T, F), mask]
    check(parity, "PyTorch, packed", network, arrays, peer, run_peer, suffixes)


def test_lengths_given_to_predict(parity):
    """As a packed sequence, without a mask in the network."""
    rng = np.random.default_rng(0)
    x, lengths = rng.normal(size=(6, 5, 3)), np.array([5, 1, 3, 2, 4, 5])
    peer = torch_lstm(1, input_size=3, hidden_size=4)

    def network(L, x):
        return L.LSTM(4)(x)

    ours = Ours(network, [x], "float64")
    ours.model.set_weights(level_weights(peer, "l0"))
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        torch.tensor(x), torch.tensor(lengths), batch_first=True, enforce_sorted=False
    )
    _, (h, _) = peer(packed)
    with parity.configuration("PyTorch, packed") as agree:
        found = flat(ours.model.predict(x, lengths=lengths, verbose=0))
        agree("output", found[0], h[0])
