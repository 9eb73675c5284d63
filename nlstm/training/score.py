"""The calls that compare one output with its targets."""

from typing import Any

from nlstm.kernels.operations import Array
from nlstm.losses import Loss
from nlstm.losses.apart import check_trained_axis
from nlstm.metrics import KernelMetric, Metric
from nlstm.plan.plan import Plan, Tensor

__all__ = ["Score"]

MEANS = ("sum_over_batch_size", "mean")


class Score:
    """The calls that compare one output with its targets."""

    def __init__(self, plan: Plan, y: Array, output: Tensor, weight: Array | None) -> None:
        self.plan, self.y, self.output, self.weight = plan, y, output, weight
        self._masked: dict[tuple[bool, bool], Array] = {}

    def loss(self, loss: Loss, share: float, activation: Any, totals: Array, place: int) -> None:
        """Append the loss, and its gradient in training; its two totals begin at `place`."""
        plan, output = self.plan, self.output
        check_trained_axis(loss, output.sequence)
        gradient, total = plan.input_gradient(output), totals[place : place + 2]
        reduction = getattr(loss, "reduction", MEANS[0])
        weight = self._weight(True, reduction in MEANS and plan.sums is None)
        given = (self.y, output.value, output.features, weight, gradient, total)
        if plan.sums is None:
            loss.bind(plan, *given, activation, output.sequence)
        else:
            loss.bind(plan, *given, activation, output.sequence, "sum")
            ignored = None if loss.in_numpy else getattr(loss, "ignore_class", None)
            arrays = (self.y, output.value, weight)
            piece = getattr(loss, "piece", None)
            plan.sums.add_loss(place, reduction, arrays, output.mask, ignored, gradient, piece)
        if gradient is not None and share != 1.0:
            plan.call(plan.ops.scale, gradient, plan.dtype.type(share), gradient)

    def metric(self, metric: Metric, heavy: bool, state: Array) -> None:
        """Append a metric; only a `heavy` one gets the sample weights, all get the mask."""
        plan, output = self.plan, self.output
        if isinstance(metric, KernelMetric):
            check_trained_axis(metric, output.sequence)
        weight = self._weight(heavy, False)
        given = (self.y, output.value, output.features, weight, state)
        metric.bind(plan, *given, output.sequence)

    def _weight(self, heavy: bool, scaled: bool) -> Array | None:
        """Return the weights of rows and steps that count, or None where all count the same."""
        own = self.weight if heavy else None
        mask = self.output.mask
        if mask is None:
            return own
        key = (own is not None, scaled)
        if key not in self._masked:
            self._masked[key] = out = self.plan.array((*mask.shape, 1))
            self.plan.call(self.plan.ops.weights_from_mask, mask, own, scaled, out)
        return self._masked[key]
