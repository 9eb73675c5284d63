"""A network: a graph of layers under the names by which users and files know its parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from nlstm import kernels
from nlstm.arguments.checks import checked_numpy_dtype, short_hint
from nlstm.arguments.structures import is_nested, matched, packed
from nlstm.kernels import default_device
from nlstm.kernels.operations import Operations
from nlstm.layers import Layer
from nlstm.plan.graph import Graph
from nlstm.plan.precision import FLOAT32
from nlstm.plan.symbols import Shape, Symbol

__all__ = ["Network", "checked_dtype"]

DTYPES = ("float32", "float64")


@dataclass(frozen=True, eq=False)
class Network:
    """What a model computes. It never changes: a model that does gets another one.

    Attributes
    ----------
    graph : Graph
    form : Any
        One symbol, or lists, tuples and dicts of them: the form in which outputs are given.
    input_names, output_names : tuple of str
        Keys of dicts of arrays, and what losses are called in logs.
    labels : tuple of (str, Layer)
        Each layer, but those of `Input`, with what it is called in files.
    dtype : dtype
        Of weights and computation.
    input_form : Any
        As `form`, of the inputs; None for one of a stack.
    device : str
        Where it computes.
    matmul_precision : str
        What its products multiply.
    """

    graph: Graph
    form: Any
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    labels: tuple[tuple[str, Layer], ...]
    dtype: np.dtype
    input_form: Any = None
    device: str = field(default_factory=default_device)
    matmul_precision: str = FLOAT32

    @cached_property
    def ops(self) -> Operations:
        """The kernels, loaded when first needed."""
        return kernels.load(self.device, self.dtype)

    @property
    def layers(self) -> list[Layer]:
        """The layers, but those of `Input`."""
        return [layer for _, layer in self.labels]

    @cached_property
    def samples(self) -> tuple[Shape, ...]:
        """Shape of one sample of each input."""
        return tuple(symbol.sample for symbol in self.graph.inputs)

    @property
    def output_features(self) -> list[int]:
        """Features of each output."""
        return [symbol.sample[-1] or 0 for symbol in self.graph.outputs]

    @cached_property
    def widest(self) -> int:
        """The most features that any value has."""
        made = [symbol for node in self.graph.nodes for symbol in node.outputs]
        return max(symbol.sample[-1] or 1 for symbol in [*self.graph.inputs, *made])

    @cached_property
    def stateful(self) -> list[Layer]:
        """The layers that go on from batch to batch."""
        return [layer for layer in self.layers if getattr(layer, "stateful", False)]

    @cached_property
    def keyed(self) -> bool:
        """Whether inputs are expected by name."""
        return isinstance(self.input_form, Mapping)

    @cached_property
    def nested(self) -> tuple[bool, bool]:
        """Whether inputs, and outputs, are lists, tuples or dicts in others."""
        return is_nested(self.input_form), is_nested(self.form)

    def flat_inputs(self, what: str, value: Any) -> Any:
        """Return a list of what is in the form of nested inputs; anything else stays as it is.

        A dict without the form's keys is one by names.
        """
        form = self.input_form
        by_name = isinstance(value, Mapping) and not (self.keyed and form.keys() <= value.keys())
        return matched(what, form, value) if self.nested[0] and not by_name else value

    def as_outputs(self, values: Sequence[Any]) -> Any:
        """Return one value for each output in the form in which the model gives them.

        As in Keras a list of one output is that output.
        """
        if isinstance(self.form, Symbol):
            return values[0]
        if len(values) == 1 and isinstance(self.form, list | tuple):
            return values[0]
        return packed(self.form, values)

    def as_symbols(self, symbols: Sequence[Symbol]) -> Any:
        """Return one symbol for each output in the form that the model was given."""
        return packed(self.form, symbols)


def checked_dtype(dtype: Any) -> np.dtype:
    """Return the dtype of a model, or raise an error that names those that there are."""
    found = checked_numpy_dtype("dtype", dtype)
    if found.name not in DTYPES:
        hint = short_hint(found.name)
        raise ValueError(f"dtype must be one of {DTYPES}; got {found.name!r}.{hint}")
    return found
