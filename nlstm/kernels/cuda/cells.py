"""Cells: a few numbers on both sides, which go to and fro without waiting for what is queued."""

import numpy as np

from nlstm.kernels.cuda import arrays, copies

__all__ = ["Cell"]


class Cell:
    """Two copies."""

    def __init__(self, dtype, size):
        self.host = np.zeros(size, dtype)
        self.device = arrays.zeros(size, dtype)

    def push(self):
        """Bring the host's copy to the device, after what is queued."""
        if self.host.size:
            copies.upload(self.host, self.device)

    def pull(self):
        """Bring the device's copy to the host, once all that is queued is done."""
        if self.host.size:
            copies.download(self.device, self.host)
