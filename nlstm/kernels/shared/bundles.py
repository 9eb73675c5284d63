"""Arguments that travel together, by name. A compiler sees through them: they cost nothing.

Letters and layouts as in `nlstm.kernels`.
"""

from typing import Any, NamedTuple


class Weights(NamedTuple):
    """Of an LSTM: W (B, F, 4, L), U (B, H, 4, L), b (B, 4, L), peephole (B, 3, L) or None."""

    W: Any
    U: Any
    b: Any
    peephole: Any = None


class Work(NamedTuple):
    """What a forward pass leaves for the backward pass.

    h, c : states; c is None in a GRU. gates : as `lstm_gates_shape` says, or None in prediction.
    """

    h: Any
    c: Any
    gates: Any = None


class Masks(NamedTuple):
    """What steps, inputs and states are masked with; None for nothing.

    mask : ndarray(uint8), shape (T, N). Where 0, the row keeps its state.
    x_mask : ndarray, shape (N, F), or with h_mask (4, N, F) for a mask a gate. Multiplies x at
        every step.
    xm : ndarray, shaped as x, or for a mask a gate (T, N, ceil(F / L) * 4, L). The product.
    h_mask : ndarray, shape (4, N, S). One mask a gate on h'.
    hm : ndarray of `lstm_masked_size` numbers. Scratch for the products.
    """

    mask: Any = None
    x_mask: Any = None
    xm: Any = None
    h_mask: Any = None
    hm: Any = None


class Zoneout(NamedTuple):
    """Zoneout's draws: seed, step ndarray(int64) of shape (1,), stream; rates of c and of h.

    first : int. The step that the first one here is, where these are a segment of the steps.
    """

    seed: Any
    step: Any
    stream: Any
    c_rate: Any
    h_rate: Any
    first: Any = 0


class Gradients(NamedTuple):
    """What a backward pass reads and writes.

    dy : ndarray, shape (T, N, >= B * L), or (1, N, ...) for the gradient of the last output alone.
    dh, dc : ndarray, shape (N, S). In: gradients of the last state from outside. Out: dh0, dc0.
    dW, dU, db, dp : shaped as the weights W, U, b, peephole. Overwritten (=).
    dx : ndarray, shape (T, N, >= ceil(F / L) * L), or None. Overwritten (=).
    """

    dy: Any
    dh: Any
    dc: Any
    dW: Any
    dU: Any
    db: Any
    dx: Any = None
    dp: Any = None


class Gains(NamedTuple):
    """Of layer normalisation: of x W and h U (B, 4, L); gain and offset of c (B, L)."""

    x: Any
    h: Any
    c: Any
    offset: Any


class NormalisedWork(NamedTuple):
    """`Work` with layer normalisation: h, c of T + 1 slots; `normalised_factors_shape`."""

    h: Any
    c: Any
    gates: Any
    factors: Any
