"""Numbers and names that scripts ask of `keras.backend`."""

from typing import Any

import numpy as np

__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_value",
    "image_data_format",
    "set_floatx",
    "set_value",
]


def backend() -> str:
    """Return what computes."""
    return "numba"


def clear_session(free_memory: bool = True) -> None:
    """Do nothing: models share nothing, and one that is not referred to is freed by itself."""


def epsilon() -> float:
    """Return Keras's small number, 1e-7."""
    return 1e-7


def floatx() -> str:
    """Return the dtype of models that say none."""
    return "float32"


def set_floatx(value: str) -> None:
    """Accept "float32"; another dtype is an argument of a model.

    Raises
    ------
    ValueError
        `value` is another dtype.
    """
    if value != "float32":
        raise ValueError(
            f"The dtype of models stays 'float32'; got {value!r}, which a model takes as dtype."
        )


def image_data_format() -> str:
    """Return "channels_last": the features are the last axis."""
    return "channels_last"


def get_value(x: Any) -> Any:
    """Return what a weight or a learning rate holds."""
    read = getattr(x, "get", None) or getattr(x, "numpy", None)
    return x if read is None else read()


def set_value(x: Any, value: Any) -> None:
    """Set a weight, or a learning rate where it can be assigned to.

    Raises
    ------
    TypeError
        `x` is a plain number: set the attribute of its holder.
    """
    write = getattr(x, "set", None) or getattr(x, "assign", None)
    if write is None:
        raise TypeError(
            f"set_value needs a weight; got {x!r}. A learning rate is set by "
            "model.optimizer.learning_rate = value."
        )
    write(np.asarray(value))
