"""A graph of ONNX while it is written: nodes, arrays, and names that are free."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nlstm.interop.onnx.package import DOMAIN, onnx

__all__ = ["Form", "Given", "Nodes", "lacking"]


def lacking(what: str) -> ValueError:
    """Return the error for what ONNX does not have."""
    return ValueError(
        f"{what}, which ONNX does not have: nothing was written. Files of nlstm's own, such as "
        "'model.nlstm', hold it."
    )


class Nodes:
    """The nodes of a graph, in the order in which they run.

    Parameters
    ----------
    dtype : dtype
        Of its numbers.
    values : dict of int to (str, array)
        Names and copies of the weights, by the id of the parameter.

    Attributes
    ----------
    here : str
        What the names of the nodes that come next begin with.
    functions : dict
        The names of nlstm's functions that are used.
    """

    def __init__(self, dtype: np.dtype, values: dict[int, tuple[str, np.ndarray]]) -> None:
        self.dtype, self.here, self._values = dtype, "", values
        self.nodes: list[Any] = []
        self.arrays: dict[str, np.ndarray] = {}
        self.functions: dict[str, None] = {}
        self._counts: dict[str, int] = {}
        self._constants: dict[tuple[Any, ...], str] = {}
        self._weights: dict[tuple[int, str], str] = {}
        self._made: dict[tuple[str, ...], list[str]] = {}

    def free(self, hint: str) -> str:
        """Return a name that nothing has yet."""
        start = f"{self.here}/{hint}"
        number = self._counts[start] = self._counts.get(start, -1) + 1
        return f"{start}_{number}" if number else start

    def add(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Append a node with one output; return its name."""
        return self.several(op, 1, *inputs, **attributes)[0]

    def several(self, op: str, count: int, *inputs: str, **attributes: Any) -> list[str]:
        """Append a node; return the names of its outputs."""
        name = self.free(op)
        outputs = [name] if count == 1 else [f"{name}:{number}" for number in range(count)]
        node = onnx().helper.make_node(op, inputs, outputs, name, **attributes)
        self.nodes.append(node)
        return outputs

    def function(self, name: str, count: int, *inputs: str, **attributes: Any) -> list[str]:
        """Append a call of one of nlstm's functions, or return what the same one gave."""
        self.functions.setdefault(name)
        key = (name, *inputs, str(attributes))
        if key not in self._made:
            self._made[key] = self.several(name, count, *inputs, domain=DOMAIN, **attributes)
        return self._made[key]

    def constant(self, value: Any) -> str:
        """Return the name of an array that is no weight: numbers of the graph's dtype, or int64."""
        array = np.asarray(value)
        array = array.astype(self.dtype if array.dtype.kind == "f" else np.int64)
        key = (array.dtype.name, array.shape, array.tobytes())
        if key not in self._constants:
            name = f"constant_{len(self._constants)}"
            self._constants[key], self.arrays[name] = name, array
        return self._constants[key]

    def value(self, parameter: Any) -> np.ndarray:
        """Return a weight's numbers."""
        return self._values[id(parameter)][1]

    def weight(self, parameter: Any) -> str:
        """Return the name of a weight's array, as it is."""
        return self.array(parameter, "", lambda: self.value(parameter))

    def array(self, parameter: Any, role: str, made: Callable[[], np.ndarray]) -> str:
        """Return the name of an array that is made of a weight and perhaps others.

        A layer that is called again has the same array.
        """
        key = (id(parameter), role)
        if key not in self._weights:
            name = self._values[id(parameter)][0]
            name = f"{name.rpartition('/')[0]}/{role}" if role else name
            assert name not in self.arrays
            self.arrays[name] = np.ascontiguousarray(made(), self.dtype)
            self._weights[key] = name
        return self._weights[key]

    def prune(self, outputs: Sequence[str]) -> None:
        """Take away what the outputs do not need."""
        needed, kept = set(outputs), []
        for node in reversed(self.nodes):
            if needed.intersection(node.output):
                needed.update(node.input)
                kept.append(node)
        self.nodes = kept[::-1]
        self.arrays = {name: array for name, array in self.arrays.items() if name in needed}
        used = {node.op_type for node in kept if node.domain == DOMAIN}
        self.functions = {name: None for name in self.functions if name in used}


@dataclass(frozen=True)
class Given:
    """What a call of a layer gets.

    Attributes
    ----------
    names, masks : list of str
        Of the values, and of their masks or None.
    samples : list of tuple
        The shapes of samples.
    """

    names: Sequence[str]
    masks: Sequence[str | None]
    samples: Sequence[tuple[int | None, ...]]

    @property
    def one(self) -> str:
        """The first value."""
        return self.names[0]

    @property
    def rank(self) -> int:
        """Axes of the first value, with that of the batch."""
        return 1 + len(self.samples[0])


Form = Callable[[Nodes, Any, Given], str | list[str]]
