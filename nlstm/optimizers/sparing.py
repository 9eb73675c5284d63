"""Weights that an optimizer leaves out of weight decay."""

import re
from collections.abc import Iterable

from nlstm.plan.parameters import Parameter, ParameterBuffer

__all__ = ["Sparing"]


class Sparing:
    """Chooses weights, by themselves or by their names.

    Parameters
    ----------
    weights : iterable of Parameter or int
        Or their numbers in a buffer.
    names : iterable of str
        Patterns; a weight is chosen if its name has one in it.
    """

    def __init__(self, weights: Iterable[Parameter | int] = (), names: Iterable[str] = ()) -> None:
        self._weights = [one.original if isinstance(one, Parameter) else one for one in weights]
        self._pattern = "|".join(names)

    def numbers(self, buffer: ParameterBuffer) -> list[int]:
        """Return the numbers of the chosen weights of a buffer."""
        return [number for number, one in enumerate(buffer.parameters) if self._has(number, one)]

    def _has(self, number: int, parameter: Parameter) -> bool:
        if self._pattern and re.search(self._pattern, parameter.name):
            return True
        return any(one is parameter.original or one == number for one in self._weights)
