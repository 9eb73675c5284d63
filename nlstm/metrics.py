"""Metrics by Keras's names: means that loss kernels sum, followed by at most a square root."""

import math
from typing import Any

from nlstm import losses
from nlstm.config import Configured
from nlstm.names import unknown_name

__all__ = ["Metric", "get"]


class Metric(Configured):
    """A number reported beside the loss.

    Parameters
    ----------
    kernel : str
        Name of the loss or metric function that sums it.
    name : str, optional
        Its key in the logs; by default the kernel's name.
    sparse : bool
        Whether it reads class indices.
    root : bool
        Whether the result is the square root of the mean.
    """

    def __init__(
        self, kernel: str, name: str | None = None, sparse: bool = False, root: bool = False
    ) -> None:
        self.kernel = kernel
        self.name = name or kernel
        self.sparse = sparse
        self.root = root

    size = 2  # numbers of its running totals

    def calls(
        self, ops: Any, y: Any, p: Any, features: int, weight: Any, total: Any
    ) -> list[tuple[Any, tuple[Any, ...]]]:
        """Return the calls that add a batch to `total`; arguments as those of `ops.loss`."""
        calls: list[Any] = [(ops.loss(self.kernel), (y, p, features, weight, None, total))]
        if weight is not None:
            calls.append((ops.count_weights, (weight, total)))
        return calls

    def result(self, total: Any) -> float:
        """Return the metric from the kernel's (sum, rows)."""
        mean = float(total[0]) / float(total[1]) if total[1] else math.nan
        return math.sqrt(mean) if self.root else mean


ACCURACY = ("accuracy", "acc")
KERNELS: dict[str, dict[str, Any]] = {
    **{
        name: {"kernel": found.kernel, "sparse": found.sparse}
        for name, found in losses.BY_NAME.items()
    },
    "root_mean_squared_error": {"kernel": "mean_squared_error", "root": True},
    "RootMeanSquaredError": {"kernel": "mean_squared_error", "root": True},
    "rmse": {"kernel": "mean_squared_error", "root": True},
    "binary_accuracy": {"kernel": "binary_accuracy"},
    "BinaryAccuracy": {"kernel": "binary_accuracy"},
    "categorical_accuracy": {"kernel": "categorical_accuracy"},
    "CategoricalAccuracy": {"kernel": "categorical_accuracy"},
    "sparse_categorical_accuracy": {"kernel": "sparse_categorical_accuracy", "sparse": True},
    "SparseCategoricalAccuracy": {"kernel": "sparse_categorical_accuracy", "sparse": True},
}


def check(identifier: Any) -> None:
    """Raise what `get` would raise, before the output is known."""
    get(identifier, losses.MeanSquaredError(), 1)


def get(identifier: Any, loss: losses.Loss, features: int) -> Metric:
    """Return the metric for a name or an object.

    Parameters
    ----------
    identifier : str or Metric
        "accuracy" picks the binary, categorical or sparse categorical one.
    loss : Loss
        The model's loss, which says what targets look like.
    features : int
        Features of the model's output.

    Raises
    ------
    ValueError
        The name is unknown.
    TypeError
        `identifier` is nothing of these.
    """
    if isinstance(identifier, Metric):
        return identifier
    if not isinstance(identifier, str):
        raise TypeError(f"A metric is a name or an nlstm.metrics.Metric; got {identifier!r}.")
    if identifier in ACCURACY:
        if loss.sparse:
            return Metric("sparse_categorical_accuracy", identifier, sparse=True)
        return Metric("binary_accuracy" if features == 1 else "categorical_accuracy", identifier)
    if identifier not in KERNELS:
        raise unknown_name("metric", identifier, [*KERNELS, *ACCURACY])
    return Metric(**KERNELS[identifier], name=identifier)
