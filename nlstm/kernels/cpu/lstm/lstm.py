"""The LSTM kernels for a choice of activations."""

import functools

from nlstm.kernels.cpu.activations.emitters import MARKERS
from nlstm.kernels.cpu.lstm.backward import lstm_backward, segment_backward
from nlstm.kernels.cpu.lstm.forward import lstm_forward


@functools.cache
def lstm(activation, recurrent_activation):
    """Return (lstm_forward, lstm_backward) for two activations, given by name."""
    markers = MARKERS[activation], MARKERS[recurrent_activation]
    return functools.partial(lstm_forward, *markers), functools.partial(lstm_backward, *markers)


@functools.cache
def lstm_segments(activation, recurrent_activation):
    """Return (lstm_forward, segment_backward): both for one segment of the steps after another."""
    markers = MARKERS[activation], MARKERS[recurrent_activation]
    return functools.partial(lstm_forward, *markers), functools.partial(segment_backward, *markers)
