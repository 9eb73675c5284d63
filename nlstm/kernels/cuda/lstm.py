"""The LSTM on the device: the contract's two kernels, in whichever of two forms serves.

Steps are in the order of computation throughout: inputs and masks of a reversed layer are turned
round in scratch first. Inputs of many features are projected before the recurrence, z = x W + b,
into the gates' place in training, else a few steps at a time in scratch.
"""

import functools
import math
from typing import NamedTuple

import numpy as np

from nlstm.kernels.cuda import lstm_steps, lstm_whole, products
from nlstm.kernels.cuda.arrays import empty
from nlstm.kernels.cuda.basics import add, multiply_rows, reverse_steps
from nlstm.kernels.cuda.each import each
from nlstm.kernels.cuda.launch import processors, shared_memory

__all__ = ["lstm", "lstm_gates_shape", "lstm_masked_size", "lstm_scratch_size"]

GATES = 4
CHUNK = 1 << 22  # numbers of projected inputs that prediction holds at a time


def lstm_gates_shape(T, N, H, dtype):
    """Return the shape of the gates that a forward pass keeps."""
    return T, N, GATES * H


def lstm_masked_size(N, H, dtype):
    """Return how many numbers masked states take."""
    return GATES * N * H


class Scratch(NamedTuple):
    """How scratch is cut: numbers of each part."""

    parts: int
    z: int
    x: int
    dx: int
    mask: int

    def part(self, name, scratch, shape):
        """Return one part as an array."""
        place = self._fields.index(name)
        start = sum(self[:place])
        return scratch[start : start + math.prod(shape)].reshape(shape)


def scratch_of(T, N, F, H, dtype):
    """Return the cuts of scratch."""
    parts = products.part_count(F + H + 1, GATES * H, T * N) * (F + H + 1) * GATES * H
    z = 0 if is_inline(F, H, dtype) else chunk_steps(T, N, H) * N * GATES * H
    mask = -(-T * N // np.dtype(dtype).itemsize)
    return Scratch(parts, z, T * N * F, T * N * F, mask)


def lstm_scratch_size(T, N, F, H, dtype):
    """Return how many numbers of scratch memory both kernels need."""
    return sum(scratch_of(T, N, F, H, dtype))


def chunk_steps(T, N, H):
    """Return how many steps of inputs prediction projects at a time."""
    return max(1, min(T, CHUNK // (N * GATES * H)))


def is_whole(F, H, dtype):
    """Whether one block can take rows through all steps."""
    return lstm_whole.fits(H, dtype, F if F <= lstm_whole.MOST_INLINE_FEATURES else 0,
                           shared_memory())  # fmt: skip


def is_inline(F, H, dtype):
    """Whether the recurrence reads the inputs itself."""
    return F <= lstm_whole.MOST_INLINE_FEATURES and is_whole(F, H, dtype)


@functools.cache
def _nothing(dtype, axes):
    """Return an array to stand where a kernel reads nothing."""
    return empty((1,) * axes, dtype)


def _in_order(x, mask, scratch, cuts, reverse):
    """Return inputs and mask in the order of computation."""
    if not reverse:
        return x, mask
    turned = cuts.part("x", scratch, x.shape)
    reverse_steps(x, turned)
    if mask is None:
        return turned, None
    start = sum(cuts[:-1])
    room = scratch[start : start + cuts.mask].view(np.uint8)
    turned_mask = room[: mask.size].reshape(mask.shape)
    reverse_steps(mask, turned_mask)
    return turned, turned_mask


def lstm_forward(activation, recurrent_activation, x, weights, work, scratch, reverse, masks,
                 zoneout=None):  # fmt: skip
    """Run an LSTM over all time steps of a batch; see the CPU's."""
    W, U, b, _ = weights
    h, c, gates = work
    mask, x_mask, xm, _, _ = masks
    if x_mask is not None:
        multiply_rows(x, x_mask, xm)
        x = xm
    (T, N, F), H, dtype = x.shape, U.shape[2], x.dtype
    cuts = scratch_of(T, N, F, H, dtype)
    x, mask = _in_order(x, mask, scratch, cuts, reverse)
    inline, keep = is_inline(F, H, dtype), gates is not None
    steps = T if inline or keep else chunk_steps(T, N, H)
    for first in range(0, T, steps):
        last = min(first + steps, T)
        size = last - first
        if inline or keep:
            z = gates if keep else _nothing(dtype, 3)
        else:
            z = cuts.part("z", scratch, (size, N, GATES * H))
        if not inline:
            products.multiply(
                x[first:last].reshape(size * N, F), W.reshape(F, GATES * H), b.reshape(-1),
                z.reshape(size * N, GATES * H), biased=True,
            )  # fmt: skip
        shown = None if mask is None else mask[first:last]
        _recurrence(activation, recurrent_activation, x, (W, U, b), z, h[first : last + 1],
                    c[first : last + 1], shown, inline, keep)  # fmt: skip


def _recurrence(activation, recurrent_activation, x, weights, z, h, c, mask, inline, keep):
    W, U, b = weights
    T, N, H, F = h.shape[0] - 1, h.shape[1], h.shape[2], W.shape[1]
    masked = mask is not None
    seen = mask if masked else _nothing(np.dtype(np.uint8), 2)
    if is_whole(F, H, h.dtype):
        rows = lstm_whole.rows_of_block(N, processors())
        run = lstm_whole.whole_forward(h.dtype, H, rows, F if inline else 0, keep, masked,
                                       activation, recurrent_activation)  # fmt: skip
        run(-(-N // rows), x, W, U, b, z, h, c, seen)
        return
    run = lstm_steps.step_forward(h.dtype, keep, masked, activation, recurrent_activation)
    grid = lstm_steps.forward_grid(N, H)
    for t in range(T):
        run(grid, t, U, z, h, c, seen)


@each
def _sum_gradients(at, parts, dW, dU, db):
    """Add the parts in order; the gradients of W, U and b stand one below the other."""
    total = parts[0, at]
    for part in range(1, parts.shape[0]):
        total += parts[part, at]
    if at < dW.shape[0]:
        dW[at] = total
    elif at < dW.shape[0] + dU.shape[0]:
        dU[at - dW.shape[0]] = total
    else:
        db[at - dW.shape[0] - dU.shape[0]] = total


def lstm_backward(activation, recurrent_activation, x, weights, work, gradients, scratch, reverse,
                  masks, zoneout=None):  # fmt: skip
    """Compute all gradients of `lstm_forward`; see the CPU's."""
    W, U, _, _ = weights
    h, c, gates = work
    dy, dh, dc, dW, dU, db, dx, _ = gradients
    mask, x_mask = masks[0], masks[1]
    (T, N, F), H, dtype = x.shape, U.shape[2], x.dtype
    cuts, width = scratch_of(T, N, F, H, dtype), GATES * H
    x, mask = _in_order(x, mask, scratch, cuts, reverse)
    sequences = dy.shape[0] == T
    if not sequences:
        add(dh, dy[0], dh)
    _recurrence_back(activation, recurrent_activation, F, U, gates, c, dy, dh, dc, mask, sequences)
    dz = gates.reshape(T * N, width)
    M = F + H + 1
    parts = cuts.part("parts", scratch, (cuts.parts // (M * width), M, width))
    products.multiply_transposed(x.reshape(T * N, F), h[:T].reshape(T * N, H), dz, parts)
    _sum_gradients(
        M * width, parts.reshape(-1, M * width), *(one.reshape(-1) for one in (dW, dU, db))
    )
    if dx is None:
        return
    own = cuts.part("dx", scratch, dx.shape) if reverse else dx
    products.multiply(dz, W.reshape(F, width), _nothing(dtype, 1), own.reshape(T * N, F),
                      transposed=True)  # fmt: skip
    if reverse:
        reverse_steps(own, dx)
    if x_mask is not None:
        multiply_rows(dx, x_mask, dx)


def _recurrence_back(activation, recurrent_activation, F, U, gates, c, dy, dh, dc, mask, sequences):
    (T, N, _), H, masked = gates.shape, U.shape[2], mask is not None
    seen = mask if masked else _nothing(np.dtype(np.uint8), 2)
    dout = dy if sequences else _nothing(c.dtype, 3)
    if is_whole(F, H, c.dtype):
        rows = lstm_whole.rows_of_block(N, processors())
        run = lstm_whole.whole_backward(c.dtype, H, rows, sequences, masked, activation,
                                        recurrent_activation)  # fmt: skip
        run(-(-N // rows), gates, c, dout, dh, dc, U, seen)
        return
    run = lstm_steps.step_backward(c.dtype, sequences, masked, activation, recurrent_activation)
    grid = lstm_steps.backward_grid(N, H)
    for t in range(T - 1, -2, -1):
        run(grid, t, U, gates, c, dout, dh, dc, seen)


@functools.cache
def lstm(activation, recurrent_activation):
    """Return (lstm_forward, lstm_backward) for two activations, given by name."""
    names = activation, recurrent_activation
    return functools.partial(lstm_forward, *names), functools.partial(lstm_backward, *names)
