"""Activations: inside other kernels, one by one, and by rows."""
