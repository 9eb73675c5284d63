"""Penalties on weights or outputs that the loss grows by, by Keras's names and formulas."""

from typing import Any

import numpy as np

from nlstm.arguments.checks import checked_choice, checked_number
from nlstm.arguments.config import Configured, overridden
from nlstm.arguments.registry import Registry
from nlstm.plan.parameters import Parameter
from nlstm.plan.plan import Plan, Tensor

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "bind_activity",
    "get",
    "l1",
    "l1_l2",
    "l2",
]


class Regularizer(Configured):
    """The interface; subclass it for a penalty of your own, written in NumPy."""

    def __call__(self, x: np.ndarray) -> Any:
        """Return the penalty on `x`."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(x).")

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """Return the slopes of the penalty in `x`, in its shape."""
        raise NotImplementedError(
            f"{type(self).__name__} must define gradient(x), the slopes of its penalty: nlstm does "
            "not differentiate Python code."
        )

    def penalty(self, x: np.ndarray) -> float:
        """Return what `__call__` gives, which must be one number."""
        found = np.asarray(self(x))
        if found.size != 1:
            raise ValueError(
                f"{type(self).__name__}: __call__ must return one number; got shape {found.shape}."
            )
        return float(found.reshape(()))

    def slopes(self, x: np.ndarray) -> np.ndarray:
        """Return what `gradient` gives, which must have the shape of `x`."""
        found = np.asarray(self.gradient(x))
        if found.shape != x.shape:
            raise ValueError(
                f"{type(self).__name__}: gradient must have x's shape {x.shape}; got {found.shape}."
            )
        return found

    @property
    def in_numpy(self) -> bool:
        """Whether a user wrote it."""
        return overridden(self, "__call__", "gradient")

    def check(self) -> None:
        """Raise unless training can use it."""
        own = overridden(self, "__call__") and not overridden(self, "gradient")
        if own or type(self).gradient is Regularizer.gradient:
            raise NotImplementedError(
                f"{type(self).__name__} must define gradient(x), the slopes of its penalty: nlstm "
                "does not differentiate Python code."
            )

    def bind(self, plan: Plan, parameter: Parameter) -> None:
        """Let `plan` add the penalty on a parameter to the loss, and its slopes to the gradient."""
        training = plan.training

        def add(packed: np.ndarray, gradient: np.ndarray, total: np.ndarray) -> None:
            value = parameter.unpack(packed)
            total[0] += self.penalty(value)
            if training:
                gradient += parameter.pack(self.slopes(value))

        given = (parameter.packed, parameter.gradient, plan.penalty_value)
        plan.penalties.append(plan.ops.host(add, given, given[1:], *given))


class L1L2(Regularizer):
    """``l1 * sum(abs(x)) + l2 * sum(x**2)``.

    Parameters
    ----------
    l1, l2 : float, default 0.0
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1, self.l2 = (
            checked_number("l1", 0.0 if l1 is None else l1, 0),
            checked_number("l2", 0.0 if l2 is None else l2, 0),
        )

    def __call__(self, x: np.ndarray) -> float:
        """Return the penalty on `x`."""
        x = np.asarray(x, np.float64)
        return self.l1 * float(np.abs(x).sum()) + self.l2 * float((x * x).sum())

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """Return the slopes of the penalty in `x`."""
        return self.l1 * np.sign(x) + 2.0 * self.l2 * np.asarray(x)

    def bind(self, plan: Plan, parameter: Parameter) -> None:
        """Let `plan` add the penalty on a parameter to the loss, and its slopes to the gradient."""
        if self.in_numpy:
            super().bind(plan, parameter)
            return
        value, gradient = parameter.packed.reshape(1, -1), parameter.gradient.reshape(1, -1)
        wanted = gradient if plan.training else gradient[:0]
        self.bind_array(plan, plan.penalty, value, value.size, wanted, 1.0)

    def bind_array(
        self, plan: Plan, call: Any, value: Any, features: int, gradient: Any, share: float
    ) -> None:
        """Append a call for arrays (R, S) of so many features; `gradient` may have no row."""
        given = value, features, self.l1, self.l2, share, gradient, plan.penalty_value
        call(plan.ops.penalty, *given)


class L1(L1L2):
    """``l1 * sum(abs(x))``.

    Parameters
    ----------
    l1 : float, default 0.01
    """

    def __init__(self, l1: float = 0.01) -> None:
        super().__init__(checked_number("l1", 0.01 if l1 is None else l1, 0), 0.0)


class L2(L1L2):
    """``l2 * sum(x**2)``.

    Parameters
    ----------
    l2 : float, default 0.01
    """

    def __init__(self, l2: float = 0.01) -> None:
        super().__init__(0.0, checked_number("l2", 0.01 if l2 is None else l2, 0))


class OrthogonalRegularizer(Regularizer):
    """Mean cosine between the rows, or columns, of a matrix, times `factor`; of one alone, 0.

    Parameters
    ----------
    factor : float, default 0.01
    mode : {"rows", "columns"}
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        checked_choice("mode", mode, ("rows", "columns"))
        self.factor, self.mode = (
            checked_number("factor", 0.01 if factor is None else factor, 0),
            mode,
        )

    def _parts(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        if x.ndim != 2:
            raise ValueError(f"OrthogonalRegularizer needs an array of two axes; got {x.shape}.")
        rows = x if self.mode == "rows" else x.T
        lengths = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-7)
        unit = rows / lengths
        products = unit @ unit.T
        np.fill_diagonal(products, 0.0)
        return unit, lengths, products, max(len(rows) * (len(rows) - 1.0) / 2.0, 1.0)

    def __call__(self, x: np.ndarray) -> float:
        """Return the penalty on `x`."""
        _, _, products, pairs = self._parts(np.asarray(x))
        return self.factor * 0.5 * float(np.abs(products).sum()) / pairs

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """Return the slopes of the penalty in `x`."""
        unit, lengths, products, pairs = self._parts(np.asarray(x))
        along = self.factor / pairs * np.sign(products) @ unit
        slopes = (along - unit * (along * unit).sum(axis=1, keepdims=True)) / lengths
        return slopes if self.mode == "rows" else slopes.T


# Keras's names for them as functions
l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer

REGISTRY = Registry(
    "regularizer",
    Regularizer,
    {"l1": L1, "l1_l2": L1L2, "l2": L2, "orthogonal_regularizer": OrthogonalRegularizer},
    {"l1l2": L1L2},
)


def get(identifier: Any) -> Regularizer | None:
    """Return the regularizer for a name, an object or a class; None for None.

    Raises
    ------
    ValueError
        The name is unknown.
    TypeError
        `identifier` is nothing of these; for a function the error says how to give its gradient.
    """
    if identifier is None:
        return None
    if callable(identifier) and not isinstance(identifier, Regularizer | type):
        raise TypeError(
            f"The regularizer {getattr(identifier, '__name__', identifier)!r} is a function, and "
            "nlstm does not differentiate Python code: subclass nlstm.regularizers.Regularizer "
            "with __call__(x) and gradient(x)."
        )
    found = REGISTRY.get(identifier, "an nlstm.regularizers.Regularizer")
    found.check()
    return found


def bind_activity(regularizer: Regularizer | None, plan: Plan, y: Tensor) -> None:
    """Let `plan` add the penalty on a layer's output, over the batch's rows, to the loss.

    Call it once the layer's own calls are bound, before `y` is given on. The layer's activation
    must not be fused with the loss.
    """
    if regularizer is None or not plan.scored:
        return
    if not (y.sequence or plan.ends):
        plan.penalised = True  # by nothing, so that the piece counts as one without a penalty
        return
    gradient = plan.input_gradient(y)
    if gradient is not None:
        plan.call(plan.ops.fill, gradient, 0.0)
        if plan.sums is not None:
            plan.sums.by_rows(gradient)
    share = 1.0 / y.rows
    if isinstance(regularizer, L1L2) and not regularizer.in_numpy:
        value = y.value.reshape(-1, y.value.shape[-1])
        wanted = value[:0] if gradient is None else gradient.reshape(-1, gradient.shape[-1])
        regularizer.bind_array(plan, plan.call, value, y.features, wanted, share)
        return
    rows, steps, features, sequence = y.rows, y.steps, y.features, y.sequence

    def add(output: np.ndarray, gradient: np.ndarray | None, total: np.ndarray) -> None:
        value = output[:, :, :features].swapaxes(0, 1)
        value = np.ascontiguousarray(value if sequence else value[:, 0])
        total[0] += regularizer.penalty(value) * share
        if gradient is not None:
            slopes = regularizer.slopes(value).reshape(rows, steps, features)
            gradient[:, :, :features] = share * slopes.swapaxes(0, 1)

    given = (y.value, gradient, plan.penalty_value)
    plan.host(add, given, given[1:], *given)
