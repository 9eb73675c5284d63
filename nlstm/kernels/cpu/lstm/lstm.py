"""The LSTM kernels for a choice of activations."""

import functools

from nlstm.kernels.cpu.activations.emitters import MARKERS
from nlstm.kernels.cpu.lstm.backward import lstm_backward
from nlstm.kernels.cpu.lstm.forward import lstm_forward
from nlstm.kernels.cpu.lstm.segments import segments_backward, segments_forward


@functools.cache
def lstm(activation, recurrent_activation):
    """Return (lstm_forward, lstm_backward) for two activations, given by name."""
    markers = MARKERS[activation], MARKERS[recurrent_activation]
    return functools.partial(lstm_forward, *markers), functools.partial(lstm_backward, *markers)


@functools.cache
def lstm_segments(activation, recurrent_activation):
    """Return (segments_forward, segments_backward) for two activations, given by name."""
    markers = MARKERS[activation], MARKERS[recurrent_activation]
    return (
        functools.partial(segments_forward, *markers),
        functools.partial(segments_backward, *markers),
    )
