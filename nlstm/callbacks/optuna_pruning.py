"""Trials of Optuna that end early where they are hopeless."""

from typing import Any

from nlstm.arguments.checks import WrongKind, checked_name, checked_size
from nlstm.arguments.warned import warn_user
from nlstm.callbacks.monitor import absent_from
from nlstm.files.doors import door_to
from nlstm.training.hooks import Callback, Logs

__all__ = ["OptunaPruning"]


class OptunaPruning(Callback):
    """Report an epoch's number to a trial of Optuna, and end the fit where its pruner says so.

    Takes optuna: ``pip install 'nlstm[optuna]'``.

    Parameters
    ----------
    trial : optuna.trial.Trial
        What the objective is given.
    monitor : str, default "val_loss"
        The log to report. The study's direction has to fit it: "minimize" for losses.
    interval : int, default 1
        Report every so many epochs.

    Raises
    ------
    optuna.TrialPruned
        Out of `fit`, after an epoch; `study.optimize` takes it for what it is.

    Examples
    --------
    >>> import optuna
    >>> from nlstm.callbacks import OptunaPruning
    >>> def objective(trial):
    ...     model = build(units=trial.suggest_int("units", 8, 64))
    ...     history = model.fit(x, y, validation_split=0.2, epochs=50, verbose=0,
    ...                         callbacks=[OptunaPruning(trial)])
    ...     return history.history["val_loss"][-1]
    >>> study = optuna.create_study(pruner=optuna.pruners.MedianPruner())
    >>> study.optimize(objective, n_trials=20)
    """

    def __init__(self, trial: Any, monitor: str = "val_loss", interval: int = 1) -> None:
        if not (callable(getattr(trial, "report", None)) and hasattr(trial, "should_prune")):
            raise WrongKind(f"trial must be a trial of Optuna; got {trial!r}.")
        self.trial = trial
        self.monitor = checked_name(monitor, "monitor") or "val_loss"
        self.interval = checked_size("interval", interval)
        door_to("optuna")

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Report, and ask the pruner."""
        if (epoch + 1) % self.interval:
            return
        logs = logs or {}
        if self.monitor not in logs:
            absent = absent_from(logs, self.monitor)
            warn_user(f"OptunaPruning watches {self.monitor!r}, which {absent}")
            return
        self.trial.report(float(logs[self.monitor]), step=epoch)
        if self.trial.should_prune():
            value = float(logs[self.monitor])
            raise door_to("optuna")(f"Trial pruned at epoch {epoch + 1}, {self.monitor} {value:g}.")
