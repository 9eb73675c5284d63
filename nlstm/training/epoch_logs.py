"""Logs by name, which answer to the names that Keras gave them before 2.3 too."""

from typing import Any

from nlstm.arguments.former import warn_former

__all__ = ["EpochLogs"]

FORMER = {"acc": "accuracy", "val_acc": "val_accuracy", "lr": "learning_rate"}


class EpochLogs(dict[str, Any]):
    """A dict that is asked for "acc" where it has "accuracy" gives that, with a warning.

    "acc" is not among its keys; with ``metrics=["acc"]`` it is, and "accuracy" is not.
    """

    def __missing__(self, name: str) -> Any:
        today = FORMER.get(name)
        if today is None or today not in self:
            raise KeyError(name)
        warn_former(f"{name!r} in the logs is now called {today!r}.")
        return self[today]

    def get(self, name: str, default: Any = None) -> Any:
        """Return what is there by a name, or `default`."""
        return self[name] if name in self or FORMER.get(name) in self else default
