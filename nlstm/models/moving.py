"""A model that goes to another device: by way of the host, whole or not at all."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from nlstm import kernels
from nlstm.kernels.operations import Operations
from nlstm.layers import Layer
from nlstm.layers.building import Recipe, build_again, recipe_of
from nlstm.network.binder import Binder
from nlstm.network.design import Design
from nlstm.optimizers import copying
from nlstm.plan.parameters import ParameterBuffer
from nlstm.training.training import Training

__all__ = ["move"]


class Moved(Protocol):
    """A model, as far as this file knows it."""

    design: Design
    training: Training
    _binder: Binder | None

    def binder_for(self) -> Binder:
        """Return what binds the network; weights are made."""


def move(model: Moved, device: str) -> None:
    """Bring a model to a device."""
    binder, design = model._binder, model.design
    if device == design.device:
        return
    ops = kernels.load(device, design.dtype or np.float32)
    if binder is None:
        design.place(device)
        return
    binder.weights.exclusive(_move, model, binder, ops)


def _move(model: Moved, binder: Binder, ops: Operations) -> None:
    training, layers = model.training, binder.network.layers
    counter, trained = binder.counter_on(ops), binder.serves(training)
    if trained:
        assert training.optimizer is not None
        copying.leave(training.optimizer)
    for layer in _with_parts(layers):
        if hasattr(layer, "kept_states"):
            layer.kept_states.leave()
    former, homes = binder.network.ops, binder.weights.homes
    values = [one for layer in layers for one in layer.get_weights()]
    recipes = [recipe_of(layer) for layer in layers]
    try:
        _build_on(ops, layers, recipes, values)
    except BaseException:  # an interrupt too: the model stays where it was
        _build_on(former, layers, recipes, values)
        raise
    for home in homes:
        home.moved = True  # for models that share layers
    model.design.place(ops.device)
    model._binder = None
    binder = model.binder_for()
    binder.counter.host[:] = counter.host
    binder.counter.push()
    if trained:
        binder.optimized(training)


def _build_on(
    ops: Operations,
    layers: Sequence[Layer],
    recipes: Sequence[Recipe | None],
    values: Sequence[np.ndarray],
) -> None:
    """Give layers weights of these values on a device, in one place."""
    for layer, recipe in zip(layers, recipes, strict=True):
        build_again(layer, ops, recipe)
    parameters = [one for layer in layers for one in layer.parameters]
    ParameterBuffer(parameters, ops, values).alone = False


def _with_parts(layers: Sequence[Layer]) -> Iterator[Any]:
    """Give layers and those in them."""
    for layer in layers:
        yield layer
        yield from _with_parts(list(layer.parts.values()))
