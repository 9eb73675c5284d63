"""A graph gone through once, node by node, with sizes that stand for all sizes.

Every open axis gets a prime number that is nobody's size. So shapes are plain numbers, what is
computed from them too, and a reshape shows what it does.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from nlstm.interop.onnx.folding import LARGEST, folded
from nlstm.interop.onnx.nodes_in import NodeOf, array_of, type_name
from nlstm.interop.onnx.steps import Atom, Const, Open, Ref, Step, Unsupported, View, sizes_of

__all__ = ["LOOPS", "Handler", "TimeMajor", "Tracer"]

FLOATS = (1, 10, 11, 16)  # float, float16, double, bfloat16, as ONNX numbers types
WHOLE = (*range(2, 8), 9, 12, 13)
PRIMES = (1009, 1013, 1019, 1021, 1031, 1033, 1039, 1049, 1051, 1061, 1063, 1069, 1087, 1091, 1093)
# What a node that is against the rules may end in.
UNEXPECTED = (ValueError, TypeError, IndexError, KeyError, AttributeError, ZeroDivisionError)
COPIES = 4  # of all that a file holds, which nodes of known numbers may make together
SHOWN = 4  # inputs of a node in an error
LOOPS = ("Loop", "Scan")
# What whole numbers may go through.
OF_WHOLE = (
    "Cast", "Gather", "Identity", "Reshape", "Shape", "Squeeze", "Transpose", "Unsqueeze",
    "nlstm.MaskOfNumbers",
)  # fmt: skip


class TimeMajor(Exception):
    """An input has the batch on its second axis; its argument is the inputs' names."""


Handler = Callable[["Tracer", NodeOf, list[Any]], Any]


class Tracer:
    """What is known of a graph's tensors.

    Parameters
    ----------
    graph : GraphProto
    version : int
        Of the operators.
    handlers : dict
        What reads a node, by its op.
    swapped : set of str
        Inputs that have the batch on their second axis.
    """

    def __init__(
        self, graph: Any, version: int, handlers: Mapping[str, Handler], swapped: set[str]
    ) -> None:
        self.graph, self.version, self.handlers, self.swapped = graph, version, handlers, swapped
        self.arrays = {one.name: one for one in graph.initializer}
        self.values: dict[str, Any] = {"": None}
        self.steps: list[Step] = []
        self.problems: list[str] = []
        self.inputs: list[Step] = []
        self._shaped: dict[tuple[Any, ...], Ref] = {}
        self._scopes: list[dict[str, Any]] = []
        taken = {int(n) for one in graph.initializer for n in one.dims}
        self._free = [prime for prime in PRIMES if prime not in taken]
        self._sizes: dict[str, int] = {}
        self.batch = Atom(self._batch_size(), "batch")
        self.measured: str | None = None  # the input of lengths
        for one in graph.input:
            if one.name not in self.arrays:
                self._input(one)
        self._take(self.arrays.values())
        for one in graph.sparse_initializer:
            self.lacks(f"array {one.values.name!r} is stored sparse, and whole ones are read")
            self.values[one.values.name] = Broken
        if len(self.arrays) < len(graph.initializer):
            self.lacks("several arrays of one name")
        held = sum(one.array.size for one in self.values.values() if isinstance(one, Const))
        self._room = COPIES * (LARGEST + held)

    def run(self) -> list[Ref]:
        """Go through the nodes; return the outputs, batch first."""
        self._walk(self.graph)
        return [ref for one in self.graph.output if (ref := self._output(one.name)) is not None]

    def inside(self, graph: Any) -> list[Any]:
        """Go through a graph that a node has in it; return its outputs."""
        outside = dict(self.values)
        self._take(graph.initializer)
        self._walk(graph)
        found = [self.values.get(one.name, Broken) for one in graph.output]
        for one in graph.output:
            if one.name not in self.values:
                self.lacks(f"output {one.name!r} of {graph.name!r}, which no node makes")
        self._scopes.append(self.values)  # arrays are known by where they are, so they stay there
        self.values = outside  # its names are its own
        return found

    def _take(self, arrays: Iterable[Any]) -> None:
        for one in arrays:
            try:
                self.values[one.name] = Const(array_of(one, one.name))
            except Unsupported as error:
                self.lacks(str(error))
                self.values[one.name] = Broken

    def _walk(self, graph: Any) -> None:
        for proto in graph.node:
            node = NodeOf(proto)
            found: Sequence[Any] = [Broken] * len(node.outputs)
            try:
                found = self._read(node)
            except Unsupported as error:
                self.lacks(f"{node}: {error}{self._given(node)}")
            except UNEXPECTED as error:
                text = f"it cannot be followed ({type(error).__name__}: {error})"
                self.lacks(f"{node}: {text}{self._given(node)}")
            for number, name in enumerate(node.outputs):
                if name and name in self.values:
                    self.lacks(f"{node}: its output {name!r} is there already")
                if name:
                    self.values[name] = found[number] if number < len(found) else Broken

    def lacks(self, what: str) -> None:
        """Remember what nlstm does not have."""
        if what not in self.problems:
            self.problems.append(what)

    def _read(self, node: NodeOf) -> Sequence[Any]:
        missing = [name for name in node.inputs if name not in self.values]
        if missing:
            raise Unsupported(f"nothing before it makes its input {missing[0]!r}")
        inputs = [self.values[name] for name in node.inputs]
        known = inputs and all(isinstance(one, Const | None) for one in inputs) and node.plain
        if node.known_domain and node.op in LOOPS:
            raise Unsupported("nlstm has nothing like it: its steps are written out, not a node")
        if not node.known_domain or (node.op not in self.handlers and not known):
            raise Unsupported("nlstm has nothing like it")
        if node.op not in OF_WHOLE and any(getattr(one, "whole", False) for one in inputs):
            raise Unsupported("it computes with whole numbers")
        if any(one is Broken for one in inputs):
            return [Broken] * len(node.outputs)
        if known:
            made = folded(node, inputs, self.version, self._room)
            self._room -= sum(one.array.size for one in made)
            return made
        found = self.handlers[node.op](self, node, inputs)
        return found if isinstance(found, list) else [found]

    def _given(self, node: NodeOf) -> str:
        """Return what a node takes, and makes, for errors."""
        shown = []
        for name in filter(None, node.inputs):
            value = self.values.get(name)
            shape = value.shape if isinstance(value, View) else None
            shape = value.array.shape if isinstance(value, Const) else shape
            shown.append(name if shape is None else f"{name} {self.named(shape)}")
        if len(shown) > SHOWN:
            shown[SHOWN:] = ["..."]
        return f" [{', '.join(shown)} -> {', '.join(filter(None, node.outputs))}]"

    def named(self, sizes: Sequence[int]) -> str:
        """Return a shape as people write it."""
        shown = (
            "batch" if n == self.batch.size else "any" if isinstance(n, Open) else str(n)
            for n in sizes
        )
        return f"({', '.join(shown)})"

    # Inputs and outputs

    def _batch_size(self) -> int:
        """Return the size of the batch: what inputs say, or a number that stands for all."""
        for one in self.graph.input:
            dims = one.type.tensor_type.shape.dim
            axis = 1 if one.name in self.swapped else 0
            if one.name not in self.arrays and len(dims) > axis:
                dim = dims[axis]
                if not dim.dim_param and dim.dim_value > 0:
                    return int(dim.dim_value)
        return self._free.pop(0)

    def _size(self, name: str, axis: int, dim: Any) -> int:
        if dim.dim_value > 0 and not dim.dim_param:
            return int(dim.dim_value)
        key = dim.dim_param or f"{name} {axis}"
        if key not in self._sizes:
            if not self._free:
                raise Unsupported("more open sizes than are looked for")
            self._sizes[key] = self._free.pop(0)
        return Open(self._sizes[key])

    def _input(self, one: Any) -> None:
        kind = one.type.tensor_type
        dims = list(kind.shape.dim)
        swap = one.name in self.swapped
        if not kind.HasField("shape") or not 1 <= len(dims) <= 3:
            self.lacks(f"input {one.name!r} with {len(dims)} axes; 2 or 3 are known")
            self.values[one.name] = Broken
            return
        if kind.elem_type not in (*FLOATS, *WHOLE):
            self.lacks(f"input {one.name!r} of {type_name(kind.elem_type)}; numbers are known")
            self.values[one.name] = Broken
            return
        if swap:
            dims = [dims[1], dims[0], *dims[2:]]
        sample = tuple(self._size(one.name, axis, dim) for axis, dim in enumerate(dims) if axis)
        if not sample:
            self.measured, self.values[one.name] = one.name, Lengths
            return
        whole = kind.elem_type in WHOLE
        if isinstance(sample[-1], Open) and not (whole and len(sample) == 1):
            self.lacks(f"input {one.name!r} leaves its number of features open; layers need it")
            self.values[one.name] = Broken
            return
        arguments = {"whole": whole, "double": kind.elem_type == 11}
        step = self.add("Input", arguments, [], [sample], name=one.name)
        self.inputs.append(step.step)
        view = replace(self.view(step), whole=whole)
        self.values[one.name] = (
            view.moved([view.axes[1], view.axes[0], *view.axes[2:]]) if swap else view
        )

    def _output(self, name: str) -> Ref | None:
        if name not in self.values:
            self.lacks(f"output {name!r}, which no node makes")
            return None
        value = self.values[name]
        if value is Broken:
            if not self.problems:
                self.lacks(f"output {name!r}, which no layer gives")
            return None
        if not isinstance(value, View):
            self.lacks(f"output {name!r}, which does not follow from the inputs")
            return None
        place = [number for number, axis in enumerate(value.axes) if self.batch in axis]
        first = place[0] if place else 0
        order = [value.axes[first], *(one for at, one in enumerate(value.axes) if at != first)]
        if len(order) == 1 or (len(order) == 2 and isinstance(value.moved(order).shape[1], Open)):
            order.append(())  # one number for each row, or each step
        try:
            return self.sample(value.moved(order))
        except Unsupported as error:
            self.lacks(f"output {name!r}: {error}")
            return None

    # Steps

    def add(
        self,
        kind: str,
        arguments: dict[str, Any],
        inputs: Sequence[Ref],
        shapes: Sequence[tuple[int, ...]],
        weights: dict[str, Any] | None = None,
        key: tuple[Any, ...] = (),
        name: str = "",
    ) -> Ref:
        """Append a step; return its first output."""
        arrays = tuple((one, id(self.values.get(one))) for one in key)
        step = Step(kind, arguments, list(inputs), list(shapes), weights or {}, arrays, name)
        self.steps.append(step)
        return Ref(step)

    def view(self, ref: Ref) -> View:
        """Return an output as it is: the batch, then the axes of a sample."""
        parts = ((self.batch,), *((Atom(n),) for n in ref.shape))
        return View(ref, parts, parts)

    def sample(self, view: View) -> Ref:
        """Return the output whose axes are those of a tensor, after steps that make them so.

        Raises
        ------
        Unsupported
            The batch is not first, or the axes lie as no layer puts them.
        """
        axes = list(view.axes)
        if not axes or axes[0] != (self.batch,):
            raise Unsupported("the batch is not its first axis")
        while len(axes) > 3 and () in axes[1:]:
            axes.pop(1 + axes[1:].index(()))
        shape = sizes_of(tuple(axes))[1:]
        if not 1 <= len(shape) <= 2:
            raise Unsupported(f"a value of {len(shape) + 1} axes")
        key = (view.ref, view.moved(axes).layout)
        if key not in self._shaped:
            self._shaped[key] = self._made(view, axes[1:], shape)
        return self._shaped[key]

    def _made(self, view: View, axes: Sequence[Any], shape: tuple[int, ...]) -> Ref:
        ref = view.ref
        order = [atom for axis in axes for atom in axis if atom.size != 1]
        parts = [[atom for atom in part if atom.size != 1] for part in view.parts[1:]]
        plain = [atom for part in parts for atom in part]
        repeats = [atom for atom in order if atom.role == "repeat"]
        if order == plain:
            return self.reshaped(ref, shape)
        if len(repeats) == 1:
            count = int(repeats[0].size)
            if order == [repeats[0], *plain] and len(ref.shape) == 1:
                made = self.add("RepeatVector", {"n": count}, [ref], [(count, *ref.shape)])
                return self.reshaped(made, shape)
            if len(parts) == 2 and order == [*parts[0], repeats[0], *parts[1]]:
                more = _kept(ref.shape[0] * count, ref.shape[0]), ref.shape[1]
                made = self.add("UpSampling1D", {"size": count}, [ref], [more])
                return self.reshaped(made, shape)
        if len(parts) == 2 and order == [*parts[1], *parts[0]]:
            if isinstance(ref.shape[0], Open):
                raise Unsupported("steps of an open number become features")
            turned = self.add("Permute", {"dims": (2, 1)}, [ref], [ref.shape[::-1]])
            return self.reshaped(turned, shape)
        raise Unsupported("axes in an order that no layer gives")

    def reshaped(self, ref: Ref, shape: tuple[int, ...]) -> Ref:
        """Return an output with samples of another shape."""
        if tuple(shape) == tuple(ref.shape):
            return ref
        if len(shape) == 1 and not any(isinstance(n, Open) for n in ref.shape):
            return self.add("Flatten", {}, [ref], [shape])
        if isinstance(shape[-1], Open) or (len(shape) == 1):
            raise Unsupported("features of an open number")
        if [int(n) for n in shape] == [int(n) for n in ref.shape]:
            return ref
        inside = any(isinstance(n, Open) for n in ref.shape)
        fixed = math.prod(int(n) for n in ref.shape if not isinstance(n, Open))
        if inside and fixed % int(shape[-1]):
            raise Unsupported("features of an open number")
        if inside and not isinstance(shape[0], Open):
            shape = (Open(shape[0]), shape[1])
        target = tuple(-1 if isinstance(n, Open) else int(n) for n in shape)
        return self.add("Reshape", {"target_shape": target}, [ref], [shape])


def _kept(size: int, before: int) -> int:
    """Return a number of steps that is open where that before is."""
    return Open(size) if isinstance(before, Open) else size


class Broken:
    """A tensor that depends on what could not be read."""


class Lengths:
    """The input that says how many steps count."""
