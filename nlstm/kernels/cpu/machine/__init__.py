"""How kernels are compiled, for which machine, and on how many threads."""
