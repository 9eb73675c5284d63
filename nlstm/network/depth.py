"""How deep models may lie in models."""

from collections.abc import Iterable
from typing import Any

from nlstm.layers import Layer

__all__ = ["DEEPEST", "check_depth"]

DEEPEST = 50  # a level takes some of the frames that Python allows, in files, copies and summaries


def check_depth(name: str, members: Iterable[Any]) -> None:
    """Raise where a model of these layers and models would have models in models too deep."""
    level, depth = list(members), 1
    while models := [model for one in level for model in _models_in(one)]:
        depth += 1
        if depth > DEEPEST:
            raise ValueError(
                f"{name} would have models nested more than {DEEPEST} deep, more than files and "
                "copies hold: give it the layers of the inner models themselves."
            )
        level = [part for model in models for part in _members_of(model.design)]


def _models_in(member: Any) -> list[Any]:
    """Return the model that a member is, or that a layer applies."""
    while isinstance(member, Layer):
        member = getattr(member, "layer", None)
    return [member] if hasattr(member, "design") else []


def _members_of(design: Any) -> list[Any]:
    """Return the layers and models of a stack, or the layers of a functional model."""
    return list(design.members if hasattr(design, "members") else design.layers)
