"""What autograd asks for beside gradients: graphs that stay, are joined, or go deeper."""

import gc
import threading

import pytest

from nlstm.kernels import HOST, load
from tests.torch.side import close, drawn, gradients_of, nn, pair, torch

F, N, T = 5, 3, 6


def squares(module, x):
    return module(x)[0].square().sum()


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
@pytest.mark.parametrize("options", [{}, {"bidirectional": True}], ids=["one way", "both ways"])
def test_a_kept_graph_gives_the_same_again(kind, options):
    theirs, ours = pair(F, 20, kind=kind, **options)
    loss = squares(ours, drawn(T, N, F))
    loss.backward(retain_graph=True)
    first = [gradient.clone() for gradient in gradients_of(ours)]
    for _ in range(2):
        ours.zero_grad()
        loss.backward(retain_graph=True)
        close(gradients_of(ours), first, 0)
    loss.backward()
    close(gradients_of(ours), [2 * gradient for gradient in first], 0)
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()
    squares(theirs, drawn(T, N, F)).backward()
    close(first, gradients_of(theirs), 1e-4)


def test_several_forward_passes_before_backward_ones_in_any_order():
    found = []
    for module in pair(F, 16):
        losses = [squares(module, drawn(T, N, F, seed=k)) for k in range(4)]
        for k in (2, 0, 3, 1):
            losses[k].backward()
        found.append(gradients_of(module))
    close(*found, 1e-4)


def test_other_weights_before_the_backward_pass():
    found = []
    for module in pair(F, 6):
        states = [
            {name: drawn(*one.shape, seed=k, gradient=True) for name, one in named}
            for k in range(2)
            if (named := list(module.named_parameters()))
        ]
        call = torch.func.functional_call
        losses = [call(module, one, drawn(T, N, F))[0].square().sum() for one in states]
        for loss in losses:
            loss.backward()
        found.append([one.grad for state in states for one in state.values()])
    close(*found, 1e-4)


def test_functional_gradients():
    found = []
    for module in pair(F, 6):
        weights = {name: one.detach() for name, one in module.named_parameters()}

        def loss(weights, module=module):
            return torch.func.functional_call(module, weights, drawn(T, N, F))[0].square().sum()

        found.append(torch.func.grad(loss)(weights))
    close(*found, 1e-4)


def test_a_second_derivative_is_refused_where_it_is_taken():
    _, ours = pair(F, 6)
    x = drawn(T, N, F, gradient=True)
    (gradient,) = torch.autograd.grad(squares(ours, x), x, create_graph=True)
    assert gradient.requires_grad
    with pytest.raises(NotImplementedError, match="use torch.nn.LSTM for it"):
        gradient.sum().backward()


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")  # of PyTorch's jvp
@pytest.mark.parametrize("batch", [True, False])
def test_other_transforms_are_refused_by_name(batch):
    _, ours = pair(F, 6)
    x = drawn(T, N, F)
    with pytest.raises(NotImplementedError, match="nlstm.torch.LSTM has no .*use torch.nn.LSTM"):
        if batch:
            torch.func.jacrev(lambda x: ours(x)[0])(x)
        else:
            torch.func.jvp(lambda x: ours(x)[0], (x,), (x,))


def test_what_is_changed_in_place_is_found_out():
    for module in pair(F, 16):
        for changed in ("input", "output"):
            x = drawn(T, N, F)
            y = module(x)[0]
            (x if changed == "input" else y).mul_(2)
            with pytest.raises(RuntimeError, match="modified by an inplace operation"):
                y.sum().backward()


def test_frozen_weights_and_inputs_get_no_gradient():
    found = []
    for module in pair(F, 6):
        module.requires_grad_(False)
        assert not module(drawn(T, N, F))[0].requires_grad
        x = drawn(T, N, F, gradient=True)
        module.bias_hh_l0.requires_grad_(True)
        squares(module, x).backward()
        assert [one is None for one in gradients_of(module)] == [True, True, True, False]
        found.append((x.grad, module.bias_hh_l0.grad))
    close(*found)


def test_only_some_results_are_used():
    for use in (lambda y, h, c: c.sum(), lambda y, h, c: h.sum(), lambda y, h, c: y[-1].sum()):
        found = []
        for module in pair(F, 6):
            y, (h, c) = module(drawn(T, N, F))
            use(y, h, c).backward()
            found.append(gradients_of(module))
        close(*found)


@pytest.mark.filterwarnings("ignore:.*autocast:FutureWarning")  # PyTorch 2.4's own
def test_checkpoints_and_hooks_on_saved_tensors():
    from torch.utils.checkpoint import checkpoint

    theirs, ours = pair(F, 6)
    x = drawn(T, N, F, gradient=True)
    squares(theirs, x).backward()
    checkpoint(lambda x: squares(ours, x), x, use_reentrant=False).backward()
    close(gradients_of(ours), gradients_of(theirs))
    with torch.autograd.graph.save_on_cpu():
        loss = squares(ours, x)
    for _ in range(2):
        ours.zero_grad()
        loss.backward(retain_graph=True)
        close(gradients_of(ours), gradients_of(theirs))


def test_without_gradients_nothing_is_saved():
    _, ours = pair(F, 16)
    with torch.no_grad():
        y, _ = ours(drawn(T, N, F))
    assert y.grad_fn is None
    states = (T + 1) * N * 16 * 4
    assert ours._nlstm_pool._lent < 2 * states  # those that the output lies in
    y.mul_(2)
    with torch.inference_mode():
        close(ours(drawn(T, N, F))[0] * 2, y)


# Memory


def test_memory_is_used_again_and_is_no_more_than_was_in_use_at_once():
    _, ours = pair(F, 32, batch_first=True)
    held = set()
    for steps in [40] * 4 + list(range(20, 40, 3)):
        loss = squares(ours, drawn(8, steps, F))  # the last one is still there
        loss.backward()
        held.add(ours._nlstm_pool._held)
    pool = ours._nlstm_pool
    assert len(held) == 1 and pool._held == pool._most
    for steps in (50, 60, 80, 120):
        loss = squares(ours, drawn(8, steps, F))
        loss.backward()
        assert pool._held == pool._most
    del loss
    gc.collect()
    assert pool._lent == 0 and sum(one.size for one in pool._free) == pool._held


def test_backward_lets_go_of_what_was_saved_though_the_loss_is_still_there():
    _, ours = pair(F, 32)
    loss = squares(ours, drawn(T, N, F))
    before = ours._nlstm_pool._lent
    loss.backward()
    assert ours._nlstm_pool._lent < before / 4


def test_results_outlive_the_module():
    _, ours = pair(F, 16)
    with torch.no_grad():
        y, _ = ours(drawn(T, N, F))
        kept = y.clone()
        for k in range(3):
            ours(drawn(T, N, F, seed=k + 1))
        del ours
        gc.collect()
    close(y, kept, 0)


def test_many_threads_use_one_module():
    _, ours = pair(F, 16)
    xs = [drawn(T, N, F, seed=k) for k in range(4)]
    expected = [torch.autograd.grad(squares(ours, x), ours.weight_hh_l0)[0] for x in xs]
    wrong = []

    def run(k):
        for _ in range(20):
            (found,) = torch.autograd.grad(squares(ours, xs[k]), ours.weight_hh_l0)
            if not torch.equal(found, expected[k]):
                wrong.append(k)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not wrong


def test_both_libraries_say_how_many_threads(monkeypatch):
    from nlstm.torch.level import threads

    ops = load(HOST)
    seen = []
    monkeypatch.setattr(ops, "enter", lambda: 2)
    monkeypatch.setattr(ops, "get_num_threads", lambda: 2)
    monkeypatch.setattr(ops, "leave", seen.append)
    for given in (1, 2):
        monkeypatch.setattr(torch, "get_num_threads", lambda given=given: given)
        with threads(ops):
            pass
    assert seen == [1, 2, 2]


def test_weights_are_read_at_every_call():
    """A fused optimizer and `.data` leave `_version` alone, so that it may decide nothing."""
    theirs, ours = pair(F, 6)
    x = drawn(T, N, F)
    for module in (theirs, ours):
        optimizer = torch.optim.Adam(module.parameters(), lr=0.05, fused=True)
        for _ in range(4):
            optimizer.zero_grad()
            squares(module, x).backward()
            optimizer.step()
        with torch.no_grad():
            module(x)
            module.weight_hh_l0.data.mul_(0.5)
            module.weight_ih_l0.detach().numpy()[0] = 3
    close(ours(x)[0], theirs(x)[0], 1e-4)


def test_parametrized_weights():
    found = []
    for module in pair(F, 6):
        nn.utils.parametrizations.weight_norm(module, "weight_hh_l0")
        squares(module, drawn(T, N, F)).backward()
        found.append([one.grad for one in module.parameters()])
    close(found[1], found[0], 1e-4)
