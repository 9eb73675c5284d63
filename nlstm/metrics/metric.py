"""The interface of a metric: sums that a kernel makes in training, or a user's own in NumPy."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nlstm.arguments.checks import checked_array, checked_dtype, checked_name
from nlstm.arguments.config import Configured, overridden
from nlstm.arguments.names import snake_case
from nlstm.arguments.quiet import quietly
from nlstm.kernels.operations import Array, Operations
from nlstm.losses.apart import along, as_steps, bound_apart, by_step
from nlstm.metrics.variable import Variable
from nlstm.plan.plan import Plan

__all__ = ["InNumpy", "KernelMetric", "Metric", "safe_ratio"]

Function = Callable[..., None]


class Metric(Configured):
    """A number reported beside the loss. Subclass it for one of your own, as in Keras.

    A subclass defines `update_state` and `result`, and `reset_state` unless all that it sums up is
    made by `add_weight`; it is called with NumPy arrays after each batch. A subclass of one of
    nlstm's metrics may define some of them.

    Parameters
    ----------
    dtype : optional
        Kept for Keras's sake; sums are float64.
    name : str, optional
        Its key in the logs.

    Attributes
    ----------
    sparse : bool or None
        Whether it reads class indices; None if it does not say.
    size : int
        How many sums a trainer keeps for it.
    """

    sparse: bool | None = None
    default_name: str | None = None
    size = 0

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self.dtype = checked_dtype(dtype, integers=True)
        self.name = checked_name(name) or self.default_name or snake_case(type(self).__name__)
        self.variables: list[Variable] = []

    def add_variable(
        self,
        shape: tuple[int, ...],
        initializer: Any = None,
        dtype: Any = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """Return a number or array to sum up in, which `reset_state` sets to 0, as in Keras."""
        if not hasattr(self, "variables"):
            raise RuntimeError(f"{type(self).__name__} must call super().__init__(name=...) first.")
        made = Variable(shape, initializer, dtype, name)
        self.variables.append(made)
        return made

    def add_weight(
        self,
        shape: tuple[int, ...] = (),
        initializer: Any = None,
        dtype: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Return what `add_variable` does."""
        return self.add_variable(shape, initializer, dtype, name=name)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch."""
        raise NotImplementedError(f"{type(self).__name__} must define update_state.")

    def result(self, total: np.ndarray | None = None) -> Any:
        """Return the metric over all batches since `reset_state`; `total` is a trainer's own."""
        raise NotImplementedError(f"{type(self).__name__} must define result.")

    def reset_state(self) -> None:
        """Start anew, with what metrics among the attributes have summed up too."""
        inner = [one for one in vars(self).values() if isinstance(one, Metric)]
        if not getattr(self, "variables", ()) and not inner:
            raise NotImplementedError(f"{type(self).__name__} must define reset_state.")
        for variable in self.variables:
            variable.assign(np.zeros(variable.shape))
        for one in inner:
            one.reset_state()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Take in one batch, given as to `update_state`, and return the result."""
        self.update_state(*args, **kwargs)
        return self.result()

    def bind(
        self,
        plan: Plan,
        y: Array,
        p: Array,
        features: int,
        weight: Array | None,
        total: Array,
        sequence: bool | None = None,
    ) -> None:
        """Append what adds a batch to a trainer's sums; arrays as of `Loss.bind`.

        Where the steps of the outputs do not mean time, a user's metric sees arrays without that
        axis; by default they do where there are several.
        """
        InNumpy(self).bind(plan, y, p, features, weight, total, sequence)


class KernelMetric(Metric):
    """A metric whose sums a kernel makes. In training they belong to the trainer.

    Attributes
    ----------
    features : int
        Of the outputs that it looks at.
    """

    sparse: bool | None = False
    features = 1
    axis = -1
    by_row = False  # whether the steps of a row share what it counts: sums are over their number
    by_element = False  # whether one axis alone is rows of one feature, not one row
    is_mean = False  # of values by row; then one weight for a whole batch counts once
    _total: np.ndarray | None = None

    @property
    def in_numpy(self) -> bool:
        """Whether a user's class has written some of it anew."""
        return overridden(self, "update_state", "result", "reset_state")

    def check_features(self, features: int) -> None:
        """Raise where outputs of so many features cannot be measured."""

    def sums(self, features: int) -> int:
        """Return how many sums `function` adds to for outputs of so many features."""
        return 2

    @property
    def size(self) -> int:  # type: ignore[override]
        """How many sums there are."""
        return self.sums(self.features)

    def target_features(self, features: int) -> int:
        """Return the columns of y for outputs of so many features."""
        return 1 if self.sparse else features

    def function(self, ops: Operations) -> Function:
        """Return function(y, p, features, weight, dp, total) for the kernels' arrays."""
        raise NotImplementedError

    def bind(
        self,
        plan: Plan,
        y: Array,
        p: Array,
        features: int,
        weight: Array | None,
        total: Array,
        sequence: bool | None = None,
    ) -> None:
        """Append what adds a batch to `total`."""
        plan.call(self.function(plan.ops), y, p, features, weight, None, total)

    def value_of(self, total: np.ndarray) -> Any:
        """Return the metric that follows from the sums: their mean."""
        return safe_ratio(total[0], total[1])

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch of (rows, features) or (rows, steps, features).

        Weights are one number, one a row, one a row and step, or, where `element_sums` says so, one
        for each element.
        """
        y_pred, weight = checked_array("y_pred", y_pred), sample_weight
        if self.axis != -1:
            y_true, y_pred = along(self.axis, y_true, y_pred)
        if y_pred.ndim == 1 and self.by_element:  # one feature, left out
            y_pred = y_pred[:, None]
        if weight is not None:
            weight = checked_array("sample_weight", weight)
        features = y_pred.shape[-1] if y_pred.ndim else 1
        parts = self.element_sums(features) if _is_by_element(weight, y_pred) else []
        if parts:
            elements, weight = weight, None
        y, p, weight, _ = as_steps(y_true, y_pred, weight, self.target_features)
        self.check_features(features)
        self.check_targets(y, features)
        self._make_sums(features)
        if parts:
            self._add_elements(y, p, np.broadcast_to(elements, y_pred.shape), parts)
            return
        if self.is_mean and weight is not None and np.ndim(sample_weight) == 0:
            weight = weight / p.dtype.type(p.shape[1])
        self._add(y, p, weight, slice(None))

    def _make_sums(self, features: int) -> None:
        if self._total is None:
            self._total = np.zeros(self.sums(features))
        if self._total.size != self.sums(features):
            raise ValueError(
                f"{self.name} has sums for y_pred of fewer or more than {features} features: "
                "reset_state() starts anew."
            )

    def _add(self, y: np.ndarray, p: np.ndarray, weight: np.ndarray | None, place: Any) -> None:
        """Add arrays as of `as_steps` to the sums at `place`."""
        assert self._total is not None
        found = self._total[place]
        plan, _, sums = bound_apart(self.bind, y, p, weight, found.size)
        sums.host[:] = found
        sums.push()
        plan.ops.program(plan.forward)()
        sums.pull()
        self._total[place] = sums.host

    def element_sums(self, features: int) -> list[tuple[slice, Any]]:
        """Return which features go into which sums where each element has a weight of its own.

        An element is taken for a row of one feature. By default it can have none.
        """
        return []

    def chosen(self, p: np.ndarray) -> np.ndarray:
        """Return predictions (steps, rows, features) as elements show them."""
        return p

    def _add_elements(
        self, y: np.ndarray, p: np.ndarray, weight: np.ndarray, parts: list[tuple[slice, Any]]
    ) -> None:
        y, p = np.broadcast_to(y, p.shape), self.chosen(p)
        weight = by_step(weight.astype(p.dtype), p.shape[2])
        if self.is_mean:
            weight = weight / p.dtype.type(p.shape[0] * p.shape[2])
        for columns, place in parts:
            y_alone, p_alone, weight_alone = (
                np.ascontiguousarray(one[..., columns]).reshape(1, -1, 1) for one in (y, p, weight)
            )
            self._add(y_alone, p_alone, weight_alone, place)

    def check_targets(self, y: np.ndarray, features: int) -> None:
        """Raise where class indices in y, of `as_steps`, would be of no class."""

    def result(self, total: np.ndarray | None = None) -> Any:
        """Return the metric over all batches since `reset_state`, or from a trainer's sums."""
        if total is None:
            total = self._total
        if total is None:
            return 0.0
        # There may be sums of infinite targets or weights.
        return quietly(self.value_of, total, invalid="ignore", over="ignore")

    def reset_state(self) -> None:
        """Start anew."""
        self._total = None


def _is_by_element(weight: np.ndarray | None, p: np.ndarray) -> bool:
    """Whether weights have the features' axis too, and their size there."""
    if weight is None or weight.ndim != p.ndim or p.shape[-1:] in ((), (1,)):
        return False
    fits = zip(weight.shape, p.shape, strict=True)
    return weight.shape[-1] == p.shape[-1] and all(n in (1, most) for n, most in fits)


class InNumpy(Metric):
    """A user's metric for a trainer, which owns sums and zeroes them.

    Its one sum counts batches; at 0 the metric starts anew.
    """

    size = 1
    sparse = None

    def __init__(self, metric: Metric) -> None:
        self.metric, self.name = metric, metric.name

    def bind(
        self,
        plan: Plan,
        y: Array,
        p: Array,
        features: int,
        weight: Array | None,
        total: Array,
        sequence: bool | None = None,
    ) -> None:
        """Append the call that hands a batch to the metric."""
        given = (y, p, features, weight, total, sequence)
        update = self._update if plan.sums is None else plan.sums.over_all(self._update)
        plan.host(update, (y, p, weight, total), (total,), *given)

    def _update(
        self, y: Any, p: Any, features: int, weight: Any, total: np.ndarray, sequence: bool | None
    ) -> None:
        if total[0] == 0:
            self.metric.reset_state()
        total[0] += 1
        y_true, y_pred = y.swapaxes(0, 1).copy(), p[:, :, :features].swapaxes(0, 1).copy()
        weights = None if weight is None else weight[:, :, 0].T.copy()
        if not (p.shape[0] > 1 if sequence is None else sequence):
            y_true, y_pred = y_true[:, 0], y_pred[:, 0]
        if weights is not None and weights.shape[1] == 1:
            weights = weights[:, 0]
        self.metric.update_state(y_true, y_pred, weights)

    def result(self, total: np.ndarray | None = None) -> Any:
        """Return the metric's result."""
        if total is not None and total[0] == 0:
            self.metric.reset_state()
        return self.metric.result()


def safe_ratio(numerator: Any, denominator: Any) -> Any:
    """Return the quotient, and 0 where the denominator is 0."""
    top, bottom = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    found = np.divide(top, bottom, out=np.zeros(np.broadcast(top, bottom).shape), where=bottom != 0)
    return float(found) if found.ndim == 0 else found
