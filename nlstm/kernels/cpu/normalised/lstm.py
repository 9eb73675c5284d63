"""The LSTM with layer normalisation: every row of z and of c is normalised at every step.

    z = N(x W) a_x + N(h' U) a_h + b    c = f c' + i g    h = o act(N(c) a_c + b_c)

N takes the mean from a row of all gates' numbers (of c: of all units) and divides by the root of
its variance + EPSILON. A row needs all of its units, so rows alone are split over threads.

The mean of a row of x W is x times the mean of each row of W. So W and U are centred once, and the
products need no mean. Nor does the backward pass need N(x W), see `lstm_normalised_backward`: what
is kept of a step is its gates, and four numbers a row.

Reference: Ba, Kiros & Hinton 2016, "Layer normalization", equations 20 to 22.
"""

import functools

import numpy as np

from nlstm.kernels.cpu.activations.emitters import MARKERS
from nlstm.kernels.cpu.lstm.forward import mask_inputs
from nlstm.kernels.cpu.lstm.schedule import chunk_steps
from nlstm.kernels.cpu.machine.jit import lanes
from nlstm.kernels.cpu.machine.launching import launcher
from nlstm.kernels.cpu.normalised.backward import run_backward
from nlstm.kernels.cpu.normalised.forward import FACTORS, row_slices, run_forward, slice_size
from nlstm.kernels.cpu.normalised.memory import Cut, is_partial, memory_of
from nlstm.kernels.cpu.products.layout import GATES, blocks


def normalised_factors_shape(T, N):
    """Return the shape of the factors that a forward pass saves for the backward pass."""
    return (T, FACTORS, N)


def normalised_scratch_size(T, N, F, H, dtype):
    """Return how many numbers of scratch memory the kernels of one layer need."""
    L, B, itemsize = lanes(dtype), blocks(H, dtype), np.dtype(dtype).itemsize
    slices = row_slices.py_func(N)
    partial = is_partial(slices, F, H, B, L, itemsize)
    rows = -(-N // slices) if partial else N
    steps = chunk_steps.py_func(T, rows, B * GATES * L * itemsize, partial)
    backward = memory_of(Cut(slices, partial, rows, steps), F, H, B, L).end
    forward = (F + H) * B * GATES * L + slices * slice_size(B, L)
    return max(forward, backward)


@launcher
def normalised_forward(activation, recurrent_activation, x, weights, gains, work, scratch, reverse,
                       masks):  # fmt: skip
    """Run an LSTM with layer normalisation; arguments as in `lstm_forward` where not named here.

    Parameters
    ----------
    weights : Weights, without peephole. gains : Gains.
    work : NormalisedWork. h, c : states, shape (T + 1, N, S). gates, factors : overwritten; hand
        them on to `normalised_backward`.
    scratch : ndarray of `normalised_scratch_size` numbers.
    masks : Masks. No h_mask.
    """
    mask, x_mask, xm, _, _ = masks
    before = []
    if x_mask is not None:
        before = mask_inputs.calls(x, x_mask, xm)
        x = xm
    arguments = (
        activation, recurrent_activation, x, tuple(weights), tuple(gains), tuple(work), scratch,
        reverse, mask,
    )  # fmt: skip
    return [*before, (run_forward, arguments)]


@launcher
def normalised_backward(activation, recurrent_activation, x, weights, gains, work, gradients,
                        dgains, scratch, reverse, masks):  # fmt: skip
    """Compute all gradients of `normalised_forward`, as `lstm_backward` does.

    Parameters
    ----------
    dgains : Gains, shaped as gains. Overwritten.
    """
    arguments = (
        activation, recurrent_activation, x, tuple(weights), tuple(gains), tuple(work),
        tuple(gradients), tuple(dgains), scratch, reverse, tuple(masks),
    )  # fmt: skip
    return [(run_backward, arguments)]


@functools.cache
def lstm_normalised(activation, recurrent_activation):
    """Return (normalised_forward, normalised_backward) for two activations, given by name."""
    markers = MARKERS[activation], MARKERS[recurrent_activation]
    return (
        functools.partial(normalised_forward, *markers),
        functools.partial(normalised_backward, *markers),
    )
