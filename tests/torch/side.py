"""PyTorch's modules beside those of `nlstm.torch`. Import PyTorch from here."""

from tests.parity.asked import peer

torch = peer("torch")
torch.set_num_threads(1)  # on arrays this small, threads that wait for each other cost most
nn = torch.nn


def pair(*args, kind="LSTM", **options):
    """Return PyTorch's module and nlstm's, with the same weights."""
    from nlstm import torch as ours

    theirs = getattr(nn, kind)(*args, **options)
    twin = getattr(ours, kind)(*args, **options)
    twin.load_state_dict(theirs.state_dict())
    return theirs, twin


def drawn(*shape, dtype=torch.float32, seed=0, gradient=False):
    """Return a tensor of random numbers, always the same."""
    generator = torch.Generator().manual_seed(seed + 1)
    found = torch.randn(shape, dtype=dtype, generator=generator)
    return found.requires_grad_() if gradient else found


def states_of(module, rows, *, seed=10, gradient=False):
    """Return initial states as a module takes them, in a list."""
    count = module.num_layers * (2 if module.bidirectional else 1)
    sizes = [module.hidden_size]
    if isinstance(module, nn.LSTM):
        sizes = [module.proj_size or module.hidden_size, module.hidden_size]
    dtype = module.weight_ih_l0.dtype
    return [
        drawn(count, rows, size, dtype=dtype, seed=seed + k, gradient=gradient)
        for k, size in enumerate(sizes)
    ]


def called(module, x, states=None):
    """Return the output and a tuple of the last states."""
    if states is None:
        y, ends = module(x)
    else:
        y, ends = module(x, tuple(states) if isinstance(module, nn.LSTM) else states[0])
    return y, ends if isinstance(ends, tuple) else (ends,)


def close(found, expected, tolerance=1e-5):
    torch.testing.assert_close(found, expected, atol=tolerance, rtol=tolerance)


def gradients_of(module):
    return [parameter.grad for parameter in module.parameters()]
