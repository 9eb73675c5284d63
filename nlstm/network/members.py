"""What a stack asks of its members, layers and models."""

from typing import Any

import numpy as np

from nlstm.layers import InputLayer, Layer
from nlstm.network.design import Nested
from nlstm.plan.symbols import Shape, Symbol, node_of

__all__ = ["InputNotKnown", "apply", "input_of", "inside", "settle"]


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
