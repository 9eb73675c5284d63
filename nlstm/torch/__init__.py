"""Modules of PyTorch that compute with nlstm's kernels (``pip install "nlstm[torch]"``).

`LSTM` and `GRU` stand where `torch.nn.LSTM` and `torch.nn.GRU` stood, on the CPU: the same
arguments, shapes, states and state dicts.
"""

try:
    import torch as _torch  # noqa: F401, to say what is missing
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise ImportError('nlstm.torch takes PyTorch: pip install "nlstm[torch]"') from None

from nlstm.torch.modules import GRU, LSTM

__all__ = ["GRU", "LSTM"]
