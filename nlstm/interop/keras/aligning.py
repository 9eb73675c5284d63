"""Where a model's layers lie in a tree of arrays: by their classes, by name, or by what fits.

A file counts layers by class and says nothing of their order. One that has as the cells of an `RNN`
what is layers in a row here, or the other way round, is matched by kinds, counts and shapes.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from nlstm import layers
from nlstm.interop.keras.making import Member
from nlstm.interop.keras.stacks import Stack
from nlstm.interop.keras.table import row_of
from nlstm.interop.keras.weights import CELLS, VARIABLES, Arrays, leaves_of, paths_of, places
from nlstm.plan.parameters import Parameter

__all__ = ["located"]

SHOWN = 12  # layers of a file in an error

KINDS = {layers.LSTM: "lstm", layers.GRU: "gru", layers.SimpleRNN: "simple_rnn"}
Places = list[tuple[str, Sequence[Parameter]]]


class Level(NamedTuple):
    """A recurrent layer, or one level of several."""

    member: Member
    kind: str
    parameters: Sequence[Parameter]


class Stacked(NamedTuple):
    """An `RNN` of a file, with the places of its cells by their kinds; a single cell has none."""

    name: str | None
    cells: dict[str | None, list[str]]

    @property
    def size(self) -> int:
        """How many cells it has."""
        return sum(map(len, self.cells.values()))


def located(
    members: Sequence[Member], arrays: Arrays, by_name: bool
) -> Iterator[tuple[Member, Places]]:
    """Give layers with the places of their weights; by name, those whose names a file has."""
    found = [(path, one) for path, one in paths_of(members, arrays) if _is_at(arrays, path, one)]
    wanted = [one for one in leaves_of(members) if one.made.parameters]
    nested = arrays.depth != _depth_of(members)
    if by_name or len(found) < len(wanted) or nested:
        named = arrays.by_name()
        missing = [one.name for one in wanted if one.name not in named]
        if missing and not by_name:
            rows = _aligned(members, arrays)
            if rows is None:
                raise _unmatched(missing, arrays, nested)
            yield from rows
            return
        found = [(named[one.name], one) for one in wanted if one.name in named]
    for path, one in found:
        yield one, list(places(str(path), one.made, one.row or row_of(one.made)))


def _is_at(arrays: Arrays, path: str | None, one: Member) -> bool:
    """Whether a layer is at a place; levels of one may be layers of their own there."""
    if path is None or getattr(one.made, "num_layers", 1) == 1:
        return path is not None
    return any(arrays.at(place) for place, _ in places(path, one.made, row_of(one.made)))


def _depth_of(members: Sequence[Member]) -> int:
    models = [one for one in members if one.row is None and not isinstance(one.made, Stack)]
    inside = [_depth_of(one.members) for one in models]
    return 1 + max(inside, default=0)


def _aligned(
    members: Sequence[Member], arrays: Arrays, place: str = ""
) -> list[tuple[Member, Places]] | None:
    """Return all layers with the places of their weights; None where they do not fit.

    Raises
    ------
    ValueError
        They fit in more than one way.
    """
    recurrent = [one for one in members if _kind(one) is not None]
    found: list[tuple[Member, Places]] = []
    for path, one in paths_of([one for one in members if _kind(one) is None], arrays, place, False):
        if path is None:
            return None
        if one.row is not None:
            found.append((one, list(places(path, one.made, one.row))))
            continue
        inside = _aligned(one.members, arrays, path)
        if inside is None:
            return None
        found += inside
    levels = [level for one in recurrent for level in _levels(one)]
    ways = _Ways(levels, arrays, place)
    if not ways.found:
        return None
    if len(ways.found) > 1:
        raise ValueError(
            f"its recurrent layers fit {', '.join(one.name for one in recurrent)} in more than one "
            "way: give the layer that stands for the last cell of an RNN the name that the file "
            f"has for it, {', '.join(repr(one.name) for one in ways.stacks)}."
        )
    own: dict[int, Places] = {}
    for level, where in zip(levels, ways.found[0], strict=True):
        own.setdefault(id(level.member), []).append((where, level.parameters))
    return found + [(one, own[id(one)]) for one in recurrent]


def _unmatched(missing: Sequence[str], arrays: Arrays, nested: bool) -> ValueError:
    """Return the error of layers that neither places nor names find."""
    found = list(dict.fromkeys(path.rpartition(f"/{VARIABLES}/")[0] for path in arrays.paths))
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    instead = "load_weights(path, by_name=True) loads the layers whose names it has."
    if nested and found:
        instead = (
            "A model inside another is no layer of its own in nlstm; load_model, where the file is "
            "of a whole model, keeps them apart."
        )
    return ValueError(
        f"its layers lie otherwise than the model's, and {', '.join(missing)} "
        f"{'is' if len(missing) == 1 else 'are'} not found by name. It has "
        f"{', '.join(found[:SHOWN]) or 'no arrays'}{more}. {instead}"
    )


def _kind(member: Member) -> str | None:
    return next((KINDS[cls] for cls in type(member.made).__mro__ if cls in KINDS), None)


def _levels(member: Member) -> Iterator[Level]:
    count, parameters = getattr(member.made, "num_layers", 1), member.made.parameters
    share = len(parameters) // count
    for at in range(count):
        yield Level(member, str(_kind(member)), parameters[at * share : (at + 1) * share])


class _Ways:
    """The ways in which levels are a container's recurrent layers, two at most.

    Attributes
    ----------
    found : list of list of str
        A place for each level.
    stacks : list of Stacked
    """

    def __init__(self, levels: Sequence[Level], arrays: Arrays, place: str) -> None:
        self.levels, self.arrays = levels, arrays
        container = arrays.container(place) or ""
        of_class = arrays.of_class
        self.plain = {
            kind: [f"{path}/cell" for path in of_class(container, kind)] for kind in KINDS.values()
        }
        self.stacks = [self._stacked(path) for path in of_class(container, "rnn")]
        self._known: dict[tuple[int, ...], list[list[str]]] = {}
        self.found: list[list[str]] = []
        for named in (False, True):  # names count where shapes leave a choice
            self._named = named
            self._known.clear()
            found = self._from(0, Counter(), 0)
            self.found = found or self.found
            if len(self.found) < 2:
                break

    def _stacked(self, path: str) -> Stacked:
        cells: dict[str | None, list[str]] = {
            kind: self.arrays.of_class(f"{path}/{CELLS}", f"{kind}_cell") for kind in self.plain
        }
        if not any(cells.values()):
            cells = {None: [f"{path}/cell"]}
        return Stacked(self.arrays.name_of(path), cells)

    def _from(self, at: int, used: Counter[str], stack: int) -> list[list[str]]:
        """Return the ways from a level on, after so many layers and stacks."""
        if at == len(self.levels):
            whole = stack == len(self.stacks) and all(
                used[kind] == len(own) for kind, own in self.plain.items()
            )
            return [[]] if whole else []
        state = (at, stack, *(used[kind] for kind in self.plain))
        if state not in self._known:
            found: list[list[str]] = []
            level = self.levels[at]
            own = self.plain[level.kind]
            if used[level.kind] < len(own) and self._fits(level, own[used[level.kind]]):
                rest = self._from(at + 1, used + Counter([level.kind]), stack)
                found += [[own[used[level.kind]], *one] for one in rest]
            if stack < len(self.stacks):
                run = self._run(at, self.stacks[stack])
                rest = [] if run is None else self._from(at + len(run), used, stack + 1)
                found += [[*(run or []), *one] for one in rest]
            self._known[state] = found[:2]
        return self._known[state]

    def _run(self, at: int, stack: Stacked) -> list[str] | None:
        """Return the places of a stack's cells for the levels from one on, if they fit."""
        run = self.levels[at : at + stack.size]
        if len(run) < stack.size or (self._named and run[-1].member.name != stack.name):
            return None
        used: Counter[str | None] = Counter()
        found = []
        for level in run:
            kind = None if None in stack.cells else level.kind
            own = stack.cells[kind]
            if used[kind] == len(own) or not self._fits(level, own[used[kind]]):
                return None
            found.append(own[used[kind]])
            used[kind] += 1
        return found

    def _fits(self, level: Level, place: str) -> bool:
        shapes = [tuple(one.shape) for one in self.arrays.at(place)]
        return shapes == [tuple(one.shape) for one in level.parameters]
