"""Merging layers as functions of a list of symbols: Keras's short forms."""

from typing import Any

from nlstm.layers import merging
from nlstm.layers.concatenate import Concatenate

__all__ = ["add", "average", "concatenate", "maximum", "minimum", "multiply", "subtract"]


def add(inputs: Any, **kwargs: Any) -> Any:
    """Return what an `Add` layer makes of `inputs`; `kwargs` are the layer's."""
    return merging.Add(**kwargs)(inputs)


def average(inputs: Any, **kwargs: Any) -> Any:
    """Return what an `Average` layer makes of `inputs`; `kwargs` are the layer's."""
    return merging.Average(**kwargs)(inputs)


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """Return what a `Concatenate` layer makes of `inputs`; `kwargs` are the layer's."""
    return Concatenate(axis, **kwargs)(inputs)


def maximum(inputs: Any, **kwargs: Any) -> Any:
    """Return what a `Maximum` layer makes of `inputs`; `kwargs` are the layer's."""
    return merging.Maximum(**kwargs)(inputs)


def minimum(inputs: Any, **kwargs: Any) -> Any:
    """Return what a `Minimum` layer makes of `inputs`; `kwargs` are the layer's."""
    return merging.Minimum(**kwargs)(inputs)


def multiply(inputs: Any, **kwargs: Any) -> Any:
    """Return what a `Multiply` layer makes of `inputs`; `kwargs` are the layer's."""
    return merging.Multiply(**kwargs)(inputs)


def subtract(inputs: Any, **kwargs: Any) -> Any:
    """Return what a `Subtract` layer makes of `inputs`; `kwargs` are the layer's."""
    return merging.Subtract(**kwargs)(inputs)
