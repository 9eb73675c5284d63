"""Stochastic weight averaging: the mean of the weights of the last epochs."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from nlstm.arguments.checks import checked_choice, checked_flag, checked_integer, checked_number
from nlstm.arguments.warned import warn_user
from nlstm.training.hooks import LastCallback, Logs
from nlstm.training.moving_statistics import find_anew, moving
from nlstm.training.weight_average import WeightAverage

__all__ = ["StochasticWeightAveraging"]


class StochasticWeightAveraging(LastCallback):
    """End with the mean of the weights that the last epochs ended with.

    Parameters
    ----------
    start_epoch : int or float, default 0.75
        The first epoch whose weights count, from 0; below 1 as a share of fit's epochs.
    every : int, default 1
        Take the weights at the end of every so many epochs from there on.
    learning_rate : float or (float, float), optional
        The rate from `start_epoch` on; by default nobody changes it. A pair is a cycle: in every
        `every` epochs it falls from the first to the second, batch by batch.
    anneal_epochs : int, default 0
        Go to a constant rate in so many epochs.
    anneal : {"cos", "linear"}
        How.
    evaluate : bool, default False
        Validate with the mean, as soon as there is one, instead of with the weights.
    swap_on_epoch : bool, default False
        Leave the mean in the weights' place from the end of each epoch to the begin of the next, so
        that callbacks after this one, such as `ModelCheckpoint`, see it.

    Attributes
    ----------
    averaged : int
        How many epochs the mean has.

    Raises
    ------
    ValueError
        A schedule gives the learning rate that is to be changed here; or the optimizer averages by
        itself.

    Notes
    -----
    Whenever the mean takes the weights' place, the averages of `BatchNormalization` are found anew
    in a pass over the training data, dropout on, as `torch.optim.swa_utils.update_bn` does; with
    `evaluate` or `swap_on_epoch` that is at each epoch. Where these come from a generator, which
    cannot be gone through again, they stay, with a warning.

    The mean comes last of all at the end of fit, after the best weights of `EarlyStopping` (with
    `swap_on_epoch` these are means, and stay); a fit that stops before `start_epoch` keeps its
    weights. The history gets "averaged", and
    "learning_rate" where it is changed here. `BackupAndRestore` keeps the mean.

    References
    ----------
    Izmailov et al. 2018, "Averaging weights leads to wider optima and better generalization".
    """

    def __init__(
        self,
        start_epoch: float = 0.75,
        every: int = 1,
        learning_rate: Any = None,
        anneal_epochs: int = 0,
        anneal: str = "cos",
        evaluate: bool = False,
        swap_on_epoch: bool = False,
    ) -> None:
        is_share = isinstance(start_epoch, float | np.floating)
        if is_share and 0 <= start_epoch < 1:
            self.start_epoch: float = float(start_epoch)
        elif is_share:
            raise ValueError(
                "start_epoch must be a share below 1 of fit's epochs, or the whole number of an "
                f"epoch; got {start_epoch}."
            )
        else:
            self.start_epoch = checked_integer("start_epoch", start_epoch, 0)
        self.every = checked_integer("every", every, 1)
        self.learning_rate = _checked_rates(learning_rate)
        self.anneal_epochs = checked_integer("anneal_epochs", anneal_epochs, 0)
        self.anneal = checked_choice("anneal", anneal, ("cos", "linear"))
        self.evaluate = checked_flag("evaluate", evaluate)
        self.swap_on_epoch = checked_flag("swap_on_epoch", swap_on_epoch)
        if not isinstance(self.learning_rate, tuple):
            self.idle_hooks = (StochasticWeightAveraging.on_train_batch_begin,)
        self._fit: Any = None  # the run of fit
        self._epoch = self._taken = -1  # that runs; that was last looked at
        self._first_rate: float | None = None  # before the first change
        self._mean: WeightAverage | None = None
        self._statistics: list[np.ndarray] | None = None  # of the weights, while the mean is shown
        self._waiting: dict[str, Any] | None = None  # the mean of a copy

    def __getstate__(self) -> dict[str, Any]:
        """Return what copies and pickles hold: the mean too, without the device."""
        state = super().__getstate__()
        return state | {"_fit": None, "_mean": None, "_waiting": self.get_state()["mean"]}

    @property
    def averaged(self) -> int:
        """How many epochs the mean has."""
        if self._mean is None:
            return 0 if self._waiting is None else int(self._waiting["count"])
        return self._mean.count

    def get_state(self) -> dict[str, Any]:
        """Return the mean, or the weights where it lies in their place."""
        return {
            "mean": self._waiting if self._mean is None else self._mean.get_state(),
            "taken": self._taken,
            "first_rate": self._first_rate,
            "statistics": self._statistics,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on with it."""
        if state["mean"] is not None:
            self._mean = WeightAverage(self._fit.binder, self._fit.training)
            self._mean.set_state(state["mean"])
        self._taken, self._first_rate = state["taken"], state["first_rate"]
        self._statistics = state["statistics"]

    # Hooks

    def on_train_begin(self, logs: Logs = None) -> None:
        """Begin anew."""
        others = [one for one in self.companions if isinstance(one, StochasticWeightAveraging)]
        if len(others) > 1:
            raise ValueError(
                f"callbacks must have one StochasticWeightAveraging at most; got {len(others)}, "
                "each of which would end with its own average."
            )
        self._fit, self._mean, self._waiting = self.run, None, None
        self._first_rate = self._statistics = None
        self._epoch = self._taken = -1
        optimizer = self.model.optimizer
        if optimizer.use_ema:
            raise ValueError(
                "StochasticWeightAveraging needs an optimizer without use_ema=True: both would end "
                "with their own average."
            )
        if self.learning_rate is None:
            return
        if optimizer.given_rate is None:
            raise ValueError(
                "StochasticWeightAveraging cannot set the learning rate, which follows "
                f"{type(optimizer._schedule).__name__}; give the optimizer a number instead."
            )
        if isinstance(self.learning_rate, tuple) and self.params.get("steps") is None:
            raise ValueError(
                "learning_rate is a cycle, which needs the number of batches: give fit "
                "steps_per_epoch."
            )

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Go on from the weights that were trained, at this epoch's rate."""
        self._epoch = epoch
        self._show(False)
        if self._since(epoch) >= 0 and self.learning_rate is not None:
            if self._first_rate is None:
                self._first_rate = float(self.model.optimizer.learning_rate)
            if not isinstance(self.learning_rate, tuple):
                self.model.optimizer.learning_rate = self._rate(self._since(epoch))

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Set the rate of a cycle."""
        since = self._since(self._epoch)
        if since >= 0 and isinstance(self.learning_rate, tuple):
            steps, (high, low) = self.params["steps"], self.learning_rate
            place = since % self.every * steps + batch + 1
            share = place / (self.every * steps)
            self.model.optimizer.learning_rate = (1 - share) * high + share * low

    def on_test_begin(self, logs: Logs = None) -> None:
        """Validate with the mean, where that is asked for."""
        if self.evaluate and self._in_fit():
            self._take(self._epoch)
            self._show(True)

    def on_test_end(self, logs: Logs = None) -> None:
        """Go back to the weights."""
        if self._in_fit():
            self._show(False)

    def give_up(self, mode: str) -> None:
        """Go back to the weights after an interrupt or an error."""
        if self._in_fit():
            self._show(False)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Take the weights in."""
        self._take(epoch)
        if logs is not None:
            logs["averaged"] = self.averaged
            if self.learning_rate is not None:
                logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        if self.swap_on_epoch:
            self._show(True)

    def after(self, hook: str, *arguments: Any) -> None:
        """End with the mean, when all others have ended."""
        if hook != "on_train_end":
            return
        if not self.averaged:
            warn_user(
                f"StochasticWeightAveraging has averaged no epoch: fit ended before epoch "
                f"{self._start() + self.every}, and its weights stay.",
                UserWarning,
            )
            return
        self._show(True)

    # The mean

    def _in_fit(self) -> bool:
        return self.run is self._fit and self._fit is not None and self._fit.going

    def _start(self) -> int:
        if isinstance(self.start_epoch, float):
            return int(self.start_epoch * self.params["epochs"])
        return self.start_epoch

    def _since(self, epoch: int) -> int:
        return epoch - self._start()

    def _take(self, epoch: int) -> None:
        """Take in the weights of an epoch, once, if they count."""
        since = self._since(epoch)
        if self._taken == epoch or since < 0 or (since + 1) % self.every:
            return
        run = self._fit
        if self._mean is None:
            self._mean = WeightAverage(run.binder, run.training)
        self._mean.follow(run.binder, run.training)
        self._mean.add()
        self._taken = epoch

    def _rate(self, since: int) -> float:
        """Return the rate of an epoch on the way to the constant one."""
        assert self._first_rate is not None
        share = min(1.0, since / self.anneal_epochs) if self.anneal_epochs else 1.0
        if self.anneal == "cos":
            share = (1 - math.cos(math.pi * share)) / 2
        return share * self.learning_rate + (1 - share) * self._first_rate

    def _show(self, shown: bool) -> None:
        """Put the mean in the weights' place, or these back, with what goes with either."""
        mean = self._mean
        if mean is None or mean.shown == shown:
            return
        if not shown:
            self._back()
            return
        run = self._fit
        averages = moving(run.binder, run.training)
        self._statistics = [one.get() for one in averages]
        mean.show(True)
        if not averages:
            return
        if run.feed.again is None:
            warn_user(
                "The averages of BatchNormalization stay those of the weights that were trained: "
                "a generator cannot be gone through again for those of their mean.",
                UserWarning,
            )
            return
        try:
            find_anew(run.binder, run.training, run.feed)
        except BaseException:
            self._back()
            raise

    def _back(self) -> None:
        """Put the weights back."""
        assert self._mean is not None
        self._mean.show(False)
        averages = moving(self._fit.binder, self._fit.training)
        for parameter, kept in zip(averages, self._statistics or (), strict=True):
            parameter.set(kept)
        self._statistics = None


def _checked_rates(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, list | tuple):
        if len(value) != 2:
            raise ValueError(f"learning_rate must be a number or a pair of them; got {value!r}.")
        return tuple(checked_number("learning_rate", one, 0) for one in value)
    return checked_number("learning_rate", value, 0)
