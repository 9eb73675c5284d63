"""F scores: harmonic means of precision and recall."""

from typing import Any

import numpy as np

from nlstm.arguments.checks import checked_choice, checked_number
from nlstm.kernels.operations import Operations
from nlstm.metrics.metric import Function, KernelMetric

__all__ = ["F1Score", "FBetaScore"]

EPSILON = 1e-7  # Keras's


class FBetaScore(KernelMetric):
    """Weighted harmonic mean of precision and recall.

    Parameters
    ----------
    average : {None, "micro", "macro", "weighted"}, default None
        None gives an array, a score for each feature.
    beta : float, default 1.0
        How many times more recall counts than precision.
    threshold : float, optional
        Predictions above it are positive; by default the largest of each row is.
    name : str, default "fbeta_score"
    dtype : optional
    """

    default_name = "fbeta_score"

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        if average is not None:
            checked_choice("average", average, ("micro", "macro", "weighted"))
        self.average, self.beta = average, checked_number("beta", beta, above=0)
        if threshold is not None:
            threshold = checked_number("threshold", threshold, above=0, at_most=1)
        self.threshold = threshold

    def sums(self, features: int) -> int:
        """Return how many sums `function` adds to for outputs of so many features."""
        return 4 * features

    def function(self, ops: Operations) -> Function:
        """Return function(y, p, features, weight, dp, total) for the kernels' arrays."""
        return ops.statistic("f_scores", np.nan if self.threshold is None else self.threshold)

    def value_of(self, total: np.ndarray) -> Any:
        """Return the score, or the scores."""
        sums = total.reshape(-1, 4)
        true, false, missed, truth = (sums.sum(axis=0) if self.average == "micro" else sums).T
        precision, recall = true / (true + false + EPSILON), true / (true + missed + EPSILON)
        square = self.beta**2
        scores = precision * recall / (square * precision + recall + EPSILON) * (1.0 + square)
        if self.average is None:
            return scores
        if self.average == "weighted":
            return float((scores * truth).sum() / (truth.sum() + EPSILON))
        return float(np.mean(scores))


class F1Score(FBetaScore):
    """Harmonic mean of precision and recall.

    Parameters
    ----------
    average, threshold, dtype
        See `FBetaScore`.
    name : str, default "f1_score"
    """

    default_name = "f1_score"

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)
