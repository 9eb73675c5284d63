"""What a stack asks of its members, layers and models."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from nlstm.arguments.numbers import as_numbers
from nlstm.data.arrays import check_rank
from nlstm.data.gpu_arrays import lies_on_gpu
from nlstm.data.sources import is_pair, is_source
from nlstm.layers import InputLayer, Layer
from nlstm.network.design import Nested
from nlstm.plan.symbols import Shape, Symbol, node_of

__all__ = ["InputNotKnown", "apply", "input_of", "inside", "samples_of", "settle"]


def settle(member: Layer | Nested, dtype: np.dtype | None) -> None:
    """Tell a member the model's dtype, for other models that take it."""
    if isinstance(member, Layer):
        member.dtype = dtype
    else:
        member.design.settle(dtype)


def inside(member: Layer | Nested) -> list[Layer]:
    """Return a layer, or those of a model."""
    return [member] if isinstance(member, Layer) else list(member.design.layers)


def apply(member: Layer | Nested, before: Any, keep: bool) -> Symbol:
    """Return what `member` makes of a symbol; only if `keep` do layers know of the call."""
    if not isinstance(member, Layer):
        return member.design.graph_inside(before.sample, keep).call_on([before], keep)[0]
    node = node_of(member, [before])
    if len(node.outputs) > 1:
        raise ValueError(
            f"{member.name} has {len(node.outputs)} outputs; layers of a Sequential have one. "
            "Model(inputs, outputs) takes any."
        )
    if keep:
        member.nodes.append(node)
    return node.outputs[0]


def input_of(sample: Shape, batch_size: int | None = None) -> Symbol:
    """Return an input that no user made."""
    return InputLayer(sample, batch_size).output


class InputNotKnown(ValueError, AttributeError):
    """What is not known before the input is: `hasattr` finds it missing, as in Keras."""


def samples_of(x: Any, layers: Sequence[Layer], label: str) -> tuple[Shape, Shape]:
    """Return the shape of one sample of `x`, for any number of steps and for that of `x`.

    `layers` are those of the stack that it is for, `label` the input's name for errors.
    """
    if is_pair(x):
        x = x.x
    if isinstance(x, dict) and len(x) == 1:
        x = next(iter(x.values()))
    found = x.shape if is_source(x) or lies_on_gpu(x) else as_numbers("x", x).shape
    before = itertools.takewhile(lambda layer: not layer.makes_sequence, layers)
    if any(layer.needs_sequence for layer in before):
        check_rank(found, 2, label)
    elif len(found) not in (2, 3):
        check_rank(found, 1, label)
    if len(found) == 3:
        return (None, found[2]), (found[1], found[2])
    flat = (found[1] if layers[0].index_limit is None else None,)
    return flat, (found[1],)
