"""One device's arrays for a case: what is given, with the padding that the device has, and back."""

import numpy as np

from nlstm.kernels import operations


class Side:
    """A device's operations and the numbers of a case: the same on every device.

    Parameters
    ----------
    device, dtype : str
    """

    def __init__(self, device, dtype):
        self.ops = operations.load(device, dtype)
        self.dtype = np.dtype(dtype)
        self.rng = np.random.default_rng(0)

    def normal(self, *shape):
        """Draw numbers."""
        return self.rng.standard_normal(shape).astype(self.dtype)

    def given(self, host):
        """Return a value with features in its last axis, padded with zeros."""
        width = self.ops.padded(host.shape[-1], host.dtype)
        wide = np.zeros((*host.shape[:-1], width), host.dtype)
        wide[..., : host.shape[-1]] = host
        return self.ops.to_device(wide)

    def drawn(self, *shape):
        """Return a value of random numbers."""
        return self.given(self.normal(*shape))

    def exact(self, host, dtype=None):
        """Return an array without padding."""
        return self.ops.to_device(np.array(host, dtype))

    def out(self, *shape):
        """Return a value that is to be overwritten."""
        width = self.ops.padded(shape[-1], self.dtype)
        return self.ops.to_device(np.full((*shape[:-1], width), np.nan, self.dtype))

    def like(self, array):
        """Return an array to be overwritten, of another's shape."""
        return self.ops.to_device(np.full(array.shape, np.nan, array.dtype))

    def scratch(self, size):
        """Return work memory."""
        return self.ops.to_device(np.full(size, np.nan, self.dtype))

    def host(self, array, features=None):
        """Return what a value holds, without padding."""
        return self.ops.to_host(array)[..., :features].copy()

    def packed(self, layout, host):
        """Return weights in the device's layout."""
        return self.ops.to_device(layout.pack(host))

    def unpacked(self, layout, array):
        """Return weights in Keras's layout."""
        return np.array(layout.unpack(self.ops.to_host(array)))
