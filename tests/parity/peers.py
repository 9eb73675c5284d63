"""The peers: Keras on PyTorch, and PyTorch. Import them from here alone.

Without them a module that imports this one is skipped; with NLSTM_PEERS=required it fails.
"""

import os

from tests.parity.asked import peer as peer

os.environ["KERAS_BACKEND"] = "torch"  # read when Keras is first imported


def keep_float64(module):
    """Let Keras compute in float64 what it is given in float64.

    On PyTorch and JAX its products and sums of float64 arrays otherwise are float32's, "to be
    aligned with JAX's default behavior".
    """
    module.src.backend.common.dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"


torch = peer("torch")
torch.set_num_threads(1)  # on arrays this small, threads that wait for each other cost most
keras = peer("keras")
keep_float64(keras)
