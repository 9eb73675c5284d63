"""One loss as a sum over rows, and what its sum over all ranks is divided by."""

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["PARTS", "LossSums"]

WEIGHED = "mean_with_sample_weight"
PARTS = 4  # numbers of a loss that are added up: its sum, and what the divisor is made of


@dataclass
class LossSums:
    """See `nlstm.plan.sums.Sums.add_loss`."""

    place: int
    reduction: str
    arrays: tuple[Any, Any, Any]
    mask: Any
    ignored: float | None
    gradient: Any
    piece: tuple[int, int] | None = None

    @property
    def divided_by(self) -> Any:
        """What tells its divisor from others; two that are alike have the same."""
        if self.reduction == "sum":
            return "sum"
        return ("rows", self.arrays[1].shape[0]) if self.is_known else id(self)

    @property
    def is_known(self) -> bool:
        """Whether the number of rows alone gives the divisor."""
        plain = self.mask is None and self.ignored is None
        return self.reduction == "sum" or (plain and self.reduction != WEIGHED)

    def write(self, totals: np.ndarray, rows: int, parts: np.ndarray) -> None:
        """Write its numbers of this rank, for a batch of so many rows here."""
        y, p, weight = self.arrays
        total, count = totals[self.place : self.place + 2]
        parts[0] = total / count if count else 0.0
        if self.reduction == "sum":
            return
        if self.reduction == WEIGHED:
            parts[1] = _weights(y, p, weight, self.ignored)
            return
        parts[1] = p.shape[0] * rows if self.mask is None else np.count_nonzero(self.mask)
        if self.ignored is not None:
            parts[2:] = np.count_nonzero(y[..., 0] != self.ignored), y.shape[0] * rows

    def counted(self, parts: np.ndarray, rows: float) -> tuple[float, float]:
        """Return what is added to its two totals, for so many rows everywhere."""
        divisor = self.divisor(parts)
        if self.piece is None:
            return (parts[0] / divisor if divisor else 0.0) * rows, rows
        steps, whole = self.piece
        if self.reduction == "sum":
            return parts[0] * rows * whole, rows * steps
        none_count = self.ignored is not None and not parts[2] and self.reduction != WEIGHED
        return (0.0, 0.0) if none_count or not divisor else (parts[0], divisor)

    def divisor(self, parts: np.ndarray) -> float:
        """Return what the loss of the whole batch is divided by; its parts are those of all."""
        if self.reduction == "sum":
            return 1.0
        counted = parts[2] / parts[3] if parts[2] else 1.0
        return float(parts[1] * counted)

    def divisor_of(self, rows: int) -> float:
        """Return the same where the rows give it."""
        return 1.0 if self.reduction == "sum" else float(self.arrays[1].shape[0] * rows)


def _weights(y: Any, p: Any, weight: Any, ignored: float | None) -> float:
    """Return the sum of the weights of all rows and steps that count."""
    found = np.ones((1, p.shape[1])) if weight is None else weight[..., 0].astype(np.float64)
    if ignored is not None:
        found = np.where(y[..., 0] != ignored, found, 0.0)
    return float(found.sum()) * (p.shape[0] // found.shape[0])
