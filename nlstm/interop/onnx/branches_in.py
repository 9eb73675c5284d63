"""Branches of which one is always taken: exporters leave them where Python's own were."""

from typing import Any

from nlstm.interop.onnx.nodes_in import NodeOf
from nlstm.interop.onnx.steps import Const, Unsupported
from nlstm.interop.onnx.tracing import Handler, Tracer

__all__ = ["HANDLERS"]

MOVING = ("Constant", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze")


def _branch(t: Tracer, node: NodeOf, inputs: list[Any]) -> list[Any]:
    """Return what the branch that is taken makes."""
    (condition,) = inputs
    if not isinstance(condition, Const):
        raise Unsupported("its condition follows from the inputs; one that is known is read")
    if condition.array.size != 1:
        raise Unsupported(f"its condition has shape {condition.array.shape}; expected one value")
    names = ["then_branch", "else_branch"]
    if not condition.array.item():
        names.reverse()
    taken, other = (node.attributes.get(name) for name in names)
    if taken is None or other is None:
        raise Unsupported(f"it has no {names[0] if taken is None else names[1]}")
    if condition.drawn and not (condition.seldom and _moves(other)):
        raise Unsupported(
            "its condition follows from the size of the batch, or from the number of steps, which "
            "the file leaves open"
        )
    return t.inside(taken)


def _moves(graph: Any) -> bool:
    """Whether a branch changes no number: what is done to axes of one, where they may be more."""
    return all(one.op_type in MOVING for one in graph.node)


HANDLERS: dict[str, Handler] = {"If": _branch}
