"""Cross-entropies, by Keras's names and formulas."""

import math
from typing import Any

import numpy as np

from nlstm.arguments.checks import checked_flag, checked_integer, checked_number
from nlstm.kernels.operations import Array
from nlstm.losses.loss import Loss
from nlstm.losses.reduction import MEANS
from nlstm.plan.plan import Plan

__all__ = [
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "SparseCategoricalCrossentropy",
]


class _Crossentropy(Loss):
    """What they share: logits or probabilities, targets smoothed or not, the last axis."""

    def __init__(
        self,
        from_logits: bool,
        label_smoothing: float,
        axis: int,
        reduction: str | None,
        name: str | None,
        dtype: Any,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.axis = checked_integer("axis", axis)
        self.from_logits = checked_flag("from_logits", from_logits)
        self.label_smoothing = checked_number("label_smoothing", label_smoothing, 0, at_most=1)

    @property
    def _smoothing(self) -> tuple[float, float]:
        return 1.0 - self.label_smoothing, self.label_smoothing


class BinaryCrossentropy(_Crossentropy):
    """Cross-entropy of yes-or-no questions, one per feature.

    Parameters
    ----------
    from_logits : bool, default False
        Whether predictions are logits instead of probabilities.
    label_smoothing : float, default 0.0
        Moves targets so far towards 0.5: ``y * (1 - s) + s / 2``.
    axis : int, default -1
        Along which it is taken. Training is along the last one, the outputs' features.
    reduction, name, dtype
        See `Loss`.

    Notes
    -----
    Probabilities are clipped to [1e-7, 1 - 1e-7], as in Keras. On a layer that ends in a sigmoid
    the gradient is that of the logits, so that it does not vanish there.
    """

    kernel = "binary_crossentropy"
    fused_activation = "sigmoid"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)

    def settings(self) -> tuple[float, ...]:
        """Return what the kernel reads."""
        return (*self._smoothing, 0.0, 0.0, 0.0)


class BinaryFocalCrossentropy(_Crossentropy):
    """Binary cross-entropy times (1 - probability of the truth)**gamma: easy cases count less.

    Parameters
    ----------
    apply_class_balancing : bool, default False
        Whether positives weigh `alpha` and negatives 1 - alpha.
    alpha : float, default 0.25
    gamma : float, default 2.0
    from_logits, label_smoothing, axis, reduction, name, dtype
        See `BinaryCrossentropy`.

    References
    ----------
    Lin et al. 2017, "Focal loss for dense object detection".
    """

    kernel = "binary_focal_crossentropy"

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)
        self.apply_class_balancing = checked_flag("apply_class_balancing", apply_class_balancing)
        self.alpha, self.gamma = checked_number("alpha", alpha), checked_number("gamma", gamma)

    def settings(self) -> tuple[float, ...]:
        """Return what the kernel reads."""
        return (*self._smoothing, self.gamma, self.alpha, float(self.apply_class_balancing))


class CategoricalCrossentropy(_Crossentropy):
    """Cross-entropy of one distribution over the features; targets are distributions (one-hot).

    Parameters
    ----------
    from_logits : bool, default False
        Whether predictions are logits instead of probabilities.
    label_smoothing : float, default 0.0
        Moves targets so far towards equal shares: ``y * (1 - s) + s / classes``.
    axis : int, default -1
        Along which it is taken. Training is along the last one, the outputs' features.
    reduction, name, dtype
        See `Loss`.
    """

    kernel = "categorical_crossentropy"
    fused_activation = "softmax"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)

    def settings(self) -> tuple[float, ...]:
        """Return what the kernel reads."""
        return (*self._smoothing, 0.0, 0.0)


class CategoricalFocalCrossentropy(_Crossentropy):
    """Cross-entropy times alpha * (1 - probability)**gamma: easy cases count less.

    Parameters
    ----------
    alpha : float, default 0.25
    gamma : float, default 2.0
    from_logits, label_smoothing, axis, reduction, name, dtype
        See `CategoricalCrossentropy`.
    """

    kernel = "categorical_focal_crossentropy"

    def __init__(
        self,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)
        self.alpha, self.gamma = checked_number("alpha", alpha), checked_number("gamma", gamma)

    def settings(self) -> tuple[float, ...]:
        """Return what the kernel reads."""
        return (*self._smoothing, self.gamma, self.alpha)


class SparseCategoricalCrossentropy(_Crossentropy):
    """Cross-entropy of one distribution over the features; targets are class indices.

    Parameters
    ----------
    from_logits : bool, default False
        Whether predictions are logits instead of probabilities.
    ignore_class : int, optional
        Rows and steps of this class do not count: their loss is 0, and the mean is over the others.
    reduction : str
        See `Loss`.
    axis : int, default -1
        Along which it is taken. Training is along the last one, the outputs' features.
    name, dtype
        See `Loss`.
    """

    kernel = "sparse_categorical_crossentropy"
    sparse = True
    fused_activation = "softmax"

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, 0.0, axis, reduction, name, dtype)
        if isinstance(ignore_class, float) and ignore_class.is_integer():
            ignore_class = int(ignore_class)
        if ignore_class is not None:
            checked_number("ignore_class", checked_integer("ignore_class", ignore_class))
        self.ignore_class = ignore_class

    def settings(self) -> tuple[float, ...]:
        """Return what the kernel reads."""
        ignored = math.nan if self.ignore_class is None else float(self.ignore_class)
        return (1.0, 0.0, ignored, 0.0)

    def counted(self, y_true: np.ndarray) -> np.ndarray | None:
        """Return where the class is not `ignore_class`; None where none is ignored."""
        return None if self.ignore_class is None else y_true != self.ignore_class

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
        """Append the loss, before it the weights of what is not of `ignore_class`."""
        reduction = reduction or self.reduction
        assert reduction is not None
        # As in Keras: in a metric without weights ignored rows count, with a loss of 0.
        ignored = None if self.in_numpy else self.ignore_class
        if ignored is not None and (reduction != "metric" or weight is not None):
            steps = max(y.shape[0], 1 if weight is None else weight.shape[0])
            counts = plan.array((steps, y.shape[1], 1))
            given = (y, float(ignored), weight, reduction in MEANS, counts)
            plan.call(plan.ops.class_weights, *given)
            weight = counts
        super().bind(plan, y, p, features, weight, dp, total, activation, sequence, reduction)
