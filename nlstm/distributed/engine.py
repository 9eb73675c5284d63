"""The engine behind `distribute`: what fit, evaluate and predict ask for, shared by ranks."""

import contextlib
from collections.abc import Sequence
from typing import Any

from nlstm.distributed.files import SharedFiles
from nlstm.distributed.hooks import SharedHooks
from nlstm.distributed.predict import predict_shared
from nlstm.distributed.run import SharedRun
from nlstm.distributed.team import Team
from nlstm.network.binder import Bench, Binder
from nlstm.training.bptt import Bptt
from nlstm.training.hooks import Callback
from nlstm.training.training import Training

__all__ = ["Engine"]


class Engine:
    """What stands in the place of `nlstm.training.machines.Alone` where there are several ranks.

    Parameters
    ----------
    team : Team
    """

    def __init__(self, team: Team) -> None:
        self.team = team
        self.shared_files = SharedFiles(team)

    def agreeing(self) -> contextlib.AbstractContextManager[None]:
        """Return what is around a whole call: see `Team`."""
        return self.team.agreeing()

    def verbose(self, verbose: int) -> int:
        """Return what this rank shows."""
        return verbose if self.team.first else 0

    def hooks(
        self, callbacks: Sequence[Any], own: Sequence[Callback], model: Any, params: dict[str, Any]
    ) -> SharedHooks:
        """Return a user's callbacks, which rank 0 runs, and those that every rank has."""
        return SharedHooks(self.team, callbacks, own, model, params)

    def run(
        self,
        binder: Binder,
        bench: Bench,
        training: Training,
        hooks: SharedHooks,
        given: Any,
        bptt: Bptt | None = None,
    ) -> SharedRun:
        """Return a run that shares its batches; `given` has to be the same on all ranks."""
        return SharedRun(self.team, binder, bench, training, hooks, given, bptt)

    def predict(self, model: Any, *arguments: Any) -> Any:
        """Return the outputs, all of them on every rank."""
        with self.team.agreeing():
            return predict_shared(self.team, model, *arguments)
