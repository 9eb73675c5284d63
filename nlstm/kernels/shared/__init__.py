"""What kernels of every device have in common."""
