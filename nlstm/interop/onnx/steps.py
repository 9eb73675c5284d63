"""What is read of a graph before layers are made: steps, and how tensors lie in their values."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from nlstm.interop.onnx.masks import Mask

__all__ = [
    "MERGED", "RAW", "Atom", "Axes", "Const", "Marks", "Open", "Ref", "Step", "Unsupported", "View",
    "sizes_of",
]  # fmt: skip


# Outputs that a node has not:
RAW = 90  # what a layer that goes backwards gives, in the order in which it gives it
MERGED = 91  # what a Bidirectional makes of both directions


class Unsupported(Exception):
    """Something that nlstm has no layer for."""


class Open(int):
    """A number of steps that the file leaves open; its value stands for all."""


@dataclass(eq=False)
class Step:
    """A layer that will be, and its call.

    Attributes
    ----------
    kind : str
        The layer's class; "Input"; "Pointwise", a function of each number; "Affine", one for each
        feature.
    arguments : dict
        The layer's, or what the kind has.
    inputs : list of Ref
    shapes : list of tuple of int
        Of a sample of each output.
    weights : dict of str to array
        In nlstm's layout, by the names that the layer has for them.
    key : tuple
        The names of arrays in the file: steps with the same share a layer.
    name : str
        What the node is called.
    mask : Ref, optional
        Numbers that are given as the mask of the first input.
    wanted : Mask, optional
        What a layer that skips steps goes by in the file; None for all steps.
    """

    kind: str
    arguments: dict[str, Any]
    inputs: list["Ref"]
    shapes: list[tuple[int, ...]]
    weights: dict[str, Any] = field(default_factory=dict)
    key: tuple[Any, ...] = ()
    name: str = ""
    mask: "Ref | None" = None
    wanted: Mask | None = None


class Ref(NamedTuple):
    """One output of a step."""

    step: Step
    number: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a sample."""
        if self.number == MERGED:
            return tuple(self.step.arguments["shape"])
        return self.step.shapes[0 if self.number == RAW else self.number]


@dataclass(eq=False)
class Atom:
    """What an axis is made of: the batch, an axis of a sample or a part of one, or repetition."""

    size: int
    role: str = "axis"


Axes = tuple[tuple[Atom, ...], ...]


@dataclass(frozen=True)
class View:
    """A tensor of the graph: how the numbers of a step's output lie in it.

    Attributes
    ----------
    ref : Ref
    parts : tuple of tuples of Atom
        What (batch, *sample) of the output is made of.
    axes : tuple of tuples of Atom
        What the tensor's axes are made of; none for an axis of one.
    packed : Mask, optional
        Only the steps that count come first, as nlstm's function puts them.
    chosen : bool
        Whether numbers for masked steps were put in.
    whole : bool
        Whether it is of whole numbers, which may be indices and nothing else.
    """

    ref: Ref
    parts: Axes
    axes: Axes
    packed: Mask | None = None
    chosen: bool = False
    whole: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """The tensor's shape."""
        return sizes_of(self.axes)

    @property
    def layout(self) -> tuple[Any, ...]:
        """How axes lie, to compare it with that of other views."""
        places = {
            id(atom): (part, number, int(atom.size))
            for part, atoms in enumerate(self.parts)
            for number, atom in enumerate(atoms)
            if atom.size != 1 or atom.role == "batch"
        }
        return tuple(
            tuple(
                places.get(id(atom), (-1, 0, int(atom.size)))
                for atom in axis
                if id(atom) in places or atom.role == "repeat"
            )
            for axis in self.axes
        )

    def moved(self, axes: Sequence[tuple[Atom, ...]], **changes: Any) -> "View":
        """Return the same numbers with other axes."""
        return replace(self, axes=tuple(axes), **changes)


def sizes_of(axes: Axes) -> tuple[int, ...]:
    """Return the sizes of axes; one that is open stays so where nothing is beside it."""
    found: list[int] = []
    for axis in axes:
        real = [atom.size for atom in axis if atom.size != 1 or isinstance(atom.size, Open)]
        found.append(real[0] if len(real) == 1 else math.prod(real))
    return tuple(found)


@dataclass(frozen=True)
class Const:
    """An array that is known.

    Attributes
    ----------
    drawn : bool
        Whether its numbers follow from the size of the batch, or of open steps, which stand for
        all; its shape may in any case.
    places : ndarray of bool, optional
        Which of its numbers do; None for all of them, or none.
    seldom : bool
        Whether it is another one only where a size that stands for all is 1.
    """

    array: np.ndarray
    drawn: bool = False
    places: np.ndarray | None = None
    seldom: bool = False

    @property
    def is_zero(self) -> bool:
        """Whether it is nothing but zeros."""
        return not self.array.any()


class Marks(NamedTuple):
    """A mask, (batch, steps), or the lengths that it has."""

    mask: Mask
    lengths: bool = False


Attributes = Mapping[str, Any]
