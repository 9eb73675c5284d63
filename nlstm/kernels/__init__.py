"""Room 1, the numbers: arrays in, arrays out.

THE CONTRACT
============

Letters: ``N`` batch rows, ``T`` time steps, ``F`` input features, ``H`` units, ``O`` outputs, ``R``
rows of a product (``T * N`` for a sequence). Gate order i, f, g, o (Keras calls g "c").

Every kernel takes arrays that the caller owns, allocates nothing, trusts its caller, and gives the
same bits at any number of threads. "=" overwrites an argument, "+=" adds to it; nothing else is
written.

Layouts (private to the rooms below the public API; ``L = lanes(dtype)`` is the vector width)

=============  =============  ====================================================================
what           shape          note
=============  =============  ====================================================================
sequence       (T, N, S)      time-major; ``S >= F``. Flat values are sequences of one step.
state          (T + 1, N, S)  slot 0 is the initial state, slot t + 1 the state after step t.
                              Prediction may pass (2, N, S): slots are used in turn (t % 2).
gate weights   (B, K, 4, L)   ``B = ceil(H / L)`` blocks of L units; the four gates side by side.
gate bias      (B, 4, L)
panels         (V, K, L)      ``V = ceil(O / L)`` panels of L columns (dense weights; bias (V, L)).
=============  =============  ====================================================================

Lanes past the last feature are zero in every array and gradient, and stay zero.

Operations of ``load(device, dtype)``, all arrays of that dtype, float32 or float64

* ``lanes(dtype)``, ``padded(features, dtype)`` (the S of an output), ``pack_gates(kernel)``,
  ``unpack_gates(packed, H)``, ``pack_columns(kernel)``, ``unpack_columns(packed, O)``
* ``lstm(activation, recurrent_activation) -> lstm_forward, lstm_backward``,
  ``lstm_gates_shape(T, N, H, dtype)``, ``lstm_scratch_size(T, N, F, H, dtype)``
* ``dense(activation) -> dense_forward, dense_backward``, ``dense_scratch_size(F, O, dtype)``
* ``gather_steps(source, index, out)``, ``scatter_steps(value, start, out)``
* ``loss(name)``; ``sgd_update``, ``adam_update`` and their ``_parallel`` forms
* ``advance``, ``dropout_mask``, ``dropout_apply``
* ``gather_windows(series, starts, index, offsets, out)``, ``repeat_static``, ``window_moments``,
  ``scale_windows``: windows of a series, which are never all in memory
* ``stream_table(layers, N, dtype)``, ``stream_step``: one time step of a stack of layers
"""

import importlib
from types import ModuleType

DEVICES = ("cpu",)


def load(device: str, dtype: str = "float32") -> ModuleType:
    """Return the operations of a device, ready for arrays of one dtype.

    Raises
    ------
    ValueError
        Unknown device.
    """
    if device not in DEVICES:
        raise ValueError(f"device must be one of {', '.join(DEVICES)}; got {device!r}.")
    operations = importlib.import_module(f"nlstm.kernels.{device}")
    operations.load_tile(dtype)
    return operations


def describe() -> dict[str, str | int]:
    """Return what kernels are compiled for.

    Keys: cpu, vector_bits, threads, threading_layer, cache_folder.
    """
    return importlib.import_module("nlstm.kernels.cpu.jit").describe()
