"""`torch.nn.LSTM` and `torch.nn.GRU` on nlstm's kernels."""

import sys
from functools import cache
from typing import Any

import torch
from torch import nn

from nlstm.torch import weights
from nlstm.torch.calls import call
from nlstm.torch.memory import Pool

__all__ = ["GRU", "LSTM"]

OWN = "_nlstm_pool"  # memory, which neither copies nor files have


class LSTM(nn.LSTM):
    """`torch.nn.LSTM`, computed by nlstm's kernels on the CPU.

    Parameters
    ----------
    *args, **kwargs
        Those of `torch.nn.LSTM`: input_size, hidden_size, num_layers, bias, batch_first, dropout,
        bidirectional, proj_size, device, dtype.

    Notes
    -----
    Input, states, results and the state dict are those of `torch.nn.LSTM`, which this is a class
    of; weights begin alike for the same `torch.manual_seed`. It computes in float32 and float64,
    under autocast too, and on as many threads as `torch.get_num_threads` and
    `nlstm.get_num_threads` both allow. A second derivative raises an error.

    Examples
    --------
    >>> import torch
    >>> lstm = LSTM(10, 20, num_layers=2, batch_first=True)
    >>> output, (h, c) = lstm(torch.randn(3, 5, 10))
    >>> output.shape
    torch.Size([3, 5, 20])
    """

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Return (output, (h_n, c_n))."""
        found = _called(self, weights.LSTM, input, hx)
        return super().forward(input, hx) if found is None else (found[0], tuple(found[1]))

    def __getstate__(self) -> dict[str, Any]:
        return _without_pool(super().__getstate__())


class GRU(nn.GRU):
    """`torch.nn.GRU`, computed by nlstm's kernels on the CPU.

    Parameters
    ----------
    *args, **kwargs
        Those of `torch.nn.GRU`: input_size, hidden_size, num_layers, bias, batch_first, dropout,
        bidirectional, device, dtype.

    Notes
    -----
    As for `LSTM`.
    """

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Return (output, h_n)."""
        found = _called(self, weights.GRU, input, hx)
        return super().forward(input, hx) if found is None else (found[0], found[1][0])

    def __getstate__(self) -> dict[str, Any]:
        return _without_pool(super().__getstate__())


def _called(module: Any, cell: weights.Cell, input: Any, hx: Any) -> Any:
    """Return what `call` does; None where PyTorch's own code is to run."""
    if torch.jit.is_tracing() or torch.compiler.is_compiling():  # what is recorded is PyTorch's
        return None
    run = _outside_graphs() if "torch._dynamo" in sys.modules else call
    return run(module, cell, _pool_of(module), input, hx)


@cache
def _outside_graphs() -> Any:
    """Return `call`, into which torch.compile does not look."""
    return torch.compiler.disable(call)


def _pool_of(module: nn.Module) -> Pool:
    found = module.__dict__.get(OWN)
    if found is None:
        found = module.__dict__[OWN] = Pool()
    return found


def _without_pool(state: Any) -> dict[str, Any]:
    return {name: value for name, value in state.items() if name != OWN}
