"""The interface of a loss: a kernel, or a user's own in NumPy."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nlstm import kernels
from nlstm.arguments.config import Configured
from nlstm.arguments.names import snake_case, unknown_name
from nlstm.kernels.operations import Array, Cell
from nlstm.plan.plan import Plan

__all__ = ["Loss", "PlainLoss", "as_steps", "bound_apart", "evaluate"]

REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight")


class Loss(Configured):
    """What training makes small. Subclass it for a loss of your own, written in NumPy.

    Parameters
    ----------
    name : str, optional
    reduction : {"sum_over_batch_size", "mean", "sum", "mean_with_sample_weight"}
        How the losses of rows and steps, each times its weight, become one number. The first two
        divide their sum by their number, the last by the sum of the weights.
    dtype : optional
        Kept for Keras's sake; losses are computed in the model's dtype.

    Attributes
    ----------
    kernel : str or None
        The kernels' name for it; None for a user's own.
    sparse : bool
        Whether targets are class indices instead of one value per feature.
    fused_activation : str or None
        The activation whose gradient the loss can take over, because the two together are simpler
        and stay exact where the activation saturates.

    Examples
    --------
    >>> class Quartic(Loss):
    ...     def call(self, y_true, y_pred):
    ...         return np.mean((y_pred - y_true) ** 4, axis=-1)
    ...
    ...     def gradient(self, y_true, y_pred):
    ...         return 4 * (y_pred - y_true) ** 3 / y_pred.shape[-1]
    """

    kernel: str | None = None
    sparse = False
    fused_activation: str | None = None
    from_logits = False

    def __init__(
        self, name: str | None = None, reduction: str = "sum_over_batch_size", dtype: Any = None
    ) -> None:
        if reduction in (None, "none"):
            raise ValueError("reduction must make one number of a batch; got None.")
        if reduction not in REDUCTIONS:
            raise unknown_name("reduction", reduction, REDUCTIONS)
        self.name = name or self.kernel or snake_case(type(self).__name__)
        self.reduction, self.dtype = reduction, dtype

    # What a user's own loss writes

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        """Return the loss of each row, or of each row at each step: y_pred.shape[:-1]."""
        raise NotImplementedError(f"{type(self).__name__} must define call(y_true, y_pred).")

    def gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        """Return the slopes of the values of `call` in y_pred, in y_pred's shape."""
        raise NotImplementedError(
            f"{type(self).__name__} must define gradient(y_true, y_pred), the slopes of call's "
            "values in y_pred: nlstm does not differentiate Python code."
        )

    # What training asks for

    @property
    def unit_range(self) -> bool:
        """Whether targets are probabilities."""
        return not self.sparse and self.fused_activation is not None

    def target_features(self, features: int) -> int:
        """Return the columns of y for outputs of so many features."""
        return 1 if self.sparse else features

    def fuses(self, activation: str | None) -> bool:
        """Whether the gradient goes behind the last layer's `activation`."""
        return self.fused_activation is not None and (
            activation == self.fused_activation and not self.from_logits
        )

    def kernel_name(self, activation: str | None) -> str | None:
        """Return the kernels' name for this loss on outputs that come from `activation`."""
        if self.from_logits:
            return f"{self.kernel}_from_logits"
        return f"{self.kernel}_from_{activation}" if self.fuses(activation) else self.kernel

    def settings(self) -> tuple[float, ...]:
        """Return what the kernel reads."""
        return (0.0,)

    def bind(
        self,
        plan: Plan,
        y: Array,
        p: Array,
        features: int,
        weight: Array | None,
        dp: Array | None,
        total: Array,
        activation: str | None = None,
        sequence: bool | None = None,
        reduction: str | None = None,
    ) -> None:
        """Append the loss, and its gradient where one is wanted.

        Parameters
        ----------
        y, p : Array, shapes (Ty, N, C) and (T, N, S), Ty = T or 1
            Targets and outputs of so many features.
        weight : Array, shape (Tw, N, 1), Tw = T or 1, or None
        dp : Array, shape (T, N, S), or None
            Overwritten (=) by the gradient.
        total : Array(float64), shape (2,)
            Added to (+=): the batch's loss times its rows, and its rows.
        activation : str or None
            The activation that ends the last layer; where it `fuses`, dp is the gradient before it.
        sequence : bool, optional
            Whether the steps mean time; where not, a user's loss sees arrays without that axis. By
            default whether there are several.
        reduction : str, optional
            By default the loss's own; "metric" makes the sums of a metric.
        """
        reduction = reduction or self.reduction
        name, values = self.kernel_name(activation), (y, p, features, weight, dp, total)
        if name is None:
            function = _in_numpy(self, sequence, reduction)
            plan.host(function, (y, p, weight, total), (dp, total), *values)
        else:
            plan.call(plan.ops.loss(name, self.settings(), reduction), *values)

    def check(self) -> None:
        """Raise unless training can use it."""
        if self.kernel is None and type(self).gradient is Loss.gradient:
            self.gradient(np.zeros(0), np.zeros(0))

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        """Return the loss of `y_pred`, in float64 if it is float64, else in float32."""
        total = evaluate(self, y_true, y_pred, sample_weight, self.reduction)
        return float(total[0] / total[1])


class PlainLoss(Loss):
    """A loss with no arguments but Keras's common ones, in the order of Keras's subclasses."""

    default_name: str | None = None

    def __init__(
        self,
        reduction: str = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name or self.default_name, reduction, dtype)


def _in_numpy(loss: Loss, sequence: bool | None, reduction: str) -> Callable[..., None]:
    """Return function(y, p, features, weight, dp, total) for a loss that a user wrote."""

    def function(y: Any, p: Any, features: int, weight: Any, dp: Any, total: Any) -> None:
        steps, rows = p.shape[:2]
        y_pred = np.ascontiguousarray(p[:, :, :features].swapaxes(0, 1))
        y_true = np.ascontiguousarray(np.broadcast_to(y, (steps, *y.shape[1:])).swapaxes(0, 1))
        if not (steps > 1 if sequence is None else sequence):
            y_pred, y_true = y_pred[:, 0], y_true[:, 0]
        values = np.asarray(loss.call(y_true, y_pred), np.float64)
        if values.shape != y_pred.shape[:-1]:
            raise ValueError(
                f"{loss.name}: call must return values of shape {y_pred.shape[:-1]}; "
                f"got {values.shape}."
            )
        weights = np.ones((rows, steps))
        if weight is not None:
            weights = np.broadcast_to(weight[:, :, 0].T, (rows, steps)).astype(np.float64)
        summed = float((weights * values.reshape(rows, -1)).sum())
        share = _share(reduction, weights)
        if reduction == "metric":
            total[0] += summed / steps
            total[1] += weights.sum() / steps
        else:
            total[0] += summed * share * rows
            total[1] += rows
        if dp is not None:
            slopes = np.asarray(loss.gradient(y_true, y_pred))
            if slopes.shape != y_pred.shape:
                raise ValueError(
                    f"{loss.name}: gradient must have y_pred's shape {y_pred.shape}; "
                    f"got {slopes.shape}."
                )
            scaled = slopes.reshape(rows, steps, -1) * (share * weights)[:, :, None]
            dp[:, :, :features] = scaled.swapaxes(0, 1)
            dp[:, :, features:] = 0.0

    return function


def _share(reduction: str, weights: np.ndarray) -> float:
    if reduction == "sum":
        return 1.0
    if reduction == "mean_with_sample_weight":
        total = float(weights.sum())
        return 1.0 / total if total else 0.0
    return 1.0 / weights.size


# Use apart from a model


def as_steps(
    y_true: Any, y_pred: Any, sample_weight: Any, width: int | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray]:
    """Return y, p and weights as time-major arrays, and y_pred as an array.

    Parameters
    ----------
    y_true, y_pred, sample_weight : array_like
        (rows, features) or (rows, steps, features); one axis alone is one row.
    width : int or None
        Columns of y; 1 for class indices, None for those of y_pred.
    """
    p = np.asarray(y_pred)
    p = p.astype(np.float64 if p.dtype == np.float64 else np.float32)
    y = np.asarray(y_true).astype(p.dtype)
    if y.ndim == p.ndim + 1 and y.shape[-1] == 1:
        y = y[..., 0]
    p_rows = p[None] if p.ndim == 1 else p
    rows, features = p_rows.shape[0], p_rows.shape[-1]
    p_steps = p_rows.reshape(rows, -1, features)
    width = features if width is None else width
    if y.size % (rows * width) or p_steps.shape[1] % max(1, y.size // (rows * width)):
        raise ValueError(f"y_true of shape {y.shape} does not fit y_pred of shape {p.shape}.")
    y_steps = y.reshape(rows, -1, width)
    weight = None
    if sample_weight is not None:
        weight = np.asarray(sample_weight, p.dtype)
        if weight.size % rows or p_steps.shape[1] % max(1, weight.size // rows):
            raise ValueError(
                f"sample_weight of shape {weight.shape} does not fit y_pred of shape {p.shape}."
            )
        weight = np.ascontiguousarray(weight.reshape(rows, -1, 1).swapaxes(0, 1))
    y_major = np.ascontiguousarray(y_steps.swapaxes(0, 1))
    return y_major, np.ascontiguousarray(p_steps.swapaxes(0, 1)), weight, p_rows


def bound_apart(
    bind: Callable[..., None], y: np.ndarray, p: np.ndarray, weight: np.ndarray | None, sums: int
) -> tuple[Plan, tuple[Array, Array], Cell]:
    """Return what runs without a model on arrays as of `as_steps`, and where it adds its sums.

    Parameters
    ----------
    bind : callable
        Takes (plan, y, p, features, weight, total).
    sums : int

    Returns
    -------
    Plan, (y, p), total
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


def evaluate(
    loss: Loss, y_true: Any, y_pred: Any, sample_weight: Any, reduction: str
) -> np.ndarray:
    """Return the sums of a batch of users' arrays."""
    width = loss.target_features(np.shape(y_pred)[-1])
    y, p, weight, rows = as_steps(y_true, y_pred, sample_weight, width)

    def bind(plan: Plan, y: Array, p: Array, features: int, weight: Any, total: Array) -> None:
        sequence = rows.ndim == 3
        loss.bind(plan, y, p, features, weight, None, total, None, sequence, reduction)

    plan, _, sums = bound_apart(bind, y, p, weight, 2)
    plan.ops.program(plan.forward)()
    sums.pull()
    return sums.host
