"""The layers of a functional model, as its user connected them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nlstm.arguments.names import FreeNames
from nlstm.arguments.structures import is_nested, leaves, packed
from nlstm.kernels.devices import checked_device, default_device
from nlstm.layers import InputLayer, Layer
from nlstm.network.depth import check_depth
from nlstm.network.design import Renamings, rename, taken
from nlstm.network.network import Network, checked_dtype
from nlstm.plan.graph import Graph
from nlstm.plan.precision import FLOAT32, checked_precision
from nlstm.plan.symbols import Shape, Symbol

__all__ = ["Wiring"]


class Wiring:
    """A `Design` that is whole from the start.

    Parameters
    ----------
    inputs, outputs : Symbol, or nested lists, tuples and dicts of Symbol
    dtype : {"float32", "float64"}, optional
    device : str, optional
        Where it computes; by default `default_device()`.
    matmul_precision : str, optional
        By default `get_matmul_precision()`.

    Raises
    ------
    TypeError, ValueError
        See `Model`; nothing was changed.
    """

    def __init__(
        self,
        inputs: Any,
        outputs: Any,
        dtype: Any,
        device: str | None = None,
        matmul_precision: Any = None,
    ) -> None:
        self.matmul_precision = checked_precision(matmul_precision)
        self.device = default_device() if device is None else checked_device(device)
        self.dtype: np.dtype | None = None if dtype is None else checked_dtype(dtype)
        given = _symbols("inputs", inputs), _symbols("outputs", outputs)
        self.graph = Graph(*given)
        if len(set(given[0])) < len(given[0]):
            raise ValueError("inputs names one input twice.")
        self.layers = [one for one in self.graph.layers if not isinstance(one, InputLayer)]
        if not self.layers:
            raise ValueError("The model has no layers.")
        check_depth("The model", self.layers)
        _name_layers(self.graph.layers)
        for layer in self.graph.layers:
            self.dtype = taken(layer, self.dtype)
        for layer in self.layers:  # for other models that take it
            layer.dtype = self.dtype
        self._form, self._input_form = outputs, inputs
        self.input_names = _names(inputs, given[0])
        self.output_names = _names(outputs, given[1])
        self._network = self._made()

    def expect(self, form: Any) -> None:
        """Take inputs in another form: lists, tuples and dicts with one leaf for each."""
        self._input_form = packed(form, self.graph.inputs)
        self._network = self._made()

    def _made(self) -> Network:
        self._renamings = Renamings.count
        dtype = self.dtype or np.dtype(np.float32)
        names = self.input_names, self.output_names
        labels = tuple(self.labelled())
        where = self._input_form, self.device, self.matmul_precision
        return Network(self.graph, self._form, *names, labels, dtype, *where)

    def __getstate__(self) -> dict[str, Any]:
        """Return what copies and pickles hold; a graph that begins inside another is cut off."""
        graph = self.graph
        if any(symbol.node.inputs for symbol in graph.inputs):
            inputs = [_beginning(symbol) for symbol in graph.inputs]
            graph = Graph(inputs, graph.call_on(inputs, keep=False))
        forms = [packed(one, range(len(leaves(one)))) for one in (self._form, self._input_form)]
        names = self.input_names, self.output_names
        return {
            "graph": graph,
            "forms": forms,
            "names": names,
            "dtype": self.dtype,
            "device": self.device,
            "matmul_precision": self.matmul_precision,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what `__getstate__` gave."""
        self.graph, self.dtype = state["graph"], state["dtype"]
        self.device = checked_device(state["device"]) if "device" in state else default_device()
        self.matmul_precision = state.get("matmul_precision", FLOAT32)
        form, input_form = state["forms"]
        self._form = packed(form, self.graph.outputs)
        self._input_form = packed(input_form, self.graph.inputs)
        self.layers = [one for one in self.graph.layers if not isinstance(one, InputLayer)]
        for layer in self.graph.layers:
            layer.taken = True
        self.input_names, self.output_names = state["names"]
        self._network = self._made()

    def labelled(self) -> Iterator[tuple[str, Layer]]:
        """Give each layer with its name."""
        for layer in self.layers:
            yield layer.name, layer

    @property
    def sample(self) -> Shape:
        """Shape of one sample of the first input."""
        return self.graph.inputs[0].sample

    def settle(self, dtype: np.dtype | None) -> None:
        """Take the dtype of the model around, if there is none yet."""
        if self.dtype is None and dtype is not None:
            self.dtype = dtype
            for layer in self.layers:  # for other models that take it
                layer.dtype = dtype
            self._network = self._made()

    def place(self, device: str) -> None:
        """Compute elsewhere from now on; weights are moved by others."""
        self.device = device
        self._network = self._made()

    def network(self, action: str) -> Network:
        """Return the network."""
        if self._renamings != Renamings.count:
            self._renamings = Renamings.count
            if any(label != layer.name for label, layer in self._network.labels):
                self._network = self._made()
        return self._network

    def network_for(self, x: Any) -> Network:
        """Return the network."""
        return self.network("This")

    def keep(self, *samples: Shape) -> Network:
        """Return the network."""
        return self.network("This")

    def graph_inside(self, sample: Shape, keep: bool) -> Graph:
        """Return the graph."""
        return self.graph


def _beginning(symbol: Symbol) -> Symbol:
    """Return an input in the place of `symbol`, which another layer may have made."""
    if not symbol.node.inputs:
        return symbol
    return InputLayer(symbol.sample, symbol.batch_size, name=f"{symbol.name}_input").output


def _symbols(what: str, given: Any) -> list[Symbol]:
    values = [one for one in leaves(given) if one is not None]
    for one in values:
        if not isinstance(one, Symbol):
            raise TypeError(f"{what} of a model are what Input or layers returned; got {one!r}.")
    if not values:
        raise ValueError(f"A model needs {what}.")
    return values


def _name_layers(layers: Sequence[Layer]) -> None:
    """Make names unique; those that the user chose, and those in use, stay."""
    names = FreeNames()
    for layer in layers:
        if layer.named_by_user:
            if layer.name in names:
                raise ValueError(
                    f"The name {layer.name!r} is used twice in the model; names are unique."
                )
            names.take(layer.name)
    for layer in sorted(layers, key=lambda layer: not layer.taken):
        if not layer.named_by_user:
            rename(layer, names.free(layer.name))
            names.take(layer.name)


def _names(given: Any, symbols: Sequence[Symbol]) -> tuple[str, ...]:
    """Return the names of inputs or outputs: a dict's keys, or the layers', made unique."""
    if isinstance(given, Mapping) and not is_nested(given):
        return tuple(given)
    names, found = FreeNames(), list[str]()
    for symbol in symbols:
        found.append(names.free(symbol.name))
        names.take(found[-1])
    return tuple(found)
