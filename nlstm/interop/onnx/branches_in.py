"""Branches of which one is always taken: exporters leave them where Python's own were."""

from typing import Any

from nlstm.interop.onnx.nodes_in import NodeOf
from nlstm.interop.onnx.steps import Const, Unsupported
from nlstm.interop.onnx.tracing import Handler, Tracer

__all__ = ["HANDLERS"]


def _branch(t: Tracer, node: NodeOf, inputs: list[Any]) -> list[Any]:
    """Return what the branch that is taken makes."""
    (condition,) = inputs
    if not isinstance(condition, Const):
        raise Unsupported("its condition follows from the inputs; one that is known is read")
    if condition.drawn:
        raise Unsupported(
            "its condition follows from the size of the batch, or from the number of steps, which "
            "the file leaves open"
        )
    if condition.array.size != 1:
        raise Unsupported(f"its condition has shape {condition.array.shape}; expected one value")
    name = "then_branch" if condition.array.item() else "else_branch"
    if name not in node.attributes:
        raise Unsupported(f"it has no {name}")
    return t.inside(node.attributes[name])


HANDLERS: dict[str, Handler] = {"If": _branch}
