"""What layers demand of the shapes that come in."""

from typing import Any

from nlstm.arguments.checks import WrongKind
from nlstm.layers.layer import Shape

__all__ = ["check_data_format", "checked_flat", "checked_sequence", "shown"]


def shown(shape: Shape) -> str:
    """Return a shape as users write it, with None for the batch."""
    return str((None, *shape))


def check_data_format(value: Any) -> None:
    """Raise unless features are the last axis."""
    if value is not None and not (isinstance(value, str) and value == "channels_last"):
        raise WrongKind(f'data_format must be "channels_last"; got {value!r}.')


def checked_sequence(layer: Any, shape: Shape) -> tuple[int | None, int]:
    """Return (steps, features), or raise an error that names the layer."""
    if len(shape) != 2:
        raise ValueError(
            f"{layer.name} expects sequences, (batch, steps, features); what comes before it "
            f"gives {shown(shape)}. A recurrent layer before it needs return_sequences=True."
        )
    steps, features = shape
    assert features is not None
    return steps, features


def checked_flat(layer: Any, shape: Shape) -> int:
    """Return the features of a value without steps, or raise an error that names the layer."""
    if len(shape) != 1 or shape[0] is None:
        raise ValueError(
            f"{layer.name} expects (batch, features); what comes before it gives {shown(shape)}."
        )
    return shape[0]
