"""The interface of a loss: a kernel, or a user's own in NumPy."""

from typing import Any

import numpy as np

from nlstm.arguments.checks import (
    checked_array,
    checked_choice,
    checked_dtype,
    checked_name,
)
from nlstm.arguments.config import Configured, overridden
from nlstm.arguments.names import snake_case
from nlstm.kernels.operations import Array
from nlstm.losses.apart import along, as_steps, bound_apart, by_row, check_labels, slopes
from nlstm.losses.in_numpy import WEIGHED, in_numpy
from nlstm.losses.reduction import as_call_sees, reduced
from nlstm.plan.plan import Plan

__all__ = ["Loss", "PlainLoss"]

REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight")


class Loss(Configured):
    """What training makes small. Subclass it for a loss of your own, written in NumPy.

    A subclass of one of nlstm's losses may define `call` and `gradient` too; it is then a loss of
    its own, and ``super().call(y_true, y_pred)`` gives the values of the one below.

    Parameters
    ----------
    name : str, optional
    reduction : {"sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", None}
        How the losses of rows and steps, each times its weight, become one number. The first two
        divide their sum by their number, the fourth by the sum of the weights. None, or "none",
        gives all of them: for a loss by itself, not for `compile`.
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
    axis = -1

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        self.name = checked_name(name) or self.kernel or snake_case(type(self).__name__)
        whole = reduction is not None and not (isinstance(reduction, str) and reduction == "none")
        self.reduction = checked_choice("reduction", reduction, REDUCTIONS) if whole else None
        self.dtype = checked_dtype(dtype, integers=True)

    # What a user's own loss writes

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        """Return the loss of each row, or of each row at each step: y_pred.shape[:-1].

        A loss of one's own may give that of each element too, in y_pred's shape.
        """
        if self.kernel is None:
            raise NotImplementedError(f"{type(self).__name__} must define call(y_true, y_pred).")
        return self._values(*along(self.axis, y_true, y_pred))

    def _values(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        """Return what the kernel gives for each row, along the last axis."""
        y, p, _, _ = self.steps(y_true, y_pred)

        def bind(plan: Plan, y: Array, p: Array, features: int, weight: Any, total: Array) -> None:
            self._bind_kernel(plan, y, p, features, weight, None, total, None, "metric")

        return by_row(bind, y, p, np.shape(y_pred)[:-1])

    def gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        """Return the slopes of the values of `call` in y_pred, in y_pred's shape."""
        own_call = overridden(self, "call") and not overridden(self, "gradient")
        if self.kernel is None or own_call:
            raise NotImplementedError(
                f"{type(self).__name__} must define gradient(y_true, y_pred), the slopes of call's "
                "values in y_pred: nlstm does not differentiate Python code."
            )
        axis, (y_true, y_pred) = self.axis, along(self.axis, y_true, y_pred)
        y, p, _, _ = self.steps(y_true, y_pred)

        def bind(plan: Plan, y: Array, p: Array, f: int, w: Any, dp: Array, total: Array) -> None:
            self._bind_kernel(plan, y, p, f, w, dp, total, None, "sum")

        return np.moveaxis(slopes(bind, y, p).swapaxes(0, 1).reshape(y_pred.shape), -1, axis)

    # What training asks for

    @property
    def in_numpy(self) -> bool:
        """Whether a user wrote it."""
        return self.kernel is None or overridden(self, "call", "gradient")

    @property
    def unit_range(self) -> bool:
        """Whether targets are probabilities."""
        return not (self.sparse or self.in_numpy) and self.fused_activation is not None

    def target_features(self, features: int) -> int:
        """Return the columns of y for outputs of so many features."""
        return 1 if self.sparse else features

    def fuses(self, activation: str | None) -> bool:
        """Whether the gradient goes behind the last layer's `activation`."""
        return self.fused_activation is not None and (
            activation == self.fused_activation and not (self.from_logits or self.in_numpy)
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
        assert reduction is not None
        if self.in_numpy:
            function = in_numpy(self, sequence, reduction)
            given = y, p, features, weight, dp, total
            plan.host(function, (y, p, weight, total), (dp, total), *given)
        else:
            self._bind_kernel(plan, y, p, features, weight, dp, total, activation, reduction)

    def _bind_kernel(
        self,
        plan: Plan,
        y: Array,
        p: Array,
        features: int,
        weight: Array | None,
        dp: Array | None,
        total: Array,
        activation: str | None,
        reduction: str,
    ) -> None:
        kernel = plan.ops.loss(self.kernel_name(activation), self.settings(), reduction)
        plan.call(kernel, y, p, features, weight, dp, total)

    def check(self) -> None:
        """Raise unless training can use it."""
        if overridden(self, "__call__"):
            raise TypeError(
                f"{type(self).__name__} defines __call__, which training does not call: define "
                "call(y_true, y_pred) and gradient(y_true, y_pred) instead."
            )
        if self.reduction is None:
            raise ValueError(
                f"{type(self).__name__}(reduction=None) gives several numbers, and compile needs "
                f"one: reduction is one of {', '.join(REDUCTIONS)}."
            )
        if self.in_numpy and not overridden(self, "gradient"):
            self.gradient(np.zeros(0), np.zeros(0))

    def steps(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> tuple[Any, ...]:
        """Return users' arrays as `as_steps` does, class indices checked."""
        found = as_steps(y_true, y_pred, sample_weight, self.target_features)
        if self.sparse:
            check_labels(found[0], found[1].shape[2], getattr(self, "ignore_class", None))
        return found

    def counted(self, y_true: np.ndarray) -> np.ndarray | None:
        """Return which values of `call` count at all; None where all do."""
        return None

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the loss of `y_pred`, in float64 if it is float64, else in float32.

        Weights are one number, one a row, or one a row and step; where `call` gives one value for
        each element, one for each of these too.
        """
        p, weight = checked_array("y_pred", y_pred), sample_weight
        if weight is not None:
            weight = checked_array("sample_weight", weight)
        if self.in_numpy or self.reduction is None or p.ndim == 1:
            return self._by_value(y_true, p, weight)
        reduction = None
        if weight is not None and weight.size == 1 and self._divides_by_weights:
            reduction = "sum"  # as in Keras: over one weight, not over one a row
            if not weight.any():
                return 0.0
            weight = None
        y_true, y_pred = along(self.axis, y_true, p)
        y, p, weight, rows = self.steps(y_true, y_pred, weight)
        sequence = rows.ndim > 2

        def bind(plan: Plan, y: Array, p: Array, features: int, weight: Any, total: Array) -> None:
            self.bind(plan, y, p, features, weight, None, total, None, sequence, reduction)

        plan, _, sums = bound_apart(bind, y, p, weight, 2)
        plan.ops.program(plan.forward)()
        sums.pull()
        return float(sums.host[0] / sums.host[1])

    @property
    def _divides_by_weights(self) -> bool:
        return self.reduction == WEIGHED and self.counted(np.zeros(1)) is None

    def _by_value(self, y_true: Any, y_pred: np.ndarray, weight: np.ndarray | None) -> Any:
        """Return the loss by way of `call`, for shapes and reductions that kernels have not."""
        if not self.in_numpy:
            y_true, y_pred = along(self.axis, y_true, y_pred)
        y, p = as_call_sees(y_true, y_pred, self.target_features)
        values = np.asarray(self.call(y, p) if self.in_numpy else self._values(y, p))
        if values.dtype.kind != "f":
            values = values.astype(p.dtype)
        if values.shape not in (p.shape[:-1], p.shape, ()):
            raise ValueError(
                f"{self.name}: call must return values of shape {p.shape[:-1]} or {p.shape}; "
                f"got {values.shape}."
            )
        if weight is not None and not values.ndim and weight.shape not in ((), (1,), p.shape):
            raise ValueError(
                f"sample_weight of shape {weight.shape} does not fit y_pred of shape {p.shape}."
            )
        counted = None if self.in_numpy else self.counted(y[..., 0])
        return reduced(values, weight, counted, self.reduction)


class PlainLoss(Loss):
    """A loss with no arguments but Keras's common ones, in the order of Keras's subclasses."""

    default_name: str | None = None

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(checked_name(name) or self.default_name, reduction, dtype)
