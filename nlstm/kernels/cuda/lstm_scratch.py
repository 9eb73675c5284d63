"""How an LSTM cuts its scratch memory."""

import math
from typing import NamedTuple

import numpy as np

from nlstm.kernels.cuda.arrays import nothing


class Scratch(NamedTuple):
    """How scratch is cut: numbers of each part."""

    parts: int  # of the gradients, in training
    z: int  # of prediction, in the same place
    mask: int
    flags: int
    shared: int  # sums of blocks backward, in the place of z
    state: int  # of a GRU, dc, behind them

    @property
    def size(self):
        """All numbers."""
        return max(self.parts, self.z, self.shared + self.state) + self.flags + self.mask

    def for_blocks(self, scratch):
        """Return room for the flags of the form `lstm_grid`, and for sums."""
        end = scratch.size - self.mask
        sums = scratch[: self.shared] if self.shared else nothing(scratch.dtype, 1)
        return scratch[end - self.flags : end].view(np.int32), sums

    def state_like(self, scratch, h):
        """Return room for dc of a GRU."""
        return scratch[self.shared : self.shared + self.state].reshape(h.shape)

    def mask_like(self, scratch, mask):
        """Return room for a mask."""
        room = scratch[scratch.size - self.mask :].view(np.uint8)
        return room[: mask.size].reshape(mask.shape)


def front(room, shape):
    """Return the first numbers of a flat array as one of a shape."""
    return room[: math.prod(shape)].reshape(shape)
