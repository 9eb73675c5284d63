"""Models and weights written as Keras 3 writes them."""

from typing import Any

__all__ = ["save_model", "save_weights"]


def save_model(model: Any, path: str, include_optimizer: bool) -> None:
    """Write a whole model."""
    raise NotImplementedError


def save_weights(model: Any, path: str) -> None:
    """Write weights."""
    raise NotImplementedError
