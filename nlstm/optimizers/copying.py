"""What a copy or a pickle of an optimizer holds: all but the memory of the model that it trains.

Copied with its model it goes on training the model's copy. Copied alone it waits, with its moments,
for a model of the same shapes.
"""

from collections.abc import Iterable
from typing import Any, Protocol

from nlstm.kernels.operations import Cell
from nlstm.optimizers.sparing import Sparing
from nlstm.optimizers.state import Waiting
from nlstm.plan.parameters import Parameter, ParameterBuffer

__all__ = ["is_of", "leave", "state_of", "trains"]

STAY_BEHIND = frozenset({"state", "_average", "_sums", "_buffer"})


class Copied(Protocol):
    """An optimizer, as far as this file knows it."""

    _buffer: ParameterBuffer | None
    _waiting: dict[str, Any] | None
    _sparing: Sparing

    def variables(self) -> dict[str, Any]:
        """Return its state in Keras's shapes."""


def state_of(optimizer: Copied) -> dict[str, Any]:
    """Return the attributes that copies and pickles of an optimizer hold."""
    cells: dict[int, Waiting] = {}
    kept: dict[str, Any] = {}
    for name, value in vars(optimizer).items():
        if name in STAY_BEHIND:
            kept[name] = () if name == "state" else None
        elif _is_cell(value):
            kept[name] = cells.setdefault(id(value), _at_rest(value))
        else:
            kept[name] = value
    if optimizer._buffer is not None:
        sparing = Sparing(optimizer._sparing.numbers(optimizer._buffer))
        kept |= {"_waiting": optimizer.variables(), "_sparing": sparing}
    return kept


def leave(optimizer: Copied) -> None:
    """Let an optimizer wait, with its moments on the host, for its weights on another device."""
    vars(optimizer).update(state_of(optimizer))


def is_of(buffer: ParameterBuffer, weights: Iterable[Parameter]) -> bool:
    """Whether a buffer is, or was, that of some weights or of their mirrors."""
    return [one.original for one in buffer.parameters] == [one.original for one in weights]


def trains(optimizer: Copied, weights: Iterable[Parameter]) -> bool:
    """Whether an optimizer has moments for some weights."""
    return optimizer._buffer is not None and is_of(optimizer._buffer, weights)


def _is_cell(value: Any) -> bool:
    return all(hasattr(value, name) for name in ("host", "device", "push", "pull"))


def _at_rest(cell: Cell) -> Waiting:
    cell.pull()
    return Waiting(cell.host.tolist(), cell.host.dtype)
