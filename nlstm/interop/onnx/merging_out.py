"""What becomes of several values in ONNX."""

from typing import Any

from nlstm.interop.onnx.nodes import Form, Given, Nodes
from nlstm.layers.arithmetic import Arithmetic

__all__ = ["arithmetic", "averaged", "compared", "concatenated", "folded", "multiplied"]

OPERATIONS = {"add": "Add", "subtract": "Sub", "multiply": "Mul"}


def folded(op: str) -> Form:
    """Return what applies an operation to one value after the other."""

    def form(to: Nodes, layer: Any, given: Given) -> str:
        y, *rest = _of_one_rank(to, given)
        for other in rest:
            y = to.add(op, y, other)
        return y

    return form


def _of_one_rank(to: Nodes, given: Given) -> list[str]:
    """Return values of which those without steps have one."""
    rank = max(len(sample) for sample in given.samples)
    return [
        to.add("Unsqueeze", name, to.constant([1])) if len(sample) < rank else name
        for name, sample in zip(given.names, given.samples, strict=True)
    ]


def averaged(to: Nodes, layer: Any, given: Given) -> str:
    """Append a mean."""
    return to.add("Mul", str(folded("Add")(to, layer, given)), to.constant(1 / len(given.names)))


def _same_masks(given: Given) -> bool:
    return len(set(given.masks)) == 1


def multiplied(to: Nodes, layer: Any, given: Given) -> str:
    """Append a product, in which masked steps are ones."""
    chosen, joined = list(given.names), None not in given.masks
    if not any(given.masks) or len(set(given.samples)) > 1:
        return str(folded("Mul")(to, layer, given))
    if not _same_masks(given):
        one = to.constant([[[1.0]]])
        chosen = [
            name if mask is None else to.function("Choose", 1, mask, name, one)[0]
            for name, mask in zip(given.names, given.masks, strict=True)
        ]
    y = str(folded("Mul")(to, layer, Given(chosen, given.masks, given.samples)))
    if joined:
        return to.function("Choose", 1, _joined(to, given), y, to.constant([[[0.0]]]))[0]
    return y


def _joined(to: Nodes, given: Given) -> str:
    found = list(dict.fromkeys(one for one in given.masks if one is not None))
    mask = found[0]
    for other in found[1:]:
        mask = to.add("Or", mask, other)
    return mask


def compared(op: str) -> Form:
    """Return what finds the largest or smallest; a masked step leaves the other value."""

    def form(to: Nodes, layer: Any, given: Given) -> str:
        if not any(given.masks) or len(set(given.samples)) > 1:
            return str(folded(op)(to, layer, given))
        (y, *rest), (mask, *masks) = given.names, given.masks
        for other, own in zip(rest, masks, strict=True):
            second = other if own is None else to.function("Choose", 1, own, other, y)[0]
            first = y if mask is None else to.function("Choose", 1, mask, y, second)[0]
            if mask is not None:
                mask = None if own is None else mask if own == mask else to.add("Or", mask, own)
            y = to.add(op, first, second)
        return y

    return form


def concatenated(to: Nodes, layer: Any, given: Given) -> str:
    """Append a concatenation."""
    return to.add("Concat", *given.names, axis=layer.axis)


def arithmetic(to: Nodes, layer: Arithmetic, given: Given) -> str:
    """Append what an operator between values does."""
    return str(folded(OPERATIONS[layer.kind])(to, layer, given))
