"""The memory that the plans of a bench share."""

import numpy as np

from nlstm.kernels.operations import Operations

__all__ = ["BYTE", "Arena"]

BYTE = np.dtype(np.uint8)


class Arena:
    """The working memory of a bench, which all its plans share, grown to the largest.

    Attributes
    ----------
    block : Array
        Numbers.
    masks : Array
        Bytes, for masks of steps.
    """

    def __init__(self, ops: Operations) -> None:
        self._ops = ops
        self.block, self.masks = ops.zeros(0), ops.zeros(0, BYTE)

    def has_room(self, size: int, mask_size: int = 0) -> bool:
        """Whether so many numbers and bytes fit."""
        return size <= self.block.size and mask_size <= self.masks.size

    def reserve(self, size: int, mask_size: int = 0) -> bool:
        """Make room; True if a block moved, so that older views are dead."""
        if self.has_room(size, mask_size):
            return False
        if size > self.block.size:
            self.block = self._ops.zeros(0)  # the old block goes before the new one comes
            self.block = self._ops.zeros(size)
        if mask_size > self.masks.size:
            self.masks = self._ops.zeros(mask_size, BYTE)
        return True
