"""The numbers on an NVIDIA GPU: not yet a device of `nlstm.kernels.load`.

Layouts: gate weights (1, K, H, 4), the four gates of a unit side by side; gate bias (1, H, 4);
gates (T, N, 4 H) in the order unit, gate; sequences (T, N, F) and states (T + 1, N, H) without
padding. `launch` alone knows the package that compiles for the GPU.
"""
