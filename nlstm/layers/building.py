"""How a layer was built, so that a copy of it is built in the same way, on whatever device.

What `build` makes (weights, constants, the parts that hold them) stays behind: the copy makes its
own, and gets the weights' values. Its calls on symbols stay behind too, but for those of a model
that is copied with it.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, NamedTuple, Protocol

import numpy as np

from nlstm import kernels
from nlstm.arguments.checks import checked_weight
from nlstm.arguments.copies import found_again
from nlstm.kernels.operations import Operations, named
from nlstm.plan.parameters import Parameter, ParameterBuffer
from nlstm.plan.symbols import Node, shapes_of

__all__ = [
    "Building",
    "build_again",
    "build_node",
    "rebuild",
    "recipe_of",
    "remembering",
    "state_of",
]

Recipe = tuple[tuple[Any, ...], dict[str, int]]
ABSENT = object()
STAY_BEHIND = frozenset({"nodes", "taken", "parameters", "building"})


class Building(NamedTuple):
    """A call of `build`.

    Attributes
    ----------
    given : tuple
        Shapes and dtype.
    before : dict
        The attributes that it has set, as they were; `ABSENT` for new ones.
    """

    given: tuple[Any, ...]
    before: dict[str, Any]


class Buildable(Protocol):
    """A layer, as far as this file knows it."""

    name: str
    nodes: list[Node]
    taken: bool
    parameters: list[Parameter]
    building: Building | None

    @property
    def parts(self) -> Mapping[str, Any]:
        """The layers in it."""

    @property
    def inside(self) -> list[Any]:
        """Those, and the layers in them."""

    @property
    def build(self) -> Callable[..., None]:
        """What makes the weights."""

    @property
    def _state(self) -> Callable[[dict[str, Any]], dict[str, Any]]:
        """See `Configured`."""


def remembering(build: Callable[..., None]) -> Callable[..., None]:
    """Return a layer's `build` that remembers what it was given and what it has set."""

    @wraps(build)
    def build_and_remember(self: Any, ops: Operations, *given: Any) -> None:
        earlier = dict(vars(self))
        build(self, ops, *given)
        names = [name for name, one in vars(self).items() if earlier.get(name, ABSENT) is not one]
        self.building = Building(given, {name: earlier.get(name, ABSENT) for name in names})
        for number, parameter in enumerate(self.parameters):
            parameter.owner = (self, number)

    return build_and_remember


def state_of(layer: Buildable) -> dict[str, Any]:
    """Return what copies and pickles of a layer hold."""
    building, attributes = layer.building, dict(vars(layer))
    for name, before in () if building is None else building.before.items():
        attributes[name] = before
    kept = {
        name: one
        for name, one in attributes.items()
        if name not in STAY_BEHIND and one is not ABSENT
    }
    if building is None:
        return layer._state(kept)
    own = {id(parameter): number for number, parameter in enumerate(layer.parameters)}
    aliases = {name: own[id(one)] for name, one in kept.items() if id(one) in own}
    state = layer._state({name: one for name, one in kept.items() if name not in aliases})
    homes = [parameter.home for parameter in layer.parameters]
    values = None if None in homes else [parameter.get() for parameter in layer.parameters]
    places = {home.place for home in homes if home is not None}
    device = next((home.ops.device for home in homes if home is not None), None)
    state["building"] = (building.given, aliases, values, places, device)
    return state


def rebuild(layer: Buildable, state: dict[str, Any]) -> None:
    """Make a layer of what `state_of` gave: it belongs to no model, and has weights of its own."""
    building = state.pop("building", None)
    vars(layer).update(found_again(state))
    layer.nodes, layer.taken, layer.parameters, layer.building = [], False, [], None
    if building is None:
        return
    given, aliases, values, places, *device = building  # pickles of former days name none
    ops = kernels.load(device[0] if device else None, given[-1])
    # Those in it were copied with their weights, which come with this layer's.
    inside = [(part, recipe_of(part)) for part in layer.inside]
    for part in layer.parts.values():
        _take_back(part)
    layer.build(ops, *given)
    if values is not None:
        for parameter, value in zip(layer.parameters, values, strict=True):
            checked_weight(f"{layer.name}/{parameter.name}", parameter.shape, value)
        ParameterBuffer(layer.parameters, ops, values, places)
    for one, recipe in ((layer, (given, aliases)), *inside):
        _set_aliases(one, recipe)


def recipe_of(layer: Buildable) -> Recipe | None:
    """Return what `build_again` needs; None for a layer that makes nothing."""
    if layer.building is None:
        return None
    own = {id(parameter): number for number, parameter in enumerate(layer.parameters)}
    aliases = {name: own[id(one)] for name, one in vars(layer).items() if id(one) in own}
    return layer.building.given, aliases


def build_again(layer: Buildable, ops: Operations, recipe: Recipe | None) -> None:
    """Build a layer in the same way on another device; its weights lie nowhere yet."""
    if recipe is None:
        return
    _take_back(layer)
    layer.build(ops, *recipe[0])
    _set_aliases(layer, recipe)


def _set_aliases(layer: Buildable, recipe: Recipe | None) -> None:
    """Let attributes that held weights hold the new ones."""
    for name, number in () if recipe is None else recipe[1].items():
        vars(layer)[name] = layer.parameters[number]


def _take_back(layer: Any) -> None:
    """Give a layer and those in it the attributes that they had before they were built."""
    for part in layer.parts.values():
        _take_back(part)
    for name, before in () if layer.building is None else layer.building.before.items():
        if before is ABSENT:
            vars(layer).pop(name, None)
        else:
            vars(layer)[name] = before
    layer.unbuild()


def build_node(node: Node, ops: Operations, dtype: np.dtype) -> None:
    """Make the weights of a call's layer; raise where it has others, for other inputs."""
    layer = node.layer
    shapes = [symbol.sample for symbol in node.inputs]
    if not layer.built:
        _check_unchanged(node)
        with named(layer.name, ops):
            layer.build(ops, *shapes, dtype)
        return
    for parameter in layer.parameters:
        if parameter.home is None:
            continue
        if parameter.home.value.dtype != dtype:
            raise ValueError(
                f"{layer.name} is {parameter.home.value.dtype}, but the model is {dtype}."
            )
        there = parameter.home.ops.device
        if there != ops.device:
            raise ValueError(
                f"{layer.name} lies on {there}, but the model is on {ops.device}: layers that "
                "models share are on one device. model.to(device) moves a model with its layers."
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
