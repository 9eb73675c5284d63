"""What fit returns."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nlstm.arguments.html import as_html, curve
from nlstm.training.epoch_logs import EpochLogs
from nlstm.training.hooks import Callback, Logs

__all__ = ["History"]


class History(Callback):
    """The logs of every epoch.

    Attributes
    ----------
    history : dict of str to list of float
        One list per loss and metric.
    epoch : list of int
        The epochs, counted from 0.
    """

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = EpochLogs()
        self.epoch: list[int] = []

    def __repr__(self) -> str:
        epochs = f"{len(self.epoch)} epoch{'s' * (len(self.epoch) != 1)}"
        last = [f"{name}: {_brief(values[-1])}" for name, values in self.history.items() if values]
        return f"<History of {', '.join([epochs, *last])}>"

    def _repr_html_(self) -> str:
        """Return the table that notebooks show: a row and a curve for each log."""
        rows, curves = [], []
        for name, values in self.history.items():
            if values:
                plain = [one for one in values if not isinstance(one, str) and not np.ndim(one)]
                whole = len(plain) == len(values)
                least, most = (_at(values, one) for one in (min, max)) if whole else ("", "")
                rows.append((name, _brief(values[0]), _brief(values[-1]), least, most))
                curves.append(curve([float(one) for one in values]) if whole else "")
        epochs = f"{len(self.epoch)} epoch{'s' * (len(self.epoch) != 1)}"
        header = ("log", "first", "last", "least (epoch)", "most (epoch)", "")
        return as_html(f"History of {epochs}", header, rows, curves=curves)

    def on_train_begin(self, logs: Logs = None) -> None:
        """Start the list of epochs; as in Keras, an object used again keeps its `history`."""
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Append the logs."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)

    def get_state(self) -> dict[str, Any]:
        """Return the lists."""
        return {"history": self.history, "epoch": self.epoch}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Put the lists back."""
        lists = {name: list(values) for name, values in state["history"].items()}
        self.history = EpochLogs(lists)
        self.epoch = list(state["epoch"])


def _at(values: list[float], chosen: Callable[..., float]) -> str:
    """Return the least or largest value, and its epoch from 1; NaN is neither."""
    known = [one for one in values if one == one]
    if not known:
        return "nan"
    found = chosen(known)
    return f"{_brief(found)} ({values.index(found) + 1})"


def _brief(value: Any) -> str:
    """Return a number with four digits, several in brackets; what else a callback logs as it is."""
    if isinstance(value, str):
        return value
    if np.ndim(value):
        return f"[{', '.join(map(_brief, value))}]"
    return f"{value:.4g}"
