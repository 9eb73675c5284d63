"""What comes before and after the backward steps: panels of transposed weights, sums of slices."""

from nlstm.kernels.cpu.machine.jit import njit_inner
from nlstm.kernels.cpu.machine.simd import load, store
from nlstm.kernels.cpu.products.gemm import share, transpose_panel
from nlstm.kernels.cpu.products.layout import GATES
from nlstm.kernels.cpu.products.pairs import words_of


@njit_inner
def add_partial(s, slices, scratch, partial, size, gradients):
    """Write one slice of the sum of all partial gradients, in the order of their rows."""
    dW, dU, db, dp = gradients.dW, gradients.dU, gradients.db, gradients.dp
    flat_W, flat_U, flat_b = dW.reshape(-1), dU.reshape(-1), db.reshape(-1)
    L = dU.shape[3]
    first, last = share(size // L, s, slices)
    for k in range(first * L, last * L, L):
        total = load(scratch, partial + k)
        for other in range(1, slices):
            total = total + load(scratch, partial + other * size + k)
        if k < flat_W.size:
            store(flat_W, k, total)
        elif k < flat_W.size + flat_U.size:
            store(flat_U, k - flat_W.size, total)
        elif dp is None or k < size - dp.size:
            store(flat_b, k - flat_W.size - flat_U.size, total)
        else:
            store(dp, k - size + dp.size, total)


@njit_inner
def transpose_slice(s, slices, U, W, out, U_panels, W_panels, V):
    """Write one slice of the panels of U^T and, for V > 0, of W^T."""
    B, F, H, L = U.shape[0], W.shape[1], U.shape[1], U.shape[3]
    width = GATES * L
    panel = B * words_of(out, width) * L
    first, last = share(B + V, s, slices)
    for v in range(first, last):
        if v < B:
            transpose_panel(out, U_panels + v * panel, U.reshape(-1), B, H, width, v, L)
        else:
            to = W_panels + (v - B) * panel
            transpose_panel(out, to, W.reshape(-1), B, F, width, v - B, L)
