"""What training aims at: losses and metrics of every output, as `compile` was told and as totals.

Nesting and names are Keras's.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nlstm import losses
from nlstm import metrics as metric_names
from nlstm.arguments.checks import checked_number
from nlstm.kernels.operations import Array, Operations
from nlstm.metrics import KernelMetric, Metric
from nlstm.plan.plan import Call, Plan, Tensor
from nlstm.training.score import Score

__all__ = ["Aim", "Goal", "aims"]


@dataclass
class Aim:
    """What one output is measured by.

    Attributes
    ----------
    name : str
        The output's.
    loss : Loss or None
    share : float
        The loss's weight in the sum over outputs.
    metrics, weighted_metrics : list
        Identifiers; the latter get the sample weights.
    undecided : str or None
        "crossentropy", until the first targets say which one.
    classes : bool
        Without a loss: whether targets are class indices.
    """

    name: str
    loss: losses.Loss | None
    share: float = 1.0
    metrics: list[Any] = field(default_factory=list)
    weighted_metrics: list[Any] = field(default_factory=list)
    undecided: str | None = None
    classes: bool = False

    @property
    def trains(self) -> bool:
        """Whether training makes something small."""
        return bool(self.loss or self.undecided)

    @property
    def needs_target(self) -> bool:
        """Whether the output is compared with anything."""
        return bool(self.trains or self.metrics or self.weighted_metrics)

    @property
    def reading(self) -> losses.Loss:
        """The loss, or one that reads the targets that the metrics do."""
        if self.loss is not None:
            return self.loss
        return losses.SparseCategoricalCrossentropy() if self.classes else losses.MeanSquaredError()

    def settle(self, y: Any, shape: Sequence[int | None]) -> None:
        """Choose by the first targets what compile left open, as Keras does.

        `shape` is that of an output sample.
        """
        if self.loss is not None or y is None or not self.needs_target:
            return
        try:
            given, features = getattr(y, "shape", None) or np.shape(y), shape[-1]
        except ValueError:  # rows of unlike lengths, which are named where y is converted
            return
        self.classes = features != 1 and (len(given) <= len(shape) or given[-1] == 1)
        if self.undecided:
            found: Any = losses.BinaryCrossentropy
            if features != 1:
                found = losses.CategoricalCrossentropy
            if self.classes:
                found = losses.SparseCategoricalCrossentropy
            self.loss, self.undecided = found(name=self.undecided), None

    def resolved(self, features: int) -> tuple[list[Metric], list[Metric]]:
        """Return the metrics, then the weighted ones, for an output of `features`."""
        return self._found(self.metrics, features), self._found(self.weighted_metrics, features)

    def _found(self, identifiers: list[Any], features: int) -> list[Metric]:
        return [metric_names.beside(one, self.reading, features) for one in identifiers]


def aims(
    names: Sequence[str], loss: Any, loss_weights: Any, metric: Any, weighted: Any
) -> list[Aim]:
    """Return what `compile` was told, one entry for each output.

    Raises
    ------
    ValueError, TypeError
        A name is unknown, or a list or dict does not fit the outputs.
    """
    found = [_alone(one) for one in _spread("loss", loss, names)]
    shares = [_alone(one) for one in _spread("loss_weights", loss_weights, names)]
    for share in shares:
        if share is not None:
            checked_number("loss_weights", share)
    several = (
        _spread_lists("metrics", metric, names),
        _spread_lists("weighted_metrics", weighted, names),
    )
    for identifier in (one for part in several for entry in part for one in entry):
        metric_names.check(identifier)
    made = []
    for name, one, share in zip(names, found, shares, strict=True):
        weight = 1.0 if share is None else float(share)
        later = isinstance(one, str) and one.lower() in metric_names.CROSSENTROPY
        aim = Aim(name, None if later else losses.get(one), weight)
        aim.undecided = one if later else None
        made.append(aim)
    for aim, plain, heavy in zip(made, *several, strict=True):
        aim.metrics, aim.weighted_metrics = plain, heavy
        aim.classes = any(metric_names.reads_classes(one) for one in (*plain, *heavy))
    return made


def _alone(loss: Any) -> Any:
    """Return the one loss of a list of one."""
    return loss[0] if isinstance(loss, list | tuple) and len(loss) == 1 else loss


def _spread(what: str, value: Any, names: Sequence[str]) -> list[Any]:
    """Return one entry for each output; what is no list or dict serves all."""
    if isinstance(value, Mapping) and "class_name" not in value:
        _check_names(what, value, names)
        return [value.get(name) for name in names]
    if isinstance(value, list | tuple):
        if len(value) != len(names):
            raise ValueError(
                f"{what} has {len(value)} entries; the model has {len(names)} outputs: "
                f"{', '.join(names)}."
            )
        return list(value)
    return [value] * len(names)


def _spread_lists(what: str, value: Any, names: Sequence[str]) -> list[list[Any]]:
    """Return a list of metrics for each output."""
    if len(names) == 1:
        if isinstance(value, Mapping):
            _check_names(what, value, names)
            value = list(value.values())
        return [_flat(value)]
    if value is not None and not isinstance(value, Mapping | list | tuple):
        raise ValueError(
            f"{what} of a model with several outputs is a list or dict with an entry for each: "
            f"{', '.join(names)}; got {value!r}."
        )
    return [_flat(one) for one in _spread(what, value or None, names)]


def _check_names(what: str, value: Iterable[str], names: Sequence[str]) -> None:
    for name in value:
        if name not in names:
            raise ValueError(f"{what} names {name!r}; the outputs are {', '.join(names)}.")


def _flat(value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        return [value]
    return [one for entry in value for one in _flat(entry)]


class Goal:
    """Losses and metrics with their running totals.

    Parameters
    ----------
    aims : sequence of Aim
    features : sequence of int
        Features of each output.
    ops : Operations

    Attributes
    ----------
    totals : Cell of float64
        What kernels add to: (sum over batches of penalty * rows, rows); (sum over batches of batch
        mean * rows, rows) for each loss; then the totals of each metric.
    """

    def __init__(self, aims: Sequence[Aim], features: Sequence[int], ops: Operations) -> None:
        self.aims = list(aims)
        self._metrics = [aim.resolved(width) for aim, width in zip(aims, features, strict=True)]
        flat = [metric for pair in self._metrics for part in pair for metric in part]
        size = 2 + 2 * len(self.aims) + sum(metric.size for metric in flat)
        self.totals = ops.cell(np.float64, size)
        self._pairs = self.totals.host[: 2 + 2 * len(self.aims)].reshape(-1, 2)
        self._named: list[tuple[str, Metric, np.ndarray]] = []
        self._parts: list[list[list[tuple[Metric, slice]]]] = []
        self._take_metrics(2 + 2 * len(self.aims))

    def _take_metrics(self, start: int) -> None:
        """Give each metric its totals and its name in the logs."""
        several = len(self.aims) > 1
        names: dict[str, int] = {}
        self._parts = [[[], []] for _ in self.aims]
        for heavy in (0, 1):
            for aim, pair, part in zip(self.aims, self._metrics, self._parts, strict=True):
                for metric in pair[heavy]:
                    place = slice(start, start + metric.size)
                    start += metric.size
                    part[heavy].append((metric, place))
                    prefix = f"{aim.name}_" if several else ""
                    name = prefix + metric.name
                    if name in names and heavy:
                        name = f"{prefix}weighted_{metric.name}"
                    names[name] = number = names.get(name, -1) + 1
                    name = f"{name}_{number}" if number else name
                    self._named.append((name, metric, self.totals.host[place]))
        if several:
            self._named.sort(key=lambda entry: entry[0])  # as Keras's evaluate returns them

    @property
    def metrics(self) -> list[Metric]:
        """The metrics, in the order of the logs."""
        return [metric for _, metric, _ in self._named]

    def get_state(self) -> dict[str, np.ndarray]:
        """Return copies of the running sums."""
        self.totals.pull()
        return {"totals": self.totals.host.copy()}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Put the running sums back; raise a ValueError where they are of other metrics."""
        if state["totals"].shape != self.totals.host.shape:
            raise ValueError(
                "The running sums are those of other losses or metrics than compile was given: "
                f"{state['totals'].size} numbers, not {self.totals.host.size}."
            )
        self.totals.host[:] = state["totals"]
        self.totals.push()

    def reset(self) -> None:
        """Start the means anew."""
        self.totals.host[:] = 0.0
        self.totals.push()

    def logs(self) -> dict[str, float]:
        """Return the running means by name, the loss first."""
        self.totals.pull()
        means = [total / rows if rows else 0.0 for total, rows in self._pairs.tolist()]
        loss = means.pop(0)
        for aim, mean in zip(self.aims, means, strict=True):
            loss += mean if aim.share == 1.0 else aim.share * mean
        logs = {"loss": loss}
        with_loss = [
            (aim.name, mean) for aim, mean in zip(self.aims, means, strict=True) if aim.loss
        ]
        if len(with_loss) > 1:
            logs |= {f"{name}_loss": mean for name, mean in with_loss}
        for name, metric, state in self._named:
            value = metric.result(state)
            if isinstance(value, dict):  # of a user's metric: each by its own name, as in Keras
                logs |= value
            else:
                logs[name] = value
        return logs

    def penalty_count(self, plan: Plan) -> Call:
        """Return the call that counts the penalty of a batch."""
        if plan.sums is not None:
            return plan.sums.penalty_count(self.totals.device)
        return plan.ops.count_penalty, (plan.penalty_value, plan.rows, self.totals.device[:2])

    def bind(
        self,
        plan: Plan,
        targets: Sequence[Array | None],
        outputs: Sequence[Tensor],
        weights: Sequence[Array | None],
        activations: Sequence[str | None],
        seen: Callable[[Any, int], Any] = lambda one, number: one,
    ) -> None:
        """Append the calls of losses and metrics.

        `activations` are those whose gradient a loss may take over. `seen` gives what counts in the
        place of a loss or metric of output `number`.
        """
        parts = zip(self.aims, self._parts, strict=True)
        given = zip(targets, outputs, weights, activations, strict=True)
        totals = self.totals.device
        start = 2
        pairs = zip(parts, given, strict=True)
        for number, ((aim, lists), (y, output, weight, activation)) in enumerate(pairs):
            pair, start = start, start + 2
            if y is None:
                continue
            score = Score(plan, y, output, weight)
            if aim.loss is not None:
                score.loss(seen(aim.loss, number), aim.share, activation, totals, pair)
            for heavy, part in enumerate(lists):
                for metric, place in part:
                    score.metric(seen(metric, number), bool(heavy), totals[place])
                    if plan.sums is not None and not isinstance(metric, KernelMetric):
                        plan.sums.keep(place)
