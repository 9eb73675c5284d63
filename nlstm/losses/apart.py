"""Losses and metrics apart from a model: users' arrays checked, and what runs on them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nlstm import kernels
from nlstm.arguments.checks import checked_array
from nlstm.arguments.quiet import quietly
from nlstm.kernels.operations import Array, Cell
from nlstm.plan.plan import Plan

__all__ = [
    "along",
    "as_steps",
    "bound_apart",
    "by_row",
    "by_step",
    "check_labels",
    "check_trained_axis",
    "slopes",
]

Bind = Callable[..., None]  # takes (plan, y, p, features, weight, total)


def as_steps(
    y_true: Any, y_pred: Any, sample_weight: Any, width: Callable[[int], int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray]:
    """Return y, p and weights as time-major arrays, and y_pred as an array with a batch axis.

    Parameters
    ----------
    y_true, y_pred, sample_weight : array_like
        (rows, features) or (rows, steps, features); one axis alone is one row. As in Keras an axis
        of size 1 at the end of y_true may be left out or too much, and one step serves all. Weights
        are one number, one a row, or one a row and step.
    width : callable
        Columns of y for so many features.

    Raises
    ------
    TypeError, ValueError
        What is not of real numbers, or not of a shape that fits.
    """
    p, y = checked_array("y_pred", y_pred), checked_array("y_true", y_true)
    if not p.size or not p.ndim:
        raise ValueError(f"y_pred must have rows and features; got shape {p.shape}.")
    double = p.dtype.kind == "f" and p.dtype.itemsize >= 8  # in any order of bytes
    p = _cast(p, np.dtype(np.float64 if double else np.float32))
    columns = width(p.shape[-1])
    y = _like_prediction(_cast(y, p.dtype), p, columns)
    weight = None
    if sample_weight is not None:
        weight = _cast(checked_array("sample_weight", sample_weight), p.dtype)
        weight = by_step(_as_weight(weight, p), 1)
    rows = p[None] if p.ndim == 1 else p
    return by_step(y, columns), by_step(rows, p.shape[-1]), weight, rows


def along(axis: int, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return y and p with `axis` of p moved to the end, that of y too where it has as many axes."""
    p, y = checked_array("y_pred", y_pred), checked_array("y_true", y_true)
    if not -p.ndim <= axis < p.ndim:
        raise ValueError(
            f"axis must lie in {-p.ndim} to {p.ndim - 1} for y_pred of shape {p.shape}; got {axis}."
        )
    if axis in (-1, p.ndim - 1):
        return y, p
    y = np.moveaxis(y, axis, -1) if y.ndim == p.ndim else y
    return y, np.moveaxis(p, axis, -1)


def check_trained_axis(owner: Any, sequence: bool) -> None:
    """Raise where a loss or metric with kernels is not along the outputs' features."""
    if not owner.in_numpy and owner.axis not in (-1, 2 if sequence else 1):
        raise ValueError(
            f"axis of {owner.name} must be -1 in training, the outputs' features; got {owner.axis}."
        )


def _cast(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    return quietly(array.astype, dtype, over="ignore")


def _like_prediction(y: np.ndarray, p: np.ndarray, columns: int) -> np.ndarray:
    """Return y with p's axes, of them steps either all or one."""
    shown = y.shape
    if y.ndim == p.ndim + 1 and y.shape[-1] == 1:
        y = y[..., 0]
    if y.ndim == p.ndim - 1 and columns == 1:
        y = y[..., None]
    one_step = y.ndim == p.ndim == 3 and y.shape[1] == 1
    steps = (1,) if one_step else p.shape[1:-1]
    if y.shape != (*p.shape[:-1][:1], *steps, columns):
        wanted = (*p.shape[:-1], columns)
        raise ValueError(
            f"y_true of shape {shown} does not fit y_pred of shape {p.shape}: expected {wanted}."
        )
    return y[None] if p.ndim == 1 else y


def _as_weight(weight: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return weights (rows, 1 or steps ..., 1)."""
    wanted, shown = p.shape[:-1] or (1,), weight.shape
    if weight.ndim == len(wanted) + 1 and weight.shape[-1] == 1:
        weight = weight[..., 0]
    if weight.ndim > len(wanted):
        wanted = ()  # whatever its sizes are
    else:
        weight = weight.reshape(*shown[: len(wanted)], *(1,) * (len(wanted) - weight.ndim))
    if not wanted or any(n not in (1, most) for n, most in zip(weight.shape, wanted, strict=True)):
        raise ValueError(
            f"sample_weight of shape {shown} does not fit y_pred of shape {p.shape}: one number, "
            f"or one for each of {p.shape[:1] if p.ndim > 1 else 1} rows, or of its steps too."
        )
    steps = wanted[1:] if any(n > 1 for n in weight.shape[1:]) else weight.shape[1:]
    return np.broadcast_to(weight, (wanted[0], *steps))[..., None]


def by_step(array: np.ndarray, columns: int) -> np.ndarray:
    """Return (rows, ..., columns) as (steps, rows, columns)."""
    return np.ascontiguousarray(array.reshape(len(array), -1, columns).swapaxes(0, 1))


def check_labels(y: np.ndarray, features: int, ignored: float | None = None) -> None:
    """Raise unless y, of `as_steps`, holds class indices, or the one that is ignored."""
    wrong = ~((y >= 0) & (y < features) & (y == np.floor(y)))
    if ignored is not None:
        wrong &= y != y.dtype.type(ignored)
    if wrong.any():
        step, row, _ = (int(i) for i in np.argwhere(wrong)[0])
        where = f"row {row}" + (f", step {step}," if len(y) > 1 else "")
        raise ValueError(
            f"y_true must hold class indices, whole numbers from 0 to {features - 1}; {where} has "
            f"{y[step, row, 0]:g}."
        )


def bound_apart(
    bind: Bind, y: np.ndarray, p: np.ndarray, weight: np.ndarray | None, sums: int
) -> tuple[Plan, tuple[Array, Array], Cell]:
    """Return what runs without a model on arrays as of `as_steps`, and where it adds its sums.

    Run the plan's `forward`; y and p may be overwritten between runs.
    """
    ops = kernels.load(None, p.dtype)
    ops.enter()
    plan = Plan(ops, None, p.dtype, p.shape[1], p.shape[0], False, ops.zeros(1, np.int64))
    there = ops.to_device(y), ops.to_device(p)
    total = ops.cell(np.float64, sums)
    measured = None if weight is None else ops.to_device(weight)
    bind(plan, *there, p.shape[2], measured, total.device)
    return plan, there, total


def by_row(bind: Bind, y: np.ndarray, p: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return what a kernel gives for each row and step alone, in `shape`.

    Parameters
    ----------
    bind : callable
        Adds the sums of a metric: values and their number.
    y, p : ndarray
        As of `as_steps`.
    """
    y = np.broadcast_to(y, (*p.shape[:2], y.shape[2]))
    values = np.empty(p.shape[:2], p.dtype)
    plan, there, total = bound_apart(bind, y[:1, :1].copy(), p[:1, :1].copy(), None, 2)
    run = plan.ops.program(plan.forward)
    for t, i in np.ndindex(*values.shape):
        for array, whole in zip(there, (y, p), strict=True):
            plan.ops.write(array, whole[t : t + 1, i : i + 1])
        total.host[:] = 0.0
        total.push()
        run()
        total.pull()
        values[t, i] = total.host[0] / total.host[1]
    return values.T.reshape(shape)


def slopes(bind: Callable[..., None], y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return the gradient (T, N, C) that a kernel writes.

    Parameters
    ----------
    bind : callable
        Takes (plan, y, p, features, weight, dp, total).
    y, p : ndarray
        As of `as_steps`.
    """
    written: list[Array] = []

    def bind_with_gradient(plan: Plan, *given: Any) -> None:
        *arrays, total = given
        written.append(plan.ops.zeros(p.shape))
        bind(plan, *arrays, written[0], total)

    plan, _, _ = bound_apart(bind_with_gradient, y, p, None, 2)
    plan.ops.program(plan.forward)()
    return plan.ops.to_host(written[0]).copy()
