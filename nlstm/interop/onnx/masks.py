"""Which mask a layer's output has, by those of what comes in: as the layers themselves do it.

A mask is described by what made it, which is equal where the masks are: the value whose mask it
is, or what joins or lines up others.
"""

from collections.abc import Callable, Sequence
from typing import Any

from nlstm.interop.keras.graphs import MERGING

__all__ = ["Mask", "mask_after"]

Mask = tuple[Any, ...]  # ("of", what), ("or", masks...), ("steps", parts...)
PASSING = (
    "Activation", "BatchNormalization", "Dense", "Dropout", "ELU", "GaussianNoise", "Identity",
    "LayerNormalization", "LeakyReLU", "PReLU", "ReLU", "Softmax", "SpatialDropout1D",
    "TimeDistributed",
)  # fmt: skip
RECURRENT = ("LSTM", "GRU", "SimpleRNN")
JOINING = tuple(cls.__name__ for cls in MERGING)


def mask_after(
    kind: str,
    arguments: Callable[[str], Any],
    masks: Sequence[Mask | None],
    ranks: Sequence[int],
    own: Mask,
    values: Sequence[Any],
) -> list[Mask | None]:
    """Return the masks of a layer's outputs, as many as have one; the others have none.

    Parameters
    ----------
    kind : str
        The layer's class.
    arguments : callable
        Gives an argument of the layer by its name.
    masks : sequence of Mask or None
        Of what comes in.
    ranks : sequence of int
        How many axes its samples have.
    own : Mask
        What a mask that the layer makes is called.
    values : sequence
        What comes in, for steps that have no mask beside some that have.
    """
    first = masks[0]
    if kind in PASSING:
        return [first]
    if kind == "Masking" or (kind == "Embedding" and arguments("mask_zero")):
        return [own]
    if kind in RECURRENT:
        return [first if arguments("return_sequences") else None]
    if kind == "Bidirectional":
        shown = first if arguments("return_sequences") else None
        return [shown, shown] if arguments("merge_mode") is None else [shown]
    if kind == "MaskOf":
        return [masks[1]]
    if kind == "Concatenate" and _along_steps(arguments("axis"), ranks[0]):
        if not any(masks):
            return [None]
        pairs = zip(masks, values, strict=True)
        return [("steps", *(("every", value) if one is None else one for one, value in pairs))]
    if kind in JOINING:
        found = [one for one in masks if one is not None]
        if len(found) < len(masks):
            return [None]
        distinct = list(dict.fromkeys(found))
        return [distinct[0] if len(distinct) == 1 else ("or", *distinct)]
    return [None]


def _along_steps(axis: int, rank: int) -> bool:
    return rank == 2 and axis in (1, -2)
