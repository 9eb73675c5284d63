"""Forecasters' losses: quantiles, likelihoods, and the hydrologists' efficiency.

One head gives several parameters. For O targets the output's columns are blocks of O, one block for
each parameter, so that ``np.split(prediction, parameters, axis=-1)`` separates them; with one
target they are simply the parameters in order. Targets y have O columns.
"""

from collections.abc import Sequence
from typing import Any

from nlstm.arguments.checks import checked_name, checked_number, checked_numbers, is_number
from nlstm.losses.loss import Loss

__all__ = ["GaussianNLL", "NSELoss", "QuantileLoss", "StudentTNLL"]


def _targets(loss: Loss, features: int, blocks: int) -> int:
    if features % blocks:
        raise ValueError(
            f"{loss.name} needs {blocks} output columns for each target; got {features} columns."
        )
    return features // blocks


class QuantileLoss(Loss):
    """Pinball loss: a block of columns learns each quantile of the targets.

    Parameters
    ----------
    quantiles : sequence of float, default (0.1, 0.5, 0.9)
        Each above 0 and below 1. The output has one block of columns for each.
    reduction, name, dtype
        See `Loss`.

    References
    ----------
    Koenker & Bassett 1978, "Regression quantiles".
    """

    kernel = "quantile"

    def __init__(
        self,
        quantiles: Sequence[float] = (0.1, 0.5, 0.9),
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "quantile_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(checked_name(name) or "quantile_loss", reduction, dtype)
        several = [quantiles] if is_number(quantiles) else quantiles
        self.quantiles = checked_numbers("quantiles", several)
        if not self.quantiles or not all(0.0 < q < 1.0 for q in self.quantiles):
            raise ValueError(f"quantiles must lie between 0 and 1; got {quantiles!r}.")

    def target_features(self, features: int) -> int:
        """Return the columns of y."""
        return _targets(self, features, len(self.quantiles))

    def settings(self) -> tuple[float, ...]:
        """Return what the kernel reads."""
        return tuple(self.quantiles)


class _NLL(Loss):
    blocks: int

    def __init__(
        self,
        epsilon: float = 1e-6,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.epsilon = checked_number("epsilon", epsilon, 0)

    def target_features(self, features: int) -> int:
        """Return the columns of y."""
        return _targets(self, features, self.blocks)

    def settings(self) -> tuple[float, ...]:
        """Return what the kernel reads."""
        return (self.epsilon,)


class GaussianNLL(_NLL):
    """Minus the log-likelihood of the targets under normal distributions.

    Parameters
    ----------
    epsilon : float, default 1e-6
        The smallest scale.
    reduction, name, dtype
        See `Loss`.

    Notes
    -----
    The output's blocks: location, raw scale; the standard deviation is
    ``softplus(raw scale) + epsilon``. The layer that gives them needs no activation.
    """

    kernel = "gaussian_nll"
    blocks = 2


class StudentTNLL(_NLL):
    """Minus the log-likelihood of the targets under Student's t: heavy tails.

    Parameters
    ----------
    epsilon : float, default 1e-6
        The smallest scale.
    reduction, name, dtype
        See `Loss`.

    Notes
    -----
    The output's blocks: location, raw scale, raw degrees of freedom; the scale is
    ``softplus(raw scale) + epsilon``, the degrees of freedom are ``2 + softplus(raw)``, so that the
    variance is finite. The layer that gives them needs no activation.
    """

    kernel = "student_t_nll"
    blocks = 3


class NSELoss(Loss):
    """Squared error over the squared spread of the basin: 1 - Nash-Sutcliffe efficiency, smoothed.

    Parameters
    ----------
    epsilon : float, default 0.1
        Added to the standard deviation, so that flat basins do not win.
    reduction, name, dtype
        See `Loss`.

    Notes
    -----
    Targets y have 2 O columns for O outputs: the O values, then for each the standard deviation of
    that target in the row's basin over the training period, in the units of the values. Of windows
    it is a column of its own, named last among the targets, and no input; outputs that have no
    steps, such as those of ``Dense(horizon)``, get both kinds in this order.

    References
    ----------
    Kratzert et al. 2019, "Towards learning universal, regional, and local hydrological behaviors
    via machine learning applied to large-sample datasets", eq. 1.

    Examples
    --------
    Two basins of rain and flow; 30 days in, the flow of 3 days out:

    >>> import numpy as np
    >>> from nlstm import Sequential
    >>> from nlstm.layers import LSTM, Dense
    >>> from nlstm.windows import Windows
    >>> basins = [np.random.default_rng(seed).random((200, 2)) for seed in (0, 1)]
    >>> tables = [np.insert(basin, 2, basin[:150, 1].std(), axis=1) for basin in basins]
    >>> windows = Windows(tables, 30, horizon=3, inputs=[0, 1], targets=[1, 2])
    >>> model = Sequential([LSTM(8), Dense(3)])
    >>> model.compile("adam", NSELoss())
    >>> history = model.fit(windows, verbose=0)
    """

    kernel = "nse"
    reads = "the values, then for each of them the standard deviation of its series"

    def __init__(
        self,
        epsilon: float = 0.1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "nse_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(checked_name(name) or "nse_loss", reduction, dtype)
        self.epsilon = checked_number("epsilon", epsilon)

    def target_features(self, features: int) -> int:
        """Return the columns of y."""
        return 2 * features

    def settings(self) -> tuple[float, ...]:
        """Return what the kernel reads."""
        return (self.epsilon,)
