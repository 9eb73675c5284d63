"""How layers are made from the words that users write."""

from typing import Any

from nlstm.arguments.checks import checked_batch_shape, checked_size
from nlstm.arguments.former import TakesFormerNames, warn_former

__all__ = ["LayerType"]

OTHER_SHAPES = {"input_dim", "batch_shape", "batch_input_shape"}


class LayerType(TakesFormerNames):
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
                steps = (
                    (kwargs.pop("input_length", None),)
                    if getattr(cls, "needs_sequence", False)
                    else ()
                )
                kwargs["input_shape"] = (*steps, checked_size("input_dim", value))
            else:
                size, *sample = checked_batch_shape(word, value)
                kwargs["input_shape"] = tuple(sample)
            if word == "batch_input_shape":
                warn_former(
                    "batch_input_shape is a name of Keras 2; Input(batch_shape=...) says the same."
                )
        made = super().__call__(*args, **kwargs)
        if size is not None:
            made.input_batch_size = size
        return made
