"""What is to be computed, bound once: parameters, tensors, calls, graphs of layers."""
