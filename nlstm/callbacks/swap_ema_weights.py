"""Looking at a model with its averaged weights while it trains on with the others."""

from collections.abc import Mapping
from typing import Any

from nlstm.training.hooks import Callback, Logs

__all__ = ["SwapEMAWeights"]


class SwapEMAWeights(Callback):
    """Evaluate and predict with the averages that an optimizer of ``use_ema=True`` keeps.

    Parameters
    ----------
    swap_on_epoch : bool, default False
        From the end of each epoch to the begin of the next too, so that callbacks after this one,
        such as `ModelCheckpoint`, see the averages.

    Raises
    ------
    ValueError
        The optimizer keeps no averages.

    Notes
    -----
    Before the first step there are no averages, and the weights stay. After `fit` they are the
    averages. Keras leaves them in place after `predict` with this callback; here they go again.
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        self.swap_on_epoch = bool(swap_on_epoch)

    def _optimizer(self) -> Any:
        optimizer = self.model.optimizer
        if optimizer is None or not optimizer.use_ema:
            raise ValueError("SwapEMAWeights needs an optimizer with use_ema=True.")
        return optimizer

    def get_state(self) -> dict[str, Any]:
        """Return whether the averages are in the weights' place."""
        return {"average_shown": self._optimizer().average_shown}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Tell the optimizer whether the weights that were read are the averages."""
        self._optimizer().average_shown = bool(state["average_shown"])

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Go on from the weights that were trained."""
        if self.swap_on_epoch:
            self._optimizer().show_average(False)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Leave the averages in place for the callbacks after this one."""
        if self.swap_on_epoch:
            self._optimizer().show_average(True)

    def on_test_begin(self, logs: Logs = None) -> None:
        """Show the averages."""
        self._optimizer().show_average(True)

    def on_test_end(self, logs: Logs = None) -> None:
        """Take them away."""
        self._optimizer().show_average(False)

    def give_up(self, mode: str) -> None:
        """Take the averages away where an interrupt or an error ended what they were for."""
        if self.model.optimizer is not None:
            self.model.optimizer.show_average(False)

    def on_predict_begin(self, logs: Logs = None) -> None:
        """Show the averages."""
        self._optimizer().show_average(True)

    def on_predict_end(self, logs: Logs = None) -> None:
        """Take them away."""
        self._optimizer().show_average(False)
