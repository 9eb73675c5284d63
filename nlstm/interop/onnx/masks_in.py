"""The masks that layers hand on, held against those by which the file's nodes go."""

from collections.abc import Sequence

from nlstm.interop.onnx.masks import Mask, mask_after
from nlstm.interop.onnx.recurrent_in import STATES
from nlstm.interop.onnx.steps import MERGED, RAW, Ref, Step

__all__ = ["with_masks"]

SKIPPING = (*STATES, "Bidirectional", "GlobalAveragePooling1D")
CHOOSING = ("Multiply", "Maximum", "Minimum")


def with_masks(steps: Sequence[Step], outputs: Sequence[Ref]) -> list[Step]:
    """Return the steps, and such as take a mask off or put one on where the file does not go by it.

    Raises
    ------
    ValueError
        A node goes by a mask that no value has.
    """
    masks: dict[Ref, Mask] = {}
    found: list[Step] = []
    for step in steps:
        if step.kind in SKIPPING and step.mask is None:
            step.inputs[0] = _with_mask(found, masks, step.inputs[0], step.wanted, step)
        elif step.kind in CHOOSING and not step.arguments.get("chosen"):
            step.inputs = [_with_mask(found, masks, one, None, step) for one in step.inputs]
        found.append(step)
        _note(step, masks)
    return found


def _with_mask(
    steps: list[Step], masks: dict[Ref, Mask], x: Ref, wanted: Mask | None, step: Step
) -> Ref:
    """Return a value with the mask that is wanted."""
    if masks.get(x) == wanted:
        return x
    if wanted is None:
        made = Step("Unmasked", {}, [x], [x.shape])
    else:
        source = next((ref for ref, mask in masks.items() if mask == wanted), None)
        if source is None:
            raise ValueError(f"{step.name or step.kind} goes by a mask that no layer hands on.")
        made = Step("MaskOf", {}, [x, source], [x.shape])
        masks[Ref(made)] = wanted
    steps.append(made)
    return Ref(made)


def _note(step: Step, masks: dict[Ref, Mask]) -> None:
    if step.kind == "Input":
        if step.arguments.get("measured"):
            masks[Ref(step)] = ("of", Ref(step))
        return
    given = [masks.get(ref) for ref in step.inputs]
    if step.mask is not None:
        given[0] = ("numbers", step.mask)
    ranks = [len(ref.shape) for ref in step.inputs]
    get = {"return_sequences": True, "merge_mode": None, "axis": -1, **step.arguments}.get
    own: Mask = ("of", Ref(step))
    for number, mask in enumerate(
        mask_after(step.kind, get, given, ranks, own, [None] * len(given))
    ):
        if mask is None:
            continue
        masks[Ref(step, number)] = mask
        if step.kind in STATES:
            masks[Ref(step, RAW)] = mask
        elif step.kind == "Bidirectional":
            masks[Ref(step, MERGED)] = mask
