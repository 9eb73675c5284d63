"""The interface of callbacks, Keras's hooks by Keras's names, and several called as one."""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol, Self

from nlstm.arguments.copies import found_again, plain_state
from nlstm.arguments.shown import by_attributes

__all__ = ["Callback", "CallbackList", "LastCallback", "Logs", "Watched", "overrides"]

Logs = dict[str, float] | None  # one dict for all callbacks in turn, so that one may add to it


class Watched(Protocol):
    """A model, as far as a list of callbacks knows it."""

    stop_training: bool
    stop_evaluating: bool
    stop_predicting: bool


STOPS = {"train": "stop_training", "test": "stop_evaluating", "predict": "stop_predicting"}


class Callback:
    """The interface: override the hooks you need.

    A hook that runs at each batch makes fit compute the logs at each batch; one that is not
    overridden costs nothing.

    Attributes
    ----------
    model : Sequential or Model
        The model that calls.
    params : dict
        "epochs", "steps" and "verbose" of the fit.
    idle_hooks : tuple of function
        Batch hooks of the class that would do nothing in this object.

    Notes
    -----
    A callback that counts or compares may have `get_state`, which returns a dict of numbers,
    strings, lists and arrays, and `set_state`, which takes it; then `BackupAndRestore` keeps it.

    A pickle or a deep copy of a callback has its model in it, as in Keras; `copy.copy` leaves the
    model where it is and copies the rest.
    """

    model: Any = None  # whatever a user's callback asks of it
    params: dict[str, Any] = {}  # replaced as a whole, never changed
    idle_hooks: tuple[Callable[..., Any], ...] = ()

    def __getstate__(self) -> dict[str, Any]:
        """Return what copies and pickles hold."""
        return plain_state(vars(self), type(self).__name__)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what `__getstate__` gave."""
        vars(self).update(found_again(state))

    def __copy__(self) -> Self:
        return copy.deepcopy(self, {id(self.model): self.model})

    def __repr__(self) -> str:
        return by_attributes(self)

    def set_model(self, model: Watched) -> None:
        """Tell the callback its model."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Tell the callback the fit's parameters."""
        self.params = params

    def get_state(self) -> dict[str, Any] | None:
        """Return what a fit that goes on later needs of this callback; None for nothing."""
        return None

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Put back what `get_state` returned; called after `on_train_begin`."""

    def give_up(self, mode: str) -> None:
        """Put back what a training ("train"), evaluation ("test") or prediction ("predict") lent.

        Called where an interrupt or an error ends it, instead of what would be called at its end.
        """

    def on_train_begin(self, logs: Logs = None) -> None:
        """Run before the first epoch."""

    def on_train_end(self, logs: Logs = None) -> None:
        """Run after the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Run before epoch `epoch`, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Run after epoch `epoch`, with loss, metrics and their ``val_`` forms."""

    def on_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Old name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Old name of `on_train_batch_end`."""

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Run before a batch of training."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Run after a batch of training, with the epoch's running means."""
        self.on_batch_end(batch, logs)

    def on_test_begin(self, logs: Logs = None) -> None:
        """Run before an evaluation, or validation."""

    def on_test_end(self, logs: Logs = None) -> None:
        """Run after an evaluation, or validation."""

    def on_test_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Run before a batch of evaluation."""

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Run after a batch of evaluation."""

    def on_predict_begin(self, logs: Logs = None) -> None:
        """Run before a prediction."""

    def on_predict_end(self, logs: Logs = None) -> None:
        """Run after a prediction."""

    def on_predict_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Run before a batch of prediction."""

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Run after a batch of prediction."""


class LastCallback(Callback):
    """A callback that looks at the others, so that its turn comes after all of theirs.

    Attributes
    ----------
    companions : list of Callback
        All callbacks of the run.
    run : Run
        What is running.
    batch_hooks : tuple of str
        The batch hooks that it wants to come after.
    """

    companions: list[Callback] = []  # replaced as a whole, never changed
    run: Any = None
    batch_hooks: tuple[str, ...] = ()

    def __getstate__(self) -> dict[str, Any]:
        """Return what copies and pickles hold; what runs stays behind."""
        state = super().__getstate__()
        return {name: state[name] for name in state if name not in ("companions", "run")}

    def after(self, hook: str, *arguments: Any) -> None:
        """Run after all callbacks' `hook`."""


# A batch hook is asked for where a class overrides one of these.
BATCH_HOOKS = {
    "on_train_batch_begin": ("on_train_batch_begin", "on_batch_begin"),
    "on_train_batch_end": ("on_train_batch_end", "on_batch_end"),
    "on_test_batch_begin": ("on_test_batch_begin",),
    "on_test_batch_end": ("on_test_batch_end",),
    "on_predict_batch_begin": ("on_predict_batch_begin",),
    "on_predict_batch_end": ("on_predict_batch_end",),
}


def overrides(callback: Callback, names: Iterable[str]) -> bool:
    """Whether a hook is not the empty one: overridden by the class, or set on the object."""
    idle = callback.idle_hooks
    return any(
        name in vars(callback)
        or getattr(type(callback), name, None) not in (getattr(Callback, name), *idle)
        for name in names
    )


HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))


class Foreign(Callback):
    """Somebody else's callback, known by its hooks alone: another library's, or a plain object.

    Parameters
    ----------
    other : object
        Has some of the hooks, and perhaps `set_model` and `set_params`.
    """

    def __init__(self, other: Any) -> None:
        self.other = other
        empty = {name for name in HOOKS if _is_empty(other, name)}
        for name in HOOKS:
            if not empty.issuperset(BATCH_HOOKS.get(name, (name,))) and hasattr(other, name):
                setattr(self, name, getattr(other, name))

    def set_model(self, model: Watched) -> None:
        """Tell the callback its model."""
        super().set_model(model)
        if hasattr(self.other, "set_model"):
            self.other.set_model(model)

    def set_params(self, params: dict[str, Any]) -> None:
        """Tell the callback the fit's parameters."""
        super().set_params(params)
        if hasattr(self.other, "set_params"):
            self.other.set_params(params)


def _is_empty(other: Any, name: str) -> bool:
    """Whether a hook is missing, or that of an interface which does nothing."""
    if not callable(getattr(other, name, None)):
        return True
    if name in getattr(other, "__dict__", {}):
        return False
    owner = next(one for one in type(other).__mro__ if name in vars(one))
    return owner.__name__ == "Callback"


def _taken(callback: Any) -> Callback:
    """Return a callback, or what calls somebody else's; raise if it has no hooks."""
    if isinstance(callback, Callback):
        return callback
    if isinstance(callback, type):
        raise TypeError(
            f"callbacks must be objects; got the class {callback.__name__}. "
            f"{callback.__name__}(...) makes one."
        )
    if not any(callable(getattr(callback, name, None)) for name in HOOKS):
        raise TypeError(
            f"callbacks must be nlstm.callbacks.Callback objects, or have hooks such as "
            f"on_epoch_end; got {callback!r}."
        )
    return Foreign(callback)


def _flat(callbacks: Any) -> Iterator[Any]:
    if callbacks is None:
        return
    if isinstance(callbacks, list | tuple):
        for one in callbacks:
            yield from _flat(one)
    else:
        yield callbacks


class CallbackList:
    """Several callbacks called as one.

    Parameters
    ----------
    callbacks : Callback, list of Callback or of such lists, or None
    model : Sequential or Model
    params : dict
        See `Callback`.

    Raises
    ------
    TypeError
        One of them has no hooks.
    """

    def __init__(self, callbacks: Any, model: Watched | None, params: dict[str, Any]) -> None:
        self.callbacks: list[Callback] = [_taken(one) for one in _flat(callbacks)]
        self._model = model
        self._last = [one for one in self.callbacks if isinstance(one, LastCallback)]
        for last in self._last:
            last.companions = self.callbacks
        for one in self.callbacks:
            if model is not None:
                one.set_model(model)
            one.set_params(params)

    def begin(self, run: Any) -> None:
        """Tell the callbacks that look at it what is going to run."""
        for callback in self._last:
            callback.run = run

    @property
    def training(self) -> Any:
        """The model's training, which a callback may have changed by `compile`."""
        return getattr(self._model, "training", None)

    def begin_mode(self, mode: str) -> None:
        """Take back what has stopped an earlier run of "train", "test" or "predict"."""
        if self._model is not None:
            setattr(self._model, STOPS[mode], False)

    def stopped(self, mode: str) -> bool:
        """Whether somebody has set the model's `stop_training`, or that of another mode."""
        return self._model is not None and getattr(self._model, STOPS[mode])

    def call(self, hook: str, *arguments: Any) -> None:
        """Call a hook of every callback, in order."""
        for callback in self.callbacks:
            getattr(callback, hook)(*arguments)
        for callback in self._last:
            callback.after(hook, *arguments)

    def give_up(self, mode: str) -> None:
        """Tell the callbacks that a "train", "test" or "predict" was cut off."""
        for one in self.callbacks:
            one.give_up(mode)

    @contextmanager
    def around_predict(self) -> Iterator[None]:
        """Call the hooks before and after a prediction, or tell that it was cut off."""
        self.begin_mode("predict")
        try:
            self.call("on_predict_begin", {})
            yield
            self.call("on_predict_end", {})
        except BaseException:
            self.give_up("predict")
            raise

    def batch_hook(self, hook: str) -> Callable[..., None] | None:
        """Return a function that calls a batch hook, or None where no callback has one."""
        names = BATCH_HOOKS[hook]
        hooks = [getattr(one, hook) for one in self.callbacks if overrides(one, names)]
        hooks += [partial(one.after, hook) for one in self._last if hook in one.batch_hooks]
        if not hooks:
            return None

        def call(batch: int, logs: Logs = None) -> None:
            for function in hooks:
                function(batch, logs)

        return call
