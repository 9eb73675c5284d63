"""What makes another step of one that is bound: one on a piece of sequences."""

from typing import Any, Protocol

from nlstm.data.step import Step
from nlstm.plan.plan import Plan

__all__ = ["Form"]


class Form(Protocol):
    """What makes another step of the one that is bound."""

    @property
    def key(self) -> Any:
        """What tells it from others."""

    def prepare(self, plan: Plan) -> None:
        """Look at a plan before layers are bound."""

    def of(self, plan: Plan, step: Step) -> Step:
        """Return what becomes of the step."""
