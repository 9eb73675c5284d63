"""Stopping where the loss is no longer a number."""

import math

from nlstm.training.hooks import Callback, Logs
from nlstm.training.output import say

__all__ = ["TerminateOnNaN"]


class TerminateOnNaN(Callback):
    """Stop at the batch where the loss is no longer finite, and name the weights that broke.

    Parameters
    ----------
    raise_error : bool, default False
        Raise a RuntimeError instead, so that `on_train_end` of the callbacks does not run.
    """

    def __init__(self, raise_error: bool = False) -> None:
        self.raise_error = bool(raise_error)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Look at the loss."""
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        broken = self.model.first_non_finite_weights() or "none of the weights"
        text = f"Batch {batch}: loss is {loss}, training stops. Not finite: {broken}."
        if self.raise_error:
            raise RuntimeError(text)
        say(text)
        self.model.stop_training = True
