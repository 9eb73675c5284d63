"""Losses of numbers against numbers, by Keras's names and formulas."""

from typing import Any

from nlstm.arguments.checks import checked_integer, checked_name, checked_number
from nlstm.losses.loss import Loss, PlainLoss

__all__ = [
    "CategoricalHinge",
    "CosineSimilarity",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SquaredHinge",
]


class MeanSquaredError(PlainLoss):
    """Mean of (prediction - target)**2."""

    kernel = "mean_squared_error"


class MeanAbsoluteError(PlainLoss):
    """Mean of abs(prediction - target)."""

    kernel = "mean_absolute_error"


class MeanAbsolutePercentageError(PlainLoss):
    """Mean of 100 * abs((prediction - target) / target); a target below 1e-7 counts as 1e-7."""

    kernel = "mean_absolute_percentage_error"


class MeanSquaredLogarithmicError(PlainLoss):
    """Mean of (log(1 + prediction) - log(1 + target))**2; values below 1e-7 count as 1e-7."""

    kernel = "mean_squared_logarithmic_error"


class LogCosh(PlainLoss):
    """Mean of log(cosh(prediction - target))."""

    kernel = "log_cosh"


class Poisson(PlainLoss):
    """Mean of prediction - target * log(prediction): counts whose expectation is predicted."""

    kernel = "poisson"


class KLDivergence(PlainLoss):
    """Sum of target * log(target / prediction) over the features: two distributions."""

    kernel = "kl_divergence"


class Hinge(PlainLoss):
    """Mean of max(1 - target * prediction, 0); targets are -1 and 1, or 0 and 1."""

    kernel = "hinge"


class SquaredHinge(PlainLoss):
    """Mean of max(1 - target * prediction, 0)**2; targets are -1 and 1, or 0 and 1."""

    kernel = "squared_hinge"


class CategoricalHinge(PlainLoss):
    """max(largest wrong prediction - right prediction + 1, 0); targets are one-hot."""

    kernel = "categorical_hinge"


class Huber(Loss):
    """Half the squared error up to `delta`, beyond it a straight line: outliers pull less.

    Parameters
    ----------
    delta : float, default 1.0
        Errors up to it are squared.
    reduction, name, dtype
        See `Loss`.
    """

    kernel = "huber"

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(checked_name(name) or "huber_loss", reduction, dtype)
        self.delta = checked_number("delta", delta)

    def settings(self) -> tuple[float, ...]:
        """Return what the kernel reads."""
        return (self.delta,)


class CosineSimilarity(Loss):
    """Minus the cosine of the angle between prediction and target.

    Parameters
    ----------
    axis : int, default -1
        Along which it is taken. Training is along the last one, the outputs' features.
    reduction, name, dtype
        See `Loss`.
    """

    kernel = "cosine_similarity"

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.axis = checked_integer("axis", axis)

    def settings(self) -> tuple[float, ...]:
        """Return what the kernel reads."""
        return (-1.0,)
