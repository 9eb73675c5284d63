"""Metrics from moments: how much of the targets' spread the predictions explain."""

from typing import Any

import numpy as np

from nlstm.arguments.checks import checked_choice, checked_integer, checked_name
from nlstm.arguments.warned import warn_user
from nlstm.kernels.operations import Operations
from nlstm.metrics.metric import Function, KernelMetric

__all__ = ["KGE", "NSE", "R2Score"]

AGGREGATIONS = ("uniform_average", "variance_weighted_average")


class _Moments(KernelMetric):
    by_element = True

    def sums(self, features: int) -> int:
        """Return how many sums `function` adds to for outputs of so many features."""
        return 7 * features + 1

    def function(self, ops: Operations) -> Function:
        """Return function(y, p, features, weight, dp, total) for the kernels' arrays."""
        return ops.statistic("moments")

    def element_sums(self, features: int) -> list[tuple[slice, Any]]:
        """Return which features go into which sums where each element has a weight of its own."""
        return [(slice(i, i + 1), [*range(7 * i, 7 * i + 7), -1]) for i in range(features)]


class R2Score(_Moments):
    """Coefficient of determination: 1 - squared errors / squared deviations from the mean.

    Parameters
    ----------
    class_aggregation : {"uniform_average", "variance_weighted_average", None}
        None gives an array, a score for each feature.
    num_regressors : int, default 0
        Above 0: the adjusted score for so many regressors.
    name : str, default "r2_score"
    dtype : optional
    """

    default_name = "r2_score"

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        if class_aggregation is not None:
            checked_choice("class_aggregation", class_aggregation, AGGREGATIONS)
        self.class_aggregation = class_aggregation
        self.num_regressors = checked_integer("num_regressors", num_regressors, 0, 2**31)

    def value_of(self, total: np.ndarray) -> Any:
        """Return the score, or the scores."""
        count, y, y_square, _, _, _, errors = total[:-1].reshape(-1, 7).T
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = y_square - y * (y / count)
            scores = 1.0 - errors / spread
            scores = np.where(np.isinf(scores), 0.0, scores)
            score: Any = scores
            if self.class_aggregation == "uniform_average":
                score = float(scores.mean())
            elif self.class_aggregation is not None:
                score = float((spread * scores).sum() / spread.sum())
        return self._adjusted(score, total[-1])

    def _adjusted(self, score: Any, elements: float) -> Any:
        rest = elements - self.num_regressors - 1
        if not self.num_regressors:
            return score
        if rest <= 0:
            warn_user(
                f"R2Score: {self.num_regressors} regressors are too many for {elements:g} "
                "elements; the score is not adjusted."
            )
            return score
        return 1.0 - (1.0 - score) * (elements - 1.0) / rest


class NSE(_Moments):
    """Nash-Sutcliffe efficiency: 1 is perfect, 0 as good as the targets' mean; mean over features.

    Parameters
    ----------
    name : str, default "nse"
    dtype : optional

    References
    ----------
    Nash & Sutcliffe 1970, "River flow forecasting through conceptual models, part I".
    """

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(dtype, checked_name(name) or "nse")

    def value_of(self, total: np.ndarray) -> float:
        """Return the efficiency."""
        count, y, y_square, _, _, _, errors = total[:-1].reshape(-1, 7).T
        with np.errstate(divide="ignore", invalid="ignore"):
            return float((1.0 - errors / (y_square - y * (y / count))).mean())


class KGE(_Moments):
    """Kling-Gupta efficiency: of correlation, spread and mean together; mean over features.

    Parameters
    ----------
    name : str, default "kge"
    dtype : optional

    References
    ----------
    Gupta, Kling, Yilmaz & Martinez 2009, "Decomposition of the mean squared error and NSE
    performance criteria".
    """

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(dtype, checked_name(name) or "kge")

    def value_of(self, total: np.ndarray) -> float:
        """Return the efficiency."""
        count, y, y_square, p, p_square, product, _ = total[:-1].reshape(-1, 7).T
        with np.errstate(divide="ignore", invalid="ignore"):
            y_mean, p_mean = y / count, p / count
            y_deviation = np.sqrt(y_square / count - y_mean**2)
            p_deviation = np.sqrt(p_square / count - p_mean**2)
            r = (product / count - y_mean * p_mean) / (y_deviation * p_deviation)
            off = (r - 1) ** 2 + (p_deviation / y_deviation - 1) ** 2 + (p_mean / y_mean - 1) ** 2
            return float((1.0 - np.sqrt(off)).mean())
