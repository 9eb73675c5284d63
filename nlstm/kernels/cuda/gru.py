"""What a GRU has besides the LSTM's kernels: its bias and gradients among four parts.

Parts: those of the update and reset gates, and of the candidate by inputs and by states. W has
zeros in the fourth, U in the third. Layouts as an LSTM's; the two rows of the bias (2, 1, H, 4).
"""

from nlstm.kernels.cuda.each import each

__all__ = ["gru_bias", "gru_gradients"]

NOT_OF_INPUTS, NOT_OF_STATES = 3, 2


@each
def _bias(at, bias, b):
    b[at] = bias[0, at] + bias[1, at]


def gru_bias(bias, b):
    """Write what each of the four parts gets (=) from the two rows of a bias."""
    _bias(b.size, bias.reshape(2, b.size), b.reshape(-1))


@each
def _zero(at, dW, dU):
    """Places are rows of both, one below the other."""
    if at < dW.shape[0]:
        dW[at, NOT_OF_INPUTS] = 0
    else:
        dU[at - dW.shape[0], NOT_OF_STATES] = 0


@each
def _zero_and_part(at, dW, dU, db, dbias):
    """After those rows, places of the bias."""
    rows = dW.shape[0] + dU.shape[0]
    if at < dW.shape[0]:
        dW[at, NOT_OF_INPUTS] = 0
    elif at < rows:
        dU[at - dW.shape[0], NOT_OF_STATES] = 0
    else:
        place = at - rows
        part, zero = place % 4, db[place] - db[place]
        dbias[0, place] = zero if part == NOT_OF_INPUTS else db[place]
        dbias[1, place] = zero if part == NOT_OF_STATES else db[place]


def gru_gradients(dW, dU, db, dbias):
    """Write zeros where W and U have none but zeros, and the gradient of a bias; see the CPU's."""
    dW, dU = dW.reshape(-1, 4), dU.reshape(-1, 4)
    rows = dW.shape[0] + dU.shape[0]
    if dbias is None:
        _zero(rows, dW, dU)
    else:
        _zero_and_part(rows + db.size, dW, dU, db.reshape(-1), dbias.reshape(2, db.size))
