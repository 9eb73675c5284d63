"""What callbacks that watch one of the logs share: which way is better, and by how much."""

from typing import Any

import numpy as np

from nlstm.training.hooks import Callback

__all__ = ["Monitor", "absent_from"]

MODES = ("auto", "min", "max")
# Metrics that grow as the model gets better, by the ends of their names; the rest are errors.
GROWING = (
    "acc",
    "accuracy",
    "auc",
    "cosine_similarity",
    "f1",
    "f1_score",
    "f_beta_score",
    "fbeta_score",
    "iou",
    "io_u",
    "kge",
    "nse",
    "precision",
    "r2",
    "r2_score",
    "recall",
    "sensitivity",
    "specificity",
    "true_negatives",
    "true_positives",
)


def absent_from(logs: dict[str, Any], monitor: str) -> str:
    """Return what is said of a log that there is not, from "is not among" on."""
    hint = ""
    if monitor.startswith("val_") and not any(name.startswith("val_") for name in logs):
        hint = "; validation_data= or validation_split= of fit gives it"
    return f"is not among the logs: {', '.join(logs)}{hint}."


class Monitor(Callback):
    """A callback that watches a number.

    Parameters
    ----------
    monitor : str
        Its name in the logs.
    mode : {"auto", "min", "max"}
        Which is better, less or more. "auto" asks the metric of that name, else goes by the name:
        more for accuracies and the like.
    best : float, optional
        The value to beat at first.
    min_delta : float
        A smaller change counts as none.
    """

    def __init__(
        self, monitor: str, mode: str, best: float | None = None, min_delta: float = 0
    ) -> None:
        if mode not in MODES:
            raise ValueError(f"mode must be 'auto', 'min' or 'max'; got {mode!r}.")
        self.monitor, self.mode = monitor, mode
        self.best, self.min_delta = best, abs(min_delta)

    def _more_is_better(self) -> bool:
        if self.mode != "auto":
            return self.mode == "max"
        name = self.monitor.removeprefix("val_")
        for metric in _metrics_of(self.model):
            if getattr(metric, "name", None) == name and getattr(metric, "direction", None):
                return metric.direction == "up"
        return name.rstrip("_0123456789").endswith(GROWING) or name.endswith(GROWING)

    def _is_improvement(self, current: float, reference: float | None) -> bool:
        if np.ndim(current):
            raise TypeError(
                f"{type(self).__name__} watches {self.monitor!r}, which is {np.size(current)} "
                "numbers; it needs one. A metric's average or class_aggregation makes one."
            )
        if reference is None:
            return True
        if self._more_is_better():
            return current - self.min_delta > reference
        return current + self.min_delta < reference


def _metrics_of(model: Any) -> list[Any]:
    found = getattr(model, "metrics", None)
    return found if isinstance(found, list) else []
