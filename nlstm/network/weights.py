"""The weights of a network: where they lie, how they are read and written."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from nlstm.arguments.checks import check_weight
from nlstm.arguments.numbers import as_array, holds_masks
from nlstm.kernels.operations import Operations
from nlstm.layers import Layer
from nlstm.network.network import Network
from nlstm.plan.gate import Gate
from nlstm.plan.parameters import Parameter, ParameterBuffer
from nlstm.plan.plan import Call
from nlstm.plan.symbols import Node, shapes_of

__all__ = ["Weights", "build_layers"]


class Weights:
    """Weights, made where a layer has none yet.

    Parameters
    ----------
    network : Network
    former : Weights, optional
        Those of the network before layers came to it: they all move to one place.

    Attributes
    ----------
    homes : list of ParameterBuffer
        Where the weights lie. Several where other models built some of the layers.
    named : dict of str to Parameter
        "layer/weight" to each, in Keras's order.
    shared, exclusive : callable
        Run function(*arguments) while nobody changes the weights, or reads them: see `Gate`.
    """

    def __init__(self, network: Network, former: "Weights | None" = None) -> None:
        self.network = network
        begun: list[Any] = []
        try:
            for node in network.graph.nodes:
                if not node.layer.built:
                    begun.append(node.layer)
                _build_layer(node, network)
            self.named = _by_name(network.labels)
            self.homes = _housed(list(self.named.values()), network.ops, former)
        except BaseException:  # an interrupt too: weights are made whole or not at all
            for layer in begun:
                layer.unbuild()
            raise
        gates = sorted((home.gate for home in self.homes), key=id)  # one order for all threads
        self.shared = _through(gates, Gate.shared)
        self.exclusive = _through(gates, Gate.exclusive)
        self._frozen: tuple[Layer, ...] = ()
        self._mirror: tuple[ParameterBuffer, list[Call], list[Call]] | None = None

    @property
    def moved(self) -> bool:
        """Whether another model has taken some elsewhere, so that views are dead."""
        for home in self.homes:  # looked at in every call, so without a generator
            if home.moved:
                return True
        return False

    def trained(self, frozen: Sequence[Layer]) -> dict[str, Parameter]:
        """Return the weights but those of `frozen` layers, and averages, by name."""
        labels = self.network.labels
        found = _by_name((label, one) for label, one in labels if one not in frozen)
        return {name: one for name, one in found.items() if one.trainable}

    def buffer(self, frozen: Sequence[Layer]) -> tuple[ParameterBuffer, list[Call], list[Call]]:
        """Return the weights that are trained in one flat array, and what moves them in and out.

        It is where they lie, or a copy of them where other models hold some, or some are frozen;
        then the calls fetch weights and gradients before a step, and give weights back after it.
        """
        own = list(self.trained(frozen).values())
        for home in self.homes:
            if list(home.parameters) == own:
                return home, [], []
        if self._mirror is None or tuple(frozen) != self._frozen:
            self._frozen = tuple(frozen)
            self._mirror = ParameterBuffer.mirror(own, self.network.ops)
        return self._mirror

    def get(self) -> list[np.ndarray]:
        """Return copies of all weights, in Keras's shapes and order."""
        return self.shared(lambda: [parameter.get() for parameter in self.named.values()])

    def set(self, weights: Sequence[Any]) -> None:
        """Overwrite all weights.

        Raises
        ------
        ValueError
            Their number or a shape is not the model's; nothing was changed.
        """
        arrays = [as_array("weights", weight) for weight in weights]
        for number, weight in enumerate(weights):
            if holds_masks(weight) and np.ma.is_masked(weight):
                raise ValueError(f"weights[{number}] is a masked array with masked elements.")
        if len(arrays) != len(self.named):
            raise ValueError(f"The model has {len(self.named)} weights; got {len(arrays)}.")
        for (name, parameter), array in zip(self.named.items(), arrays, strict=True):
            check_weight(name, parameter.shape, array)
        self.exclusive(self._overwrite, arrays)

    def _overwrite(self, arrays: Sequence[np.ndarray]) -> None:
        for parameter, array in zip(self.named.values(), arrays, strict=True):
            parameter.set(array)

    @property
    def readers(self) -> int:
        """How many threads read them now."""
        return self.homes[0].gate.readers

    @property
    def in_turn(self) -> Any:
        """The lock of what one thread at a time may do."""
        return self.homes[0].in_turn

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each weight by name."""
        return {name: parameter.shape for name, parameter in self.named.items()}

    @property
    def count(self) -> int:
        """The number of weights."""
        return sum(parameter.size for parameter in self.named.values())

    def first_non_finite(self) -> str | None:
        """Return "layer/weight" for the first that holds NaN or infinity, or None."""
        for name, parameter in self.named.items():
            if not parameter.is_finite():
                return name
        return None


def _through(gates: Sequence[Gate], way: Callable[..., Any]) -> Callable[..., Any]:
    """Return what runs a function behind all gates."""
    if len(gates) == 1:
        return partial(way, gates[0])

    def run(function: Callable[..., Any], *arguments: Any) -> Any:
        for gate in gates:
            function, arguments = way, (gate, function, *arguments)
        return function(*arguments)

    return run


def _by_name(labels: Iterable[tuple[str, Layer]]) -> dict[str, Parameter]:
    return {
        f"{label}/{parameter.name}": parameter
        for label, layer in labels
        for parameter in layer.parameters
    }


def build_layers(network: Network) -> dict[str, Parameter]:
    """Give layers that have no weights yet theirs, as names and shapes without values."""
    for node in network.graph.nodes:
        _build_layer(node, network)
    return _by_name(network.labels)


def _build_layer(node: Node, network: Network) -> None:
    layer, dtype = node.layer, network.dtype
    shapes = [symbol.sample for symbol in node.inputs]
    if not layer.built:
        _check_unchanged(node)
        layer.build(network.ops, *shapes, dtype)
        return
    for parameter in layer.parameters:
        if parameter.home is not None and parameter.home.value.dtype != dtype:
            raise ValueError(
                f"{layer.name} is {parameter.home.value.dtype}, but the model is {dtype}."
            )
    takes_features = layer.parameters and layer.index_limit is None  # not so many indices
    built = layer.built_shape or (None,)
    if takes_features and built[-1] != shapes[0][-1]:
        raise ValueError(
            f"{layer.name} was built for {built[-1]} features; it is called on {shapes[0][-1]}."
        )


def _check_unchanged(node: Node) -> None:
    """Raise if a layer would give other shapes than when it was called."""
    made = shapes_of(node.layer, [symbol.sample for symbol in node.inputs])
    if made != [symbol.sample for symbol in node.outputs]:
        raise ValueError(
            f"{node.layer.name} was changed after it was called: it gave "
            f"{[symbol.shape for symbol in node.outputs]} and now gives "
            f"{[(None, *shape) for shape in made]}. Make a new layer."
        )


def _housed(
    parameters: list[Parameter], ops: Operations, former: Weights | None
) -> list[ParameterBuffer]:
    """Give new weights a buffer; those of layers that other models built stay in theirs."""
    own = [] if former is None else former.homes
    kinds = [home.parameters[0].trainable for home in own if home.parameters]
    one_of_each = len(set(kinds)) == len(kinds)
    if own and one_of_each and all(one.home in (None, *own) for one in parameters):
        return ParameterBuffer.apart(parameters, ops) or [ParameterBuffer([], ops)]
    return ParameterBuffer.housed(parameters, ops)
