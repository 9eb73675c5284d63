"""A callback of functions."""

from collections.abc import Callable
from typing import Any

from nlstm.training.hooks import Callback

__all__ = ["LambdaCallback"]


class LambdaCallback(Callback):
    """A callback of functions.

    Parameters
    ----------
    on_epoch_begin, on_epoch_end, on_train_begin, on_train_end, on_train_batch_begin, \
on_train_batch_end : callable, optional
        The hooks; any other hook may be given by its name too.
    **hooks
        Those, and attributes of other names, as in Keras.
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **hooks: Callable[..., Any],
    ) -> None:
        hooks |= {
            name: function
            for name, function in {
                "on_epoch_begin": on_epoch_begin,
                "on_epoch_end": on_epoch_end,
                "on_train_begin": on_train_begin,
                "on_train_end": on_train_end,
                "on_train_batch_begin": on_train_batch_begin,
                "on_train_batch_end": on_train_batch_end,
            }.items()
            if function is not None
        }
        for name, value in hooks.items():
            if name.startswith("on_"):
                if not hasattr(Callback, name):
                    raise TypeError(f"LambdaCallback knows no hook {name!r}.")
                if not callable(value):
                    raise TypeError(f"{name} must be a function; got {value!r}.")
            elif hasattr(Callback, name):
                raise TypeError(f"LambdaCallback has a {name!r} of its own.")
            setattr(self, name, value)
