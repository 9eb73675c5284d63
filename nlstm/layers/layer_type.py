"""How layers are made from the words that users write."""

import inspect
import warnings
from typing import Any

from nlstm.arguments.checks import checked_batch_shape, checked_size

__all__ = ["LayerType"]

OTHER_SHAPES = {"input_dim", "batch_shape", "batch_input_shape"}


class LayerType(type):
    """Makes layers; takes Keras's other words for `input_shape` from all of them."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """Return a layer."""
        size = None
        words = OTHER_SHAPES & kwargs.keys()
        for word in words and words - cls.__signature__.parameters.keys():
            if kwargs.get("input_shape") is not None:
                raise TypeError(f"{cls.__name__} takes {word} or input_shape, not both.")
            value = kwargs.pop(word)
            if value is None:
                continue
            if word == "input_dim":
                kwargs["input_shape"] = (checked_size("input_dim", value),)
            else:
                size, *sample = checked_batch_shape(word, value)
                kwargs["input_shape"] = tuple(sample)
            if word == "batch_input_shape":
                warnings.warn(
                    "batch_input_shape is a name of Keras 2; Input(batch_shape=...) says the same.",
                    DeprecationWarning,
                    stacklevel=2,
                )
        made = super().__call__(*args, **kwargs)
        if size is not None:
            made.input_batch_size = size
        return made

    @property
    def __signature__(cls) -> inspect.Signature:
        """That of the constructor, for help and editors."""
        found = inspect.signature(cls.__init__)  # type: ignore[misc]
        return found.replace(parameters=list(found.parameters.values())[1:])
