"""The same numbers seen another way: rows of steps, and outputs that share their input's memory."""

import math
from typing import Any

from nlstm.kernels.operations import Array
from nlstm.plan.plan import Plan, Tensor

__all__ = ["as_rows", "rows_as_steps", "shared", "steps_as_rows"]


def as_rows(array: Any) -> Any:
    """Return (T, N, S) seen as (T * N, S); None stays None."""
    return None if array is None else array.reshape(math.prod(array.shape[:-1]), array.shape[-1])


def shared(plan: Plan, x: Tensor, value: Array, mask: Array | None) -> Tensor:
    """Return an output whose gradient lies where that of `x` does.

    For layers that hand the gradient back as it came, or change it in place: give their calls to
    `plan.call_back` all the same, even if there are none.
    """
    return Tensor(value, x.features, x.sequence, plan.input_gradient(x), mask)


def steps_as_rows(plan: Plan, x: Tensor) -> Tensor:
    """Return a sequence as a flat value with a row for each step of each row."""
    shape = (1, x.steps * x.rows, -1)
    flat = Tensor(x.value.reshape(shape), x.features, False)
    gradient = plan.input_gradient(x)
    if gradient is not None:
        flat.gradient = gradient.reshape(shape)
        plan.call_back(flat)
    return flat


def rows_as_steps(plan: Plan, flat: Tensor, steps: int) -> Tensor:
    """Return what a layer made of `steps_as_rows` as a sequence again."""
    shape = (steps, flat.rows // steps, -1)
    gradient = plan.input_gradient(flat)
    y = Tensor(flat.value.reshape(shape), flat.features, True)
    if gradient is not None:
        y.gradient = gradient.reshape(shape)
        plan.call_back(y)
    return y
