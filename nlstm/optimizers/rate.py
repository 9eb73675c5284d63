"""The learning rate as it is read: a float, with what scripts ask of Keras's variable."""

from typing import Any, Protocol, Self

import numpy as np

__all__ = ["Rate"]


class Rated(Protocol):
    """What has a learning rate."""

    learning_rate: Any


class Rate(float):
    """A float that knows whose it is; copies and pickles are plain floats."""

    _owner: Rated

    @classmethod
    def of(cls, owner: Rated, value: float) -> Self:
        """Return the learning rate of an optimizer."""
        made = cls(value)
        made._owner = owner
        return made

    @property
    def value(self) -> float:
        """The number."""
        return float(self)

    def numpy(self) -> np.float64:
        """Return the number."""
        return np.float64(self)

    def assign(self, value: Any) -> None:
        """Set the optimizer's learning rate."""
        self._owner.learning_rate = value

    def __reduce__(self) -> Any:
        return float, (float(self),)
