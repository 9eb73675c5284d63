"""`RNN` with cells of Keras's own: a layer for each cell, one after the other."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from nlstm import layers
from nlstm.interop.keras.context import Context
from nlstm.interop.keras.table import plain_name

__all__ = ["Stack", "of_cells"]

Cells = Sequence[tuple[str, Mapping[str, Any]]]  # class and config
Make = Callable[[str, dict[str, Any], str], Any]

CELLS = {"LSTMCell": "LSTM", "GRUCell": "GRU", "SimpleRNNCell": "SimpleRNN"}
DIFFERING = ("name", "seed", "dtype", "shared_object_id")


class Stack:
    """Layers that stand for one `RNN` with `StackedRNNCells`.

    Parameters
    ----------
    levels : sequence of Layer
        In the order of the cells; the last has the name of the `RNN`.
    """

    def __init__(self, levels: Sequence[Any]) -> None:
        self.levels = list(levels)
        self.name: str = self.levels[-1].name
        self.return_sequences: bool = self.levels[-1].return_sequences

    @property
    def turns_around(self) -> bool:
        """Whether layers after the first have the steps in another order than a mask has."""
        return len(self.levels) > 1 and bool(self.levels[0].go_backwards)

    def __call__(self, x: Any, *states: Any, initial_state: Any = None, mask: Any = None) -> Any:
        """Return the output, then the states of each level where they come out."""
        if mask is not None and self.turns_around:
            raise self.refusal()
        given = [*states, *(initial_state or [])]
        ends: list[Any] = []
        for level in self.levels:
            named: dict[str, Any] = {} if mask is None else {"mask": mask}
            if given:
                count = 2 if isinstance(level, layers.LSTM) else 1
                named["initial_state"], given = given[:count], given[count:]
            made = level(x, **named)
            x, *more = made if isinstance(made, tuple) else (made,)
            ends += more
        if given:
            raise ValueError(f"its layer {self.name!r} gets {len(given)} states too many.")
        return (x, *ends)

    def refusal(self) -> ValueError:
        """Return the error of a mask in front of a stack that goes backwards."""
        return ValueError(
            f"its layer RNN(StackedRNNCells) {self.name!r} goes backwards behind a mask, which "
            "nlstm's layers in a row do not."
        )


def of_cells(
    config: Mapping[str, Any], name: str, hands_on: bool, context: Context, make: Make
) -> Any:
    """Return what an `RNN` is: a layer, a Stack, or None and a problem.

    Parameters
    ----------
    config : dict
    name : str
    hands_on : bool
        Whether a call gives it states.
    context : Context
    make : callable
        Makes a layer of a kind, a config, and what a problem calls it.
    """
    own = {key: value for key, value in config.items() if key != "cell"}
    cell = config.get("cell")
    inside = _inside(cell)
    entries = [cell] if inside is None else inside.get("cells")
    if not isinstance(entries, list) or not entries:
        entries = [None]
    unknown = [one for one in map(_kind, entries) if one not in CELLS]
    if unknown:
        of = "" if inside is None else "StackedRNNCells of "
        context.lacks(f"layer RNN({of}{', '.join(unknown)}) {name!r}")
        return None
    cells = [(_kind(one), dict(one or {})["config"]) for one in entries]
    if inside is None:
        [(kind, whole)] = _levels(cells, own, name)
        return make(kind, whole, f"RNN({kind}Cell) {name!r}")
    handed = hands_on or bool(own.get("return_state"))
    if inside.get("reverse_state_order") or (handed and context.version < (2, 3)):
        context.lacks(f"the states' order, last cell first, of RNN(StackedRNNCells) {name!r}")
        return None
    own["trainable"] = bool(own.get("trainable", True) and inside.get("trainable", True))
    count = _count(cells, own, handed)
    if count > 1:
        own["num_layers"], cells = count, cells[:1]
    levels = [
        make(kind, one, f"{kind}Cell of RNN {name!r}") for kind, one in _levels(cells, own, name)
    ]
    if any(one is None for one in levels):
        return None
    return levels[0] if count > 1 else Stack(levels)


def _inside(cell: Any) -> Mapping[str, Any] | None:
    """Return the config of StackedRNNCells."""
    if _kind(cell) != "StackedRNNCells":
        return None
    found: Mapping[str, Any] = cell["config"]
    return found


def _kind(cell: Any) -> str:
    if not isinstance(cell, dict) or not isinstance(cell.get("config"), dict):
        return "no cell"
    return plain_name(cell.get("class_name"))


def _levels(
    cells: Cells, own: Mapping[str, Any], name: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give each layer's kind and config: the cell's, with the RNN's arguments in their places."""
    for number, (kind, cell) in enumerate(cells):
        config = {**cell, **own, "name": name}
        config["trainable"] = bool(cell.get("trainable", True) and own.get("trainable", True))
        if number:
            config["go_backwards"] = False  # the steps come turned around
        if number + 1 < len(cells):
            config |= {"name": f"{name}_level_{number}", "return_sequences": True}
            config["zero_output_for_mask"] = False
        yield CELLS[kind], config


def _count(cells: Cells, own: Mapping[str, Any], handed: bool) -> int:
    """Return how many levels of one LSTM the cells are; 1 where they are layers in a row.

    Each level of such an LSTM goes backwards by itself, which a stack of cells does not; and
    Keras has nothing for one that hands states on, which layers in a row can.
    """
    first, *others = map(_plain, cells)
    same = first[0] == "LSTMCell" and all(one == first for one in others)
    rows = handed or own.get("stateful") or own.get("go_backwards")
    return len(cells) if same and not rows else 1


def _plain(value: Any) -> Any:
    """Return a config without what cells of one LSTM may differ in."""
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items() if key not in DIFFERING}
    return value
