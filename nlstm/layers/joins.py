"""Two values or more made one: what layers append to a plan for it."""

from collections.abc import Sequence

from nlstm.kernels.operations import Array
from nlstm.plan.plan import Call, Plan, Tensor

__all__ = ["binary", "choose", "combined", "concatenate", "joined_mask", "merge"]

STEEP = 1e30


def merge(
    plan: Plan, kind: str, a: Tensor, b: Tensor, reverse: bool = False, scale: float = 1.0
) -> Tensor:
    """Append the merging of two values; with `reverse`, the steps of b are taken backwards."""
    ops, features = plan.ops, max(a.features, b.features)
    steps = max(a.steps, b.steps)
    value = plan.array((steps, a.rows, ops.padded(features, plan.dtype)))
    wanted = a.gradient is not None or b.gradient is not None
    y = plan.tensor(value, features, a.sequence or b.sequence, gradient=wanted)
    sides = (a.value, a.features, b.value, b.features, reverse, plan.dtype.type(scale))
    plan.call(ops.merge_forward, kind, *sides, value, features)
    calls: list[Call] = []
    for x, second in ((a, False), (b, True)):
        dx = plan.input_gradient(x)
        if dx is None:
            continue
        whole = (x.steps, x.features) == (steps, features)
        out = dx if whole else plan.array(value.shape)
        calls.append((ops.merge_backward, (kind, *sides, y.gradient, features, second, out)))
        if not whole:
            calls.append((ops.sum_broadcast, (out, features, dx, x.features)))
    if calls:
        plan.call_back(y, *calls)
    return y


def choose(plan: Plan, mask: Array, a: Tensor, b: Tensor | float) -> Tensor:
    """Append the choice of `a` where a step counts, and of `b` where it does not."""
    ops, features = plan.ops, a.features
    value = plan.array((a.steps, a.rows, ops.padded(features, plan.dtype)))
    other = b if isinstance(b, Tensor) else None
    wanted = a.gradient is not None or (other is not None and other.gradient is not None)
    y = plan.tensor(value, features, a.sequence, gradient=wanted)
    seen = value[..., :features]
    plan.call(ops.fill, value, 0)
    plan.call(ops.copy, seen, b if other is None else other.value[..., :features])
    plan.forward.append(ops.either(seen, a.value[..., :features], mask))
    calls: list[Call] = []
    da = plan.input_gradient(a)
    if da is not None:
        calls += [(ops.fill, (da, 0)), ops.either(da, y.gradient, mask)]
    db = None if other is None else plan.input_gradient(other)
    if db is not None:
        calls += [(ops.copy, (db, y.gradient)), ops.either(db, 0, mask)]
    if calls:
        plan.call_back(y, *calls)
    return y


def joined_mask(plan: Plan, masks: Sequence[Array | None]) -> Array | None:
    """Return the mask of steps that count in some mask; None if one is missing, as in Keras."""
    found = [mask for mask in masks if mask is not None]
    if len(found) < len(masks):
        return None
    result = found[0]
    for mask in found[1:]:
        if mask is not result:
            joined = plan.mask(max(result.shape[0], mask.shape[0]), mask.shape[1])
            plan.call(plan.ops.join, result, mask, joined)
            result = joined
    return result


def concatenate(plan: Plan, inputs: Sequence[Tensor], reverse_last: bool = False) -> Tensor:
    """Append the concatenation of features; the last input's steps may be taken backwards."""
    ops, first = plan.ops, inputs[0]
    features = sum(x.features for x in inputs)
    value = plan.array((first.steps, first.rows, ops.padded(features, plan.dtype)))
    wanted = any(x.gradient is not None for x in inputs)
    y = plan.tensor(value, features, first.sequence, gradient=wanted)
    calls: list[Call] = []
    start = 0
    for place, x in enumerate(inputs, 1):
        last = place == len(inputs)
        reverse, end = last and reverse_last, value.shape[2] if last else start + x.features
        plan.call(ops.copy_columns, x.value, 0, x.features, reverse, value, start, end)
        dx = plan.input_gradient(x)
        if dx is not None:
            back = (y.gradient, start, x.features, reverse, dx, 0, dx.shape[2])
            calls.append((ops.copy_columns, back))
        start += x.features
    if calls:
        plan.call_back(y, *calls)
    y.mask = joined_mask(plan, [x.mask for x in inputs])
    return y


def combined(plan: Plan, kind: str, a: Tensor, b: Tensor | float) -> Tensor:
    """Append a merging that has no gradient, with a value or a number."""
    ops, features = plan.ops, a.features
    if not isinstance(b, Tensor):
        number = b
        b = Tensor(plan.array((1, a.rows, ops.padded(1, plan.dtype))), 1, False)
        plan.call(ops.fill, b.value, number)
    value = plan.array((a.steps, a.rows, ops.padded(features, plan.dtype)))
    sides = (a.value, features, b.value, b.features, False, plan.dtype.type(1))
    plan.call(ops.merge_forward, kind, *sides, value, features)
    return Tensor(value, features, a.sequence)


def binary(plan: Plan, mask: Tensor) -> Tensor:
    """Append what makes 1 of numbers above 0.5, and 0 of all others."""
    above = combined(plan, "subtract", mask, 0.5)
    plan.call(plan.ops.scale, above.value, plan.dtype.type(STEEP), above.value)
    return combined(plan, "minimum", combined(plan, "maximum", above, 0.0), 1.0)
