"""The simple recurrence's two kernels, for an activation given by name."""

import functools

from nlstm.kernels.cpu.activations.emitters import MARKERS
from nlstm.kernels.cpu.rnn.backward import rnn_backward
from nlstm.kernels.cpu.rnn.forward import rnn_forward


@functools.cache
def rnn(activation):
    """Return (rnn_forward, rnn_backward) for an activation, given by name."""
    marker = MARKERS[activation]
    return functools.partial(rnn_forward, marker), functools.partial(rnn_backward, marker)
