"""What a recurrent layer returns of its states."""

from nlstm.kernels.operations import Array
from nlstm.plan.plan import Call, Plan, Tensor

__all__ = ["bind_output"]


def bind_output(
    plan: Plan, x: Tensor, states: Array, units: int, sequences: bool, zeroed: bool, reverse: bool
) -> tuple[Tensor, list[Call]]:
    """Return the output of a layer on `x`, and the calls that its gradient needs first.

    Parameters
    ----------
    states : Array, shape (T, N, S)
        All states, or the last alone.
    sequences : bool
        Whether the output has steps.
    zeroed : bool
        Whether zeros take the place of the states of masked steps.
    reverse : bool
        Whether the states come from the last step on.
    """
    ops, shown = plan.ops, x.mask if sequences else None
    if not zeroed or x.mask is None:
        y = plan.tensor(states, units, sequences, gradient=True)
        y.mask = shown
        return y, []
    end = slice(0, 1) if reverse else slice(x.steps - 1, x.steps)
    mask = x.mask if sequences else x.mask[end]
    y = plan.tensor(plan.array(states.shape), units, sequences, gradient=True)
    y.mask = shown
    rest = (mask, reverse, 0.0, units)
    plan.call(ops.keep_steps, states, *rest, y.value)
    return y, [(ops.keep_steps, (y.gradient, *rest, y.gradient))]
