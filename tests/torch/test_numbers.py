"""Numbers of the modules beside PyTorch's own: outputs, states and every gradient."""

import itertools

import pytest

from tests.torch.side import called, close, drawn, gradients_of, nn, pair, states_of, torch

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")
F, N, T = 5, 4, 7
LENGTHS = [3, 7, 1, 5]


@pytest.fixture(autouse=True)
def poison(monkeypatch):
    """Let a pool's memory hold NaN: nobody may count on what is there."""
    from nlstm.torch.memory import Pool

    flat = Pool.flat

    def poisoned(self, size, dtype):
        found = flat(self, size, dtype)
        found.fill(float("nan"))
        return found

    monkeypatch.setattr(Pool, "flat", poisoned)


def packed(x, batch_first):
    return nn.utils.rnn.pack_padded_sequence(x, LENGTHS, batch_first, enforce_sorted=False)


def results(module, shape, *, states=False, pack=False):
    """Return all that a module computes: values, then gradients."""
    dtype = module.weight_ih_l0.dtype
    x = drawn(*shape, dtype=dtype, gradient=True)
    given = states_of(module, N, gradient=True) if states else None
    y, ends = called(module, packed(x, module.batch_first) if pack else x, given)
    values = [y.data if pack else y, *ends]
    pairs = zip(values, itertools.count(20))
    sum((one * drawn(*one.shape, dtype=dtype, seed=k)).sum() for one, k in pairs).backward()
    return values, [x.grad, *(one.grad for one in given or []), *gradients_of(module)]


CASES = [
    (kind, size, levels, both, first, bias, states, pack)
    for kind, size in (("LSTM", 6), ("LSTM", 16), ("LSTM", (9, 4)), ("GRU", 6), ("GRU", 16))
    for levels, both, first, bias, states, pack in (
        (1, False, False, True, False, False),
        (1, False, True, True, True, False),
        (1, True, True, False, True, True),
        (2, True, False, True, True, False),
        (2, False, True, True, False, True),
        (2, True, True, True, True, True),
    )
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("kind, size, levels, both, first, bias, states, pack", CASES)
def test_values_and_gradients(kind, size, levels, both, first, bias, states, pack, dtype):
    units, options = size, {}
    if isinstance(size, tuple):
        units, options["proj_size"] = size
    options |= {"num_layers": levels, "bidirectional": both, "batch_first": first, "bias": bias}
    theirs, ours = pair(F, units, kind=kind, dtype=dtype, **options)
    shape = (N, T, F) if first else (T, N, F)
    expected = results(theirs, shape, states=states, pack=pack)
    found = results(ours, shape, states=states, pack=pack)
    close(found, expected, 3e-5 if dtype == torch.float32 else 1e-12)
    with torch.no_grad():
        x = drawn(*shape, dtype=dtype)
        given = states_of(ours, N) if states else None
        y, ends = called(ours, packed(x, first) if pack else x, given)
    close([y.data if pack else y, *ends], found[0], 1e-6)
    if not pack:
        assert found[0][0].stride() == expected[0][0].stride()


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
@pytest.mark.parametrize("batch_first", [False, True])
def test_unbatched_input(kind, batch_first):
    theirs, ours = pair(F, 6, kind=kind, batch_first=batch_first, bidirectional=True)
    x = drawn(T, F)
    for states in (None, [one[:, 0] for one in states_of(ours, 1)]):
        close(called(ours, x, states), called(theirs, x, states))


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
@pytest.mark.parametrize("options", [{}, {"bidirectional": True, "num_layers": 2}, {"bias": False}])
def test_gradcheck(kind, options):
    _, ours = pair(3, 4, kind=kind, dtype=torch.float64, batch_first=True, **options)
    names = [name for name, _ in ours.named_parameters()]

    def function(x, *weights):
        state = dict(zip(names, weights))
        y, ends = torch.func.functional_call(ours, state, (x,))
        return (y, *(ends if kind == "LSTM" else [ends]))

    x = drawn(2, 3, 3, dtype=torch.float64, gradient=True)
    assert torch.autograd.gradcheck(function, (x, *ours.parameters()))


def test_rows_that_lie_apart_are_read_where_they_are():
    theirs, ours = pair(F, 6)
    wide = torch.full((T, N, F + 4), float("nan"))
    wide[..., :F] = drawn(T, N, F)
    for module in (theirs, ours):
        module(wide[..., :F])[0].square().sum().backward()
    close(gradients_of(ours), gradients_of(theirs))


def test_equal_lengths_need_no_mask_and_sorted_ones_no_order():
    theirs, ours = pair(F, 6, batch_first=True)
    x = drawn(N, T, F)
    for lengths in ([T] * N, [7, 5, 3, 1]):
        given = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
        (y, ends), (expected, last) = ours(given), theirs(given)
        close([y.data, *ends], [expected.data, *last])
        assert y.sorted_indices is None
        padded, found = nn.utils.rnn.pad_packed_sequence(y, batch_first=True)
        assert padded.shape == (N, T, 6) and found.tolist() == lengths


def test_output_is_the_memory_of_the_states_where_rows_lie_as_theirs():
    for units, is_same in ((16, True), (6, False)):
        _, ours = pair(F, units)
        y = ours(drawn(T, N, F))[0]
        held = [block.ctypes.data for block in ours._nlstm_pool._free]
        assert y.data_ptr() not in held
        (states,) = (one for one in y.grad_fn.saved_tensors if one.numel() == (T + 1) * N * 16)
        inside = 0 < y.data_ptr() - states.data_ptr() < states.numel() * 4
        assert inside is is_same


def test_dropout_is_between_levels_and_while_training():
    theirs, ours = pair(F, 6, num_layers=2, dropout=0.5)
    x = drawn(T, N, F)
    assert not torch.equal(ours(x)[0], ours(x)[0])
    torch.manual_seed(3)
    first = ours(x)[0]
    torch.manual_seed(3)
    assert torch.equal(ours(x)[0], first)
    for module in (theirs, ours):
        module.eval()
    close(ours(x)[0], theirs(x)[0])
    _, all_dropped = pair(F, 6, num_layers=2, dropout=1.0)
    with torch.no_grad():  # the second level sees zeros at every step
        steps = all_dropped(x)[0]
    close(steps, steps[:, :1].expand_as(steps))


def test_no_rows_and_no_steps_are_as_pytorch_has_them():
    theirs, ours = pair(F, 6)
    empty = torch.zeros(T, 0, F)
    close(ours(empty), theirs(empty))
    with pytest.raises(RuntimeError, match="Expected sequence length to be larger than 0"):
        ours(torch.zeros(0, N, F))


def test_weights_begin_alike():
    found = []
    for module in pair(F, 6, num_layers=2):
        torch.manual_seed(4)
        module.reset_parameters()
        found.append(module.state_dict())
    close(found[1], found[0], 0)
