"""The parts of `gpu_check.py`: what is right on a GPU, and how long it takes."""
