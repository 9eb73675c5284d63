"""Learning rates that change with the steps taken, by Keras's names and formulas."""

import math
from collections.abc import Sequence
from typing import Any

from nlstm.arguments.checks import (
    checked_flag,
    checked_name,
    checked_number,
    checked_numbers,
    is_number,
)
from nlstm.arguments.config import Configured

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
]


def _number(name: str, value: Any, at_least: float | None = None, **limits: Any) -> Any:
    """Return the number as it came, a whole one too: rates are computed from it to the bit."""
    found = checked_number(name, value, at_least, **limits)
    return value if is_number(value) else found


class LearningRateSchedule(Configured):
    """The interface: called with the number of steps taken, it returns the next one's rate."""

    def __call__(self, step: int) -> float:
        """Return the learning rate after `step` steps."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(step).")


class ExponentialDecay(LearningRateSchedule):
    """``initial_learning_rate * decay_rate ** (step / decay_steps)``.

    Parameters
    ----------
    initial_learning_rate, decay_steps, decay_rate : float
    staircase : bool, default False
        Whether the exponent is rounded down.
    name : str
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        self.initial_learning_rate = _number("initial_learning_rate", initial_learning_rate)
        self.decay_steps = _number("decay_steps", decay_steps, above=0)
        self.decay_rate = _number("decay_rate", decay_rate)
        self.staircase = checked_flag("staircase", staircase)
        self.name = checked_name(name)

    def __call__(self, step: int) -> float:
        """Return the learning rate after `step` steps."""
        part = step / self.decay_steps
        return self.initial_learning_rate * self.decay_rate ** (
            math.floor(part) if self.staircase else part
        )


class InverseTimeDecay(ExponentialDecay):
    """``initial_learning_rate / (1 + decay_rate * step / decay_steps)``.

    Parameters
    ----------
    initial_learning_rate, decay_steps, decay_rate : float
    staircase : bool, default False
        Whether ``step / decay_steps`` is rounded down.
    name : str
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def __call__(self, step: int) -> float:
        """Return the learning rate after `step` steps."""
        part = step / self.decay_steps
        part = math.floor(part) if self.staircase else part
        return self.initial_learning_rate / (1.0 + self.decay_rate * part)


class PiecewiseConstantDecay(LearningRateSchedule):
    """``values[i]`` up to and with step ``boundaries[i]``, then the next one.

    Parameters
    ----------
    boundaries : sequence of float
        Ascending.
    values : sequence of float
        One more than the boundaries.
    name : str
    """

    def __init__(
        self,
        boundaries: Sequence[float],
        values: Sequence[float],
        name: str = "PiecewiseConstant",
    ) -> None:
        self.boundaries = checked_numbers("boundaries", boundaries)
        self.values = checked_numbers("values", values)
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                f"values must be one more than boundaries; got {len(values)} and {len(boundaries)}."
            )
        if self.boundaries != sorted(self.boundaries):
            raise ValueError(f"boundaries must ascend; got {boundaries!r}.")
        self.name = checked_name(name)

    def __call__(self, step: int) -> float:
        """Return the learning rate after `step` steps."""
        for boundary, value in zip(self.boundaries, self.values, strict=False):
            if step <= boundary:
                return float(value)
        return float(self.values[-1])


class PolynomialDecay(LearningRateSchedule):
    """From `initial_learning_rate` to `end_learning_rate` along a power of the steps left.

    Parameters
    ----------
    initial_learning_rate, decay_steps : float
    end_learning_rate : float, default 0.0001
    power : float, default 1.0
    cycle : bool, default False
        Whether it begins anew, with ever longer ramps, when the steps are spent.
    name : str
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        self.initial_learning_rate = _number("initial_learning_rate", initial_learning_rate)
        self.decay_steps = _number("decay_steps", decay_steps, above=0)
        self.end_learning_rate = _number("end_learning_rate", end_learning_rate)
        self.power = _number("power", power, 0)
        self.cycle, self.name = checked_flag("cycle", cycle), checked_name(name)

    def __call__(self, step: int) -> float:
        """Return the learning rate after `step` steps."""
        length = self.decay_steps
        if self.cycle:
            length *= math.ceil(step / length) if step else 1
        part = min(step, length) / length
        fall = self.initial_learning_rate - self.end_learning_rate
        return fall * (1.0 - part) ** self.power + self.end_learning_rate


class CosineDecay(LearningRateSchedule):
    """Half a cosine from `initial_learning_rate` down to `alpha` times it, after a linear warm-up.

    Parameters
    ----------
    initial_learning_rate : float
        Where the warm-up begins, or the decay if there is none.
    decay_steps : float
        Steps of the decay, counted from the end of the warm-up.
    alpha : float, default 0.0
        The last learning rate as a share of the one that decays.
    name : str
    warmup_target : float, optional
        Where the warm-up ends and the decay begins; None for no warm-up.
    warmup_steps : float, default 0

    References
    ----------
    Loshchilov & Hutter 2017, "SGDR: stochastic gradient descent with warm restarts".
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: float = 0,
    ) -> None:
        self.initial_learning_rate = _number("initial_learning_rate", initial_learning_rate)
        self.decay_steps = _number("decay_steps", decay_steps, above=0)
        self.alpha, self.name = _number("alpha", alpha), checked_name(name)
        self.warmup_steps = _number("warmup_steps", warmup_steps, 0)
        self.warmup_target = (
            None if warmup_target is None else _number("warmup_target", warmup_target)
        )

    def __call__(self, step: int) -> float:
        """Return the learning rate after `step` steps."""
        start = self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                rise = self.warmup_target - start
                return rise * (step / self.warmup_steps) + start
            start, step = self.warmup_target, step - int(self.warmup_steps)
        part = min(step, self.decay_steps) / self.decay_steps
        cosine = 0.5 * (1.0 + math.cos(math.pi * part))
        return start * ((1.0 - self.alpha) * cosine + self.alpha)


class CosineDecayRestarts(LearningRateSchedule):
    """Half cosines one after the other, each `t_mul` times as long and `m_mul` times as high.

    Parameters
    ----------
    initial_learning_rate, first_decay_steps : float
    t_mul : float, default 2.0
    m_mul : float, default 1.0
    alpha : float, default 0.0
        The lowest learning rate as a share of the initial one.
    name : str
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        self.initial_learning_rate = _number("initial_learning_rate", initial_learning_rate)
        self.first_decay_steps = _number("first_decay_steps", first_decay_steps, above=0)
        self.t_mul, self.m_mul = _number("t_mul", t_mul, 1), _number("m_mul", m_mul)
        self.alpha, self.name = _number("alpha", alpha), checked_name(name)

    def __call__(self, step: int) -> float:
        """Return the learning rate after `step` steps."""
        part = step / self.first_decay_steps
        if self.t_mul == 1.0:
            restarts = math.floor(part)
            part -= restarts
        else:
            restarts = math.floor(math.log(1.0 - part * (1.0 - self.t_mul)) / math.log(self.t_mul))
            before = (1.0 - self.t_mul**restarts) / (1.0 - self.t_mul)
            part = (part - before) / self.t_mul**restarts
        cosine = 0.5 * self.m_mul**restarts * (1.0 + math.cos(math.pi * part))
        return self.initial_learning_rate * ((1.0 - self.alpha) * cosine + self.alpha)
