"""`torch.nn.LSTM` and `torch.nn.GRU` on nlstm's kernels."""

from typing import Any

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
        found = call(self, weights.LSTM, _pool_of(self), input, hx)
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
        found = call(self, weights.GRU, _pool_of(self), input, hx)
        return super().forward(input, hx) if found is None else (found[0], found[1][0])

    def __getstate__(self) -> dict[str, Any]:
        return _without_pool(super().__getstate__())


def _pool_of(module: nn.Module) -> Pool:
    found = module.__dict__.get(OWN)
    if found is None:
        found = module.__dict__[OWN] = Pool()
    return found


def _without_pool(state: Any) -> dict[str, Any]:
    return {name: value for name, value in state.items() if name != OWN}
