"""`Track`: the latest errors of one step and target, in order, and what is let outside of them."""

import bisect
from collections import deque

import numpy as np

from nlstm.windows.residuals import rank

__all__ = ["Track"]


class Track:
    """The latest errors of one step and target, and the share that is let outside."""

    def __init__(self, level: float, window: int | None, gamma: float) -> None:
        self.target = self.outside = 1.0 - level
        self.gamma, self.window = gamma, window
        self.latest: deque[float] = deque()
        self.ordered: list[float] = []

    def quantile(self) -> float:
        """Return how far the next truth may be off."""
        count = len(self.ordered)
        place = rank(count, 1.0 - self.outside)
        return np.inf if place > count else self.ordered[max(place, 1) - 1]

    def learn(self, error: float, allowed: float | None) -> None:
        """Take an error in; `allowed` is what its interval let pass, None for no judgement."""
        if allowed is not None and self.gamma:
            missed = error > allowed or self.outside >= 1.0
            self.outside += self.gamma * (self.target - missed)
        if self.window is not None and len(self.latest) == self.window:
            del self.ordered[bisect.bisect_left(self.ordered, self.latest.popleft())]
        self.latest.append(error)
        bisect.insort(self.ordered, error)

    def run(self, scores: np.ndarray, before: np.ndarray, start: int) -> np.ndarray:
        """Return the quantile of each from `start` on; `before` counts those known by then."""
        found = np.empty(scores.size - start)
        learnt = 0
        for row in range(start, scores.size + 1):
            until = scores.size if row == scores.size else int(before[row])
            for one in range(learnt, until):
                self.learn(float(scores[one]), found[one - start] if one >= start else None)
            learnt = until
            if row < scores.size:
                found[row - start] = self.quantile()
        return found
