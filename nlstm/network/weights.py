"""The weights of a network: where they lie, how they are read and written."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from nlstm.arguments.checks import checked_weight
from nlstm.arguments.numbers import listed
from nlstm.kernels.operations import Operations
from nlstm.layers import Layer
from nlstm.layers.building import build_node
from nlstm.network.network import Network
from nlstm.plan.gate import Gate
from nlstm.plan.parameters import Parameter, ParameterBuffer
from nlstm.plan.plan import Call

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
                build_node(node, network.ops, network.dtype)
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
        """Return the weights but those of `frozen` layers, which may lie in others, by name.

        And but moving averages.
        """
        out = {id(parameter) for layer in frozen for parameter in layer.parameters}
        return {
            name: one for name, one in self.named.items() if one.trainable and id(one) not in out
        }

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
        given = listed("weights", weights)
        if len(given) != len(self.named):
            raise ValueError(f"The model has {len(self.named)} weights; got {len(given)}.")
        arrays = [
            checked_weight(name, parameter.shape, one, parameter.packed.dtype)
            for (name, parameter), one in zip(self.named.items(), given, strict=True)
        ]
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
    found: dict[str, Parameter] = {}
    seen: set[int] = set()  # a model inside TimeDistributed may lie outside of it too
    for label, layer in labels:
        for name, parameter in layer.named_parameters():
            if id(parameter) not in seen:
                seen.add(id(parameter))
                found[f"{label}/{name}"] = parameter
    return found


def build_layers(network: Network) -> dict[str, Parameter]:
    """Give layers that have no weights yet theirs, as names and shapes without values."""
    for node in network.graph.nodes:
        build_node(node, network.ops, network.dtype)
    return _by_name(network.labels)


def _housed(
    parameters: list[Parameter], ops: Operations, former: Weights | None
) -> list[ParameterBuffer]:
    """Give new weights a buffer; those of layers that other models built stay in theirs."""
    own = [] if former is None else former.homes
    kinds = [home.parameters[0].trainable for home in own if home.parameters]
    one_of_each = len(set(kinds)) == len(kinds)
    anew = bool(own) and one_of_each and all(one.home in (None, *own) for one in parameters)
    return ParameterBuffer.housed(parameters, ops, anew)
