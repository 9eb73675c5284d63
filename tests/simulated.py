"""CUDA in Numba's simulator, for `pytest --device cuda`; NUMBA_ENABLE_CUDASIM=1 comes before all."""

from nlstm.kernels.cuda.launch import SIMULATED
from nlstm.kernels.operations import DEFAULT


def choose():
    """Let what is computed from now on be computed here."""
    if not SIMULATED:
        raise RuntimeError("--device cuda wants NUMBA_ENABLE_CUDASIM=1")
    DEFAULT[0] = "cuda"
