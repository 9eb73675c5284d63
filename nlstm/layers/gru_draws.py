"""The random streams of a GRU."""

from typing import Any

from nlstm.kernels.operations import Array
from nlstm.plan.plan import Plan

__all__ = ["DROPOUT", "RECURRENT_DROPOUT", "draw"]

DROPOUT, RECURRENT_DROPOUT = 0, 1


def draw(layer: Any, plan: Plan, purpose: int, rate: float, features: int, out: Array) -> None:
    """Append the call that draws a mask, shape (rows, >= features)."""
    plan.drop(layer.seeds.key(purpose), purpose, rate, features, out)
