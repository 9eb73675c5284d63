"""The LSTM with operands of its products rounded to bfloat16: see `nlstm.kernels.cpu.lstm.pairs`.

All else is as without: sums, gates, states, gradients and what is added to them are float32.
"""

import numpy as np

from nlstm.kernels.cpu.lstm.backward import run_backward
from nlstm.kernels.cpu.lstm.forward import run_forward, seen_inputs
from nlstm.kernels.cpu.lstm.pairs import rounded_operands
from nlstm.kernels.cpu.machine.launching import launcher
from nlstm.kernels.cpu.products.tile import load_pair_tile


@launcher
def paired_forward(activation, recurrent_activation, x, weights, work, scratch, reverse, masks,
                   zoneout, memory):  # fmt: skip
    """Run `lstm_forward` with products of bfloat16.

    Parameters
    ----------
    memory : ndarray of `lstm_paired_size` numbers. Overwritten (=).
    scratch : ndarray of `lstm_paired_scratch_size` numbers.
    masks : without h_mask. The others as there, float32.
    """
    load_pair_tile()
    x, before = seen_inputs(x, masks)
    W, U, b, peephole = weights
    (W_pairs, U_pairs, h, x_pairs), rounding = rounded_operands(x, work[0], W, U, memory)
    arguments = (
        activation, recurrent_activation, x_pairs, (W_pairs, U_pairs, b, peephole), tuple(work),
        scratch, reverse, tuple(masks), None if zoneout is None else tuple(zoneout),
        (h, W.shape[1], U.shape[1]),
    )  # fmt: skip
    return [*before, rounding, (run_forward, arguments)]


@launcher
def paired_backward(activation, recurrent_activation, x, weights, work, gradients, scratch, reverse,
                    masks, zoneout, memory):  # fmt: skip
    """Compute all gradients of `paired_forward`, again with products of bfloat16.

    Parameters
    ----------
    All as for `lstm_backward` and there; `memory` is not needed any more.
    """
    load_pair_tile()
    arguments = (
        activation, recurrent_activation, x, tuple(weights), tuple(work), tuple(gradients),
        scratch, reverse, tuple(masks), None if zoneout is None else tuple(zoneout),
        scratch.view(np.uint32), None,
    )  # fmt: skip
    return [(run_backward, arguments)]
