"""Callbacks of several ranks: rank 0 runs a user's, and the others do what they decided."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from nlstm.distributed.comm import gathered
from nlstm.distributed.fingerprint import fingerprint
from nlstm.distributed.state import broadcast_training, broadcast_weights
from nlstm.distributed.team import Team
from nlstm.training.hooks import (
    BATCH_HOOKS,
    STOPS,
    Callback,
    CallbackList,
    LastCallback,
    Logs,
    overrides,
)
from nlstm.training.state import stateful_layers

__all__ = ["SharedHooks"]


class SharedHooks(CallbackList):
    """A user's callbacks on rank 0, and on all ranks those that keep the fit's own books.

    Parameters
    ----------
    team : Team
    callbacks : sequence
        A user's.
    own : sequence of Callback
    model : Sequential or Model
    params : dict
    """

    def __init__(
        self,
        team: Team,
        callbacks: Sequence[Any],
        own: Sequence[Callback],
        model: Any,
        params: dict[str, Any],
    ) -> None:
        super().__init__([*(callbacks if team.first else ()), *own], model, params)
        self._team, self._own = team, list(own)
        self._users = self.callbacks[: len(self.callbacks) - len(self._own)]
        self._run: Any = None
        self._stops = dict.fromkeys(STOPS, False)
        for one in self._users:
            if isinstance(one, LastCallback):
                raise ValueError(
                    f"{type(one).__name__} keeps one process: with distribute=, "
                    'fit(checkpoint="folder/") keeps all of them.'
                )

    def begin(self, run: Any) -> None:
        """Tell the callbacks that look at it what is going to run."""
        self._run = run
        super().begin(run)

    def begin_mode(self, mode: str) -> None:
        """Take back what has stopped an earlier run."""
        super().begin_mode(mode)
        self._stops[mode] = False

    def stopped(self, mode: str) -> bool:
        """Whether rank 0 has stopped, as of the last hook."""
        return self._stops[mode]

    def call(self, hook: str, *arguments: Any) -> None:
        """Call a hook: a user's on rank 0, then what every rank has."""
        if hook == "on_epoch_begin":
            self._team.share.epoch = arguments[0]
        if hook == "on_epoch_end":
            self._check_weights(arguments[0])
        self._call_users([getattr(one, hook) for one in self._users], arguments)
        if hook == "on_train_begin":
            self._stops["train"] = False
            broadcast_training(self._team, self._run)
        for one in self._own:
            getattr(one, hook)(*arguments)
        for last in self._last:
            last.after(hook, *arguments)
        if hook == "on_train_begin":  # what was kept may have been stopped
            self._stops["train"] = bool(self._model is not None and self._model.stop_training)

    def batch_hook(self, hook: str) -> Callable[..., None] | None:
        """Return a function that calls a batch hook, or None where no rank has one."""
        names = BATCH_HOOKS[hook]
        users = [getattr(one, hook) for one in self._users if overrides(one, names)]
        asked = bool(gathered(self._team.comm, len(users))[0, 0])
        last = [partial(one.after, hook) for one in self._last if hook in one.batch_hooks]
        if not asked and not last:
            return None

        def call(batch: int, logs: Logs = None) -> None:
            if asked:
                self._call_users(users, (batch, logs))
            for function in last:
                function(batch, logs)

        return call

    # Rank 0 decides

    def _call_users(self, functions: Sequence[Callable[..., None]], arguments: Any) -> None:
        """Call functions on rank 0 and bring to the others what they changed."""
        team, run = self._team, self._run
        binder: Any = None if run is None else run.binder
        before = fingerprint(binder.weights) if functions and binder is not None else 0

        def decide() -> dict[str, Any]:
            for function in functions:
                function(*arguments)
            if run is not None and self.training is not run.training:
                raise ValueError("A callback has compiled the model, which distribute= forbids.")
            changed = binder is not None and bool(functions)
            return {
                "stops": {mode: bool(getattr(self._model, name)) for mode, name in STOPS.items()},
                "logs": arguments[-1],
                "rate": None if run is None else _rate_of(run.training.optimizer),
                "weights": changed and fingerprint(binder.weights) != before,
                "fresh": [] if binder is None else _fresh(binder),
            }

        found = team.from_first(decide)
        self._stops = found["stops"]
        if team.first:
            if found["weights"]:
                broadcast_weights(team, binder)
            return
        for mode, stopped in found["stops"].items():
            setattr(self._model, STOPS[mode], stopped)
        if isinstance(arguments[-1], dict) and isinstance(found["logs"], dict):
            arguments[-1].clear()
            arguments[-1].update(found["logs"])
        if run is not None and found["rate"] != _rate_of(run.training.optimizer):
            run.training.optimizer.learning_rate = found["rate"]
        if found["weights"]:
            broadcast_weights(team, binder)
        for path, layer in () if binder is None else stateful_layers(binder):
            if path in found["fresh"]:
                layer.set_states(None)

    def _check_weights(self, epoch: int) -> None:
        """Raise where ranks have come apart: a fault of memory, or code that is not the same."""
        found = gathered(self._team.comm, fingerprint(self._run.binder.weights))[:, 0]
        for rank, one in enumerate(found):
            if one != found[0]:
                raise self._team.shared_error(
                    f"After epoch {epoch + 1} the weights of rank {rank} are not those of rank 0: "
                    "the ranks do not compute the same, or a machine's memory is at fault."
                )


def _rate_of(optimizer: Any) -> float | None:
    """Return the learning rate; None where it is computed."""
    return None if optimizer is None else optimizer.given_rate


def _fresh(binder: Any) -> list[str]:
    """Return the names of stateful layers that begin anew."""
    return [path for path, layer in stateful_layers(binder) if not layer.states]
