"""Optimizers whose step has the size of the gradient, of its sum, or of its sign alone."""

from typing import Any

from nlstm.arguments.checks import checked_flag, checked_number
from nlstm.optimizers.optimizer import Optimizer
from nlstm.optimizers.settings import SMALLEST

__all__ = ["SGD", "Adadelta", "Adagrad", "Lion"]


class SGD(Optimizer):
    """Gradient descent, with momentum.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable, default 0.01
    momentum : float, default 0.0
        From 0 to below 1.
    nesterov : bool, default False
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum
        See `Optimizer`.
    ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name
        See `Optimizer`.
    """

    rule = "sgd_update"
    slots = ("momentum",)

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
    ) -> None:
        self.momentum = checked_number("momentum", momentum, 0.0, 1.0)
        self.nesterov = checked_flag("nesterov", nesterov)
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema,
            ema_momentum, ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps,
            name, self.momentum, float(self.nesterov),
        )  # fmt: skip

    def active_slots(self) -> tuple[str, ...]:
        """Return the names of the moments that these settings need."""
        return self.slots if self.momentum else ()

    def _kernel_arguments(self) -> tuple[Any, ...]:
        assert self._buffer is not None
        return self.state or (self._buffer.ops.zeros(0),)


class Lion(Optimizer):
    """Steps of one size, by the sign of an interpolated momentum.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable, default 0.001
    beta_1 : float, default 0.9
    beta_2 : float, default 0.99
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum
        See `Optimizer`.
    ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name
        See `Optimizer`.

    References
    ----------
    Chen et al. 2023, "Symbolic discovery of optimization algorithms".
    """

    rule = "lion_update"
    slots = ("momentum",)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
    ) -> None:
        self.beta_1 = checked_number("beta_1", beta_1, above=0.0, at_most=1.0)
        self.beta_2 = checked_number("beta_2", beta_2, 0.0, 1.0)
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema,
            ema_momentum, ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps,
            name, self.beta_1, self.beta_2,
        )  # fmt: skip


class Adagrad(Optimizer):
    """Steps that shrink with the sum of a weight's squared gradients.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable, default 0.001
    initial_accumulator_value : float, default 0.1
    epsilon : float, default 1e-7
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum
        See `Optimizer`.
    ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name
        See `Optimizer`.

    References
    ----------
    Duchi, Hazan & Singer 2011, "Adaptive subgradient methods".
    """

    rule = "adagrad_update"
    slots = ("accumulator",)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
    ) -> None:
        self.initial_accumulator_value = self.initial_moment = checked_number(
            "initial_accumulator_value", initial_accumulator_value, 0.0
        )
        self.epsilon = checked_number("epsilon", epsilon, 0.0)
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema,
            ema_momentum, ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps,
            name, max(self.epsilon, SMALLEST), 0.0,
        )  # fmt: skip


class Adadelta(Optimizer):
    """Steps in the ratio of the mean squares of steps and gradients.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable, default 0.001
    rho : float, default 0.95
    epsilon : float, default 1e-7
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum
        See `Optimizer`.
    ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name
        See `Optimizer`.

    References
    ----------
    Zeiler 2012, "ADADELTA: an adaptive learning rate method".
    """

    rule = "adadelta_update"
    slots = ("accumulated_grad", "accumulated_delta_var")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
    ) -> None:
        self.rho = checked_number("rho", rho, 0.0, 1.0)
        self.epsilon = checked_number("epsilon", epsilon, 0.0)
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema,
            ema_momentum, ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps,
            name, self.rho, max(self.epsilon, SMALLEST),
        )  # fmt: skip
