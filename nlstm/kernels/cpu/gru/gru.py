"""The kernels of a GRU whose reset gate comes before the product, for a choice of activations."""

import functools

from nlstm.kernels.cpu.activations.emitters import MARKERS
from nlstm.kernels.cpu.gru.before import gru_before_forward
from nlstm.kernels.cpu.gru.before_backward import gru_before_backward


@functools.cache
def gru_before(activation, recurrent_activation):
    """Return (forward, backward) for two activations, given by name."""
    markers = MARKERS[activation], MARKERS[recurrent_activation]
    return (
        functools.partial(gru_before_forward, *markers),
        functools.partial(gru_before_backward, *markers),
    )
