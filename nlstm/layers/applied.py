"""A model of one input and one output, as a layer that applies it knows it."""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from nlstm.kernels.operations import Operations
from nlstm.layers.building import build_node
from nlstm.layers.layer import Layer, Shape
from nlstm.layers.shapes import shown
from nlstm.plan.graph import Graph
from nlstm.plan.parameters import Parameter
from nlstm.plan.plan import Plan, Tensor

__all__ = ["Applied"]


class Designed(Protocol):
    """A model's layers, as far as this file knows them."""

    dtype: np.dtype | None

    @property
    def layers(self) -> list[Layer]:
        """The layers, those of models inside too."""

    @property
    def graph(self) -> Graph | None:
        """The graph; None as long as nothing is known of the input."""

    def labelled(self) -> Iterator[tuple[str, Layer]]:
        """Give each layer with its name."""

    def settle(self, dtype: np.dtype | None) -> None:
        """Take the dtype of the model around, if there is none yet."""

    def graph_inside(self, sample: Shape, keep: bool) -> Graph:
        """Return the graph for an input of shape `sample`."""


class Applied:
    """Runs a model's layers, which stay the model's: they share its weights.

    Parameters
    ----------
    model : Sequential or Model

    Attributes
    ----------
    parameters : list of Parameter
        Once they are built.

    Raises
    ------
    ValueError
        It has several inputs or outputs, or a layer in it keeps its state from batch to batch.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.parameters: list[Parameter] = []
        self._graph: Graph | None = None
        self._made: list[Any] = []  # the layers that got their weights here
        graph = self._design.graph
        if graph is not None and (len(graph.inputs), len(graph.outputs)) != (1, 1):
            raise ValueError(
                f"A model that is applied to steps has one input and one output; {model.name!r} "
                f"has {len(graph.inputs)} and {len(graph.outputs)}."
            )
        for layer in self._design.layers:
            if getattr(layer, "stateful", False):
                raise ValueError(
                    f"{layer.name} of {model.name!r} is stateful: a model that is applied to steps "
                    "cannot go on from batch to batch."
                )

    def __getstate__(self) -> dict[str, Any]:
        """Return what copies and pickles hold: the model, whose layers come with their weights."""
        return {"model": self.model}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what `__getstate__` gave."""
        self.model = state["model"]
        self.parameters, self._graph, self._made = [], None, []

    @property
    def _design(self) -> Designed:
        return self.model.design

    @property
    def dtype(self) -> np.dtype | None:
        """What it computes in, None if that is still open."""
        return self.model.dtype if self.model.built else self._design.dtype

    @property
    def index_limit(self) -> int | None:
        """Below which its input's indices are; None if it takes other numbers."""
        graph, layers = self._design.graph, self._design.layers
        if graph is not None:
            return graph.limits[0]
        return layers[0].index_limit if layers else None

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of one output sample; raise if `shape` does not fit."""
        graph = self._design.graph_inside(shape, keep=False)
        known = graph.inputs[0].sample
        fits = len(known) == len(shape) and all(
            one in (None, other) for one, other in zip(known, shape, strict=True)
        )
        if not fits:
            raise ValueError(f"it is for inputs of shape {shown(known)}; got {shown(shape)}.")
        return graph.output_shapes([shape])[0]

    def build(self, ops: Operations, shape: Shape, dtype: np.dtype) -> None:
        """Make the weights of layers that have none yet."""
        self._design.settle(dtype)
        self._graph = self._design.graph_inside(shape, keep=True)
        self._made = [node.layer for node in self._graph.nodes if not node.layer.built]
        for node in self._graph.nodes:
            build_node(node, ops, dtype)
        self.parameters = [one for layer in self._graph.layers for one in layer.parameters]

    def unbuild(self) -> None:
        """Forget the weights that were made here."""
        for layer in self._made:
            layer.unbuild()
        self.parameters, self._graph, self._made = [], None, []

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Give each weight with the names of the model, the layer and its own."""
        for label, layer in self._design.labelled():
            for name, parameter in layer.named_parameters():
                yield f"{self.model.name}/{label}/{name}", parameter

    def bind(self, plan: Plan, x: Tensor) -> Tensor:
        """Append the calls of all layers."""
        graph = self._graph
        assert graph is not None
        if self._design.graph is not graph:
            raise ValueError(
                f"The model {self.model.name!r} has changed since it was applied to steps: make a "
                "new layer around it."
            )
        kept = plan.fused, plan.handed_on  # for layers around this one
        plan.fused = plan.handed_on = None
        (y,) = graph.bind(plan, [x])
        plan.fused, plan.handed_on = kept
        return y
