"""Optimizers that scale each weight's step by the gradients it has seen."""

from typing import Any

import numpy as np

from nlstm.arguments.checks import checked_flag, checked_number
from nlstm.kernels.operations import Cell
from nlstm.optimizers.optimizer import Optimizer
from nlstm.optimizers.settings import SMALLEST
from nlstm.optimizers.state import Waiting

__all__ = ["Adam", "AdamW", "Adamax", "Nadam", "RMSprop"]


class Adam(Optimizer):
    """Adam, with Keras 3's formula: epsilon stands outside the bias correction.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable, default 0.001
    beta_1 : float, default 0.9
    beta_2 : float, default 0.999
    epsilon : float, default 1e-7
    amsgrad : bool, default False
        Whether to divide by the largest velocity so far instead of the last.
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum
        See `Optimizer`.
    ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name
        See `Optimizer`.

    References
    ----------
    Kingma & Ba 2015, "Adam: a method for stochastic optimization".
    """

    rule = "adam_update"
    slots = ("momentum", "velocity", "velocity_hat")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
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
        self.beta_1 = checked_number("beta_1", beta_1, 0.0, 1.0)
        self.beta_2 = checked_number("beta_2", beta_2, 0.0, 1.0)
        self.epsilon = checked_number("epsilon", epsilon, 0.0)
        self.amsgrad = checked_flag("amsgrad", amsgrad)
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema,
            ema_momentum, ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps,
            name, self.beta_1, self.beta_2, max(self.epsilon, SMALLEST),
        )  # fmt: skip

    def active_slots(self) -> tuple[str, ...]:
        """Return the names of the moments that these settings need."""
        return self.slots if self.amsgrad else self.slots[:2]


class AdamW(Adam):
    """Adam with weight decay from the start.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable, default 0.001
    weight_decay : float, default 0.004
    beta_1 : float, default 0.9
    beta_2 : float, default 0.999
    epsilon : float, default 1e-7
    amsgrad : bool, default False
    clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum
        See `Optimizer`.
    ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name
        See `Optimizer`.

    References
    ----------
    Loshchilov & Hutter 2019, "Decoupled weight decay regularization".
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
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
        checked_number("weight_decay", weight_decay, 0.0)
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay, clipnorm, clipvalue,
            global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, loss_scale_factor,
            gradient_accumulation_steps, name,
        )  # fmt: skip


class Nadam(Optimizer):
    """Adam with Nesterov's momentum.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable, default 0.001
    beta_1 : float, default 0.9
    beta_2 : float, default 0.999
    epsilon : float, default 1e-7
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum
        See `Optimizer`.
    ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name
        See `Optimizer`.

    References
    ----------
    Dozat 2016, "Incorporating Nesterov momentum into Adam".
    """

    rule = "nadam_update"
    slots = ("momentum", "velocity")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
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
        self.beta_1 = checked_number("beta_1", beta_1, 0.0, 1.0)
        self.beta_2 = checked_number("beta_2", beta_2, 0.0, 1.0)
        self.epsilon = checked_number("epsilon", epsilon, 0.0)
        self._product: Cell = Waiting([1.0], np.float64)
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema,
            ema_momentum, ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps,
            name, self.beta_1, self.beta_2, max(self.epsilon, SMALLEST),
        )  # fmt: skip

    def _kernel_arguments(self) -> tuple[Any, ...]:
        return (*super()._kernel_arguments(), self._product.device)

    def _scalars(self) -> dict[str, Cell]:
        return {"u_product": self._product}


class Adamax(Optimizer):
    """Adam with the largest gradient in place of the mean square.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable, default 0.001
    beta_1 : float, default 0.9
    beta_2 : float, default 0.999
    epsilon : float, default 1e-7
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum
        See `Optimizer`.
    ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name
        See `Optimizer`.

    References
    ----------
    Kingma & Ba 2015, "Adam: a method for stochastic optimization", section 7.
    """

    rule = "adamax_update"
    slots = ("momentum", "norm")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
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
        self.beta_1 = checked_number("beta_1", beta_1, 0.0, 1.0)
        self.beta_2 = checked_number("beta_2", beta_2, 0.0, 1.0)
        self.epsilon = checked_number("epsilon", epsilon, 0.0)
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema,
            ema_momentum, ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps,
            name, self.beta_1, self.beta_2, max(self.epsilon, SMALLEST),
        )  # fmt: skip


class RMSprop(Optimizer):
    """Gradients over the root of their mean square.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable, default 0.001
    rho : float, default 0.9
    momentum : float, default 0.0
    epsilon : float, default 1e-7
    centered : bool, default False
        Whether to divide by the variance instead.
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum
        See `Optimizer`.
    ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name
        See `Optimizer`.

    References
    ----------
    Hinton 2012, "Neural networks for machine learning", lecture 6e.
    """

    rule = "rmsprop_update"
    slots = ("velocity", "momentum", "average_gradient")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
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
        self.momentum = checked_number("momentum", momentum, 0.0, 1.0)
        self.epsilon = checked_number("epsilon", epsilon, 0.0)
        self.centered = checked_flag("centered", centered)
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema,
            ema_momentum, ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps,
            name, self.rho, self.momentum, max(self.epsilon, SMALLEST),
        )  # fmt: skip

    def active_slots(self) -> tuple[str, ...]:
        """Return the names of the moments that these settings need."""
        on = {"velocity": True, "momentum": self.momentum > 0, "average_gradient": self.centered}
        return tuple(slot for slot in self.slots if on[slot])
