"""What the operands of matrix products are rounded to, where a model does not say it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from nlstm.arguments.checks import checked_choice

__all__ = [
    "BFLOAT16",
    "FLOAT32",
    "checked_precision",
    "get_matmul_precision",
    "multiplying",
    "set_matmul_precision",
]

FLOAT32, BFLOAT16 = PRECISIONS = ("float32", "bfloat16")
_chosen = [FLOAT32]  # of the process
_within: ContextVar[str | None] = ContextVar("nlstm_matmul_precision", default=None)


def checked_precision(given: object) -> str:
    """Return a precision of products; None stands for what `set_matmul_precision` chose."""
    if given is None:
        return get_matmul_precision()
    return checked_choice("matmul_precision", given, PRECISIONS)


def get_matmul_precision() -> str:
    """Return what new models multiply: "float32" or "bfloat16"."""
    return _within.get() or _chosen[0]


@contextmanager
def multiplying(precision: str) -> Iterator[None]:
    """Let models that are made in a with statement have this precision where they say none."""
    token = _within.set(checked_precision(precision))
    try:
        yield
    finally:
        _within.reset(token)


def set_matmul_precision(precision: str) -> None:
    """Choose what the matrix products of models that are made from now on multiply.

    Parameters
    ----------
    precision : {"float32", "bfloat16"}
        "float32", the default, multiplies float32 by float32. With "bfloat16" LSTM, GRU and Dense
        layers round both operands of each product, forward and back, to bfloat16 (8 bits instead of
        24, to nearest, ties to even) and add the products in float32. Weights, states, cells,
        gates, gradients and the optimizer stay float32. Models of float64 take no notice.

    Notes
    -----
    Error: each operand is off by at most 2^-9 of itself, so a product of K terms by at most 2^-8
    (plus 2^-18) times the sum of their sizes, ``abs(x) @ abs(W)``, beside what float32 sums are off
    by; of random signs, by about 2^-9 times the root of the sum of their squares. What a sequence
    makes of that depends on the network: compare a loss curve.

    Processors with AVX-512 BF16 multiply two such pairs where they multiply one of float32;
    elsewhere the results are the same within the order of sums, and slower than float32.
    ``python -m nlstm info`` says which it is. Numbers are the same to the bit at any number of
    threads. In float32 stay layers with `layer_norm` or `recurrent_dropout`,
    ``GRU(reset_after=False)``, a Dense of 16 units or fewer, every other kind of layer, training
    that recomputes gates (`Model.compile`), `stream`, and what `nlstm.inspection` records;
    `Model.summary` names the layers that do round. A GPU has it not yet.

    Keras means more by "mixed_bfloat16", and torch by its autocast: there what layers compute and
    hand on is bfloat16 too. `torch.set_float32_matmul_precision("medium")` means this, where a
    product's library has it.
    """
    _chosen[0] = checked_choice("matmul_precision", precision, PRECISIONS)
