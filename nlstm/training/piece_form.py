"""What a bound step becomes where it is one on a piece of sequences."""

from dataclasses import dataclass
from typing import Any

from nlstm.data.step import Step
from nlstm.kernels.operations import Array, Call
from nlstm.plan.handed_on import HandedOn
from nlstm.plan.plan import Plan
from nlstm.training.piece_goal import PieceGoal

__all__ = ["PieceForm"]


@dataclass
class PieceForm:
    """See `nlstm.network.form.Form`.

    Attributes
    ----------
    states : HandedOn
    goal : PieceGoal, Shares or None
        None where nothing is scored.
    trains : bool
    whole : bool
        Whether pieces are parts of one loss: penalties on weights count in the last one.
    last : bool
    sums : list of (Array, Array)
        Where gradients are summed up over the pieces, and where they lie.
    key : Any
    """

    states: HandedOn
    goal: Any
    trains: bool
    whole: bool
    last: bool
    sums: list[tuple[Array, Array]]
    key: Any

    def prepare(self, plan: Plan) -> None:
        """Let layers go on from the piece before."""
        plan.handed_on, plan.ends = self.states, self.last or not self.whole
        if plan.sums is not None and self.sums:
            plan.sums.add_pieces(self._adding(plan), self.last)

    def of(self, plan: Plan, step: Step) -> Step:
        """Return the step on the piece."""
        ops = plan.ops
        if self.goal is None:  # of predictions, or before the piece with the targets
            step.calls, step.update, step.beforehand = list(plan.forward), [], plan.beforehand
            return step
        if not self.whole:
            return step
        shared = plan.sums is not None
        calls = list(plan.sums.calls if plan.sums is not None else plan.forward)
        if self.trains and not shared:
            calls += plan.backward()
        if self.last:
            calls += plan.penalties
        if plan.penalised and isinstance(self.goal, PieceGoal):
            begin: Call = (ops.fill, (plan.penalty_value, 0.0))
            calls = [begin, *calls, *self.goal.whole_penalty_count(plan)]
        step.calls = calls if shared else calls + self._adding(plan)
        if not self.last:
            step.update, step.beforehand = list(plan.averages), plan.beforehand
        return step

    def _adding(self, plan: Plan) -> list[Call]:
        """Return the calls that sum gradients up."""
        return [
            (plan.ops.add, (total, gradient, gradient if self.last else total))
            for total, gradient in self.sums
        ]
