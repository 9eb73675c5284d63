"""One batch of one shape, ready to run: gather rows, go forward, in training back and update."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from nlstm.data import Data
from nlstm.losses import Loss
from nlstm.metrics import Metric
from nlstm.plan import Call, Plan, Tensor

__all__ = ["Goal", "Step"]


class Goal:
    """What outputs are measured by: the loss and the metrics, with their running sums.

    Parameters
    ----------
    loss : Loss
    metrics : list of Metric

    Attributes
    ----------
    totals : ndarray(float64), shape (1 + number of metrics, 2)
        Rows that kernels add to: (sum over batches of batch mean * rows, rows).
    """

    def __init__(self, loss: Loss, metrics: list[Metric]) -> None:
        self.loss = loss
        self.metrics = metrics
        self.totals = np.zeros((1 + len(metrics), 2))

    def reset(self) -> None:
        """Start the means anew."""
        self.totals[:] = 0.0

    def logs(self) -> dict[str, float]:
        """Return the running means by name, the loss first."""
        total, rows = self.totals[0].tolist()
        logs = {"loss": total / rows if rows else 0.0}
        for metric, sums in zip(self.metrics, self.totals[1:], strict=True):
            logs[metric.name] = metric.result(sums)
        return logs

    def bind(self, plan: Plan, y: np.ndarray, output: Tensor, weight: Any, activation: Any) -> None:
        """Append the calls of loss and metrics to `plan`."""
        function = plan.ops.loss(self.loss.kernel_name(activation))
        features, p = output.features, output.value
        gradient = plan.input_gradient(output)
        plan.call(function, y, p, features, weight, gradient, self.totals[0])
        for metric, total in zip(self.metrics, self.totals[1:], strict=True):
            plan.call(plan.ops.loss(metric.kernel), y, p, features, None, None, total)


@dataclass
class Step:
    """The bound calls of one batch.

    Attributes
    ----------
    index : ndarray(int64), shape (N,)
        The rows of the data that the next run takes; write it before running.
    x : Tensor
        The input.
    output : Tensor
    target, weight : ndarray or None
        Where targets (Ty, N, C) and sample weights (Tw, N, 1) go.
    calls : list of Call
        Everything after the gathering.
    """

    index: np.ndarray
    x: Tensor
    output: Tensor
    target: np.ndarray | None
    weight: np.ndarray | None
    calls: list[Call]

    def calls_on(self, ops: Any, data: Data) -> list[Call]:
        """Return all calls for batches taken from `data`."""
        feeds: list[Call] = [(ops.gather_steps, (data.x, self.index, self.x.value))]
        if self.target is not None:
            feeds.append((ops.gather_steps, (data.y, self.index, self.target)))
        if self.weight is not None:
            feeds.append((ops.gather_steps, (data.weight, self.index, self.weight)))
        return feeds + self.calls
