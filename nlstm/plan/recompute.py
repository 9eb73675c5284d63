"""Whether recurrences compute their gates again on the way back, as `compile` was told.

`None` keeps the gates of all steps, a number keeps every so manieth state instead, and `AUTO` about
as many as the square root of the steps; what was given as "auto" becomes one or the other for each
shape of batches, by whether there is memory for it.
"""

from typing import Protocol

__all__ = ["AUTO", "Recompute", "Recomputing"]

AUTO = "auto"
Recompute = int | str | None


class Recomputing(Protocol):
    """Who was told."""

    recompute: Recompute

    def tell_of_recompute(self, wanted: int | None, taken: int) -> None:
        """Hear that a batch takes so many bytes, where those wanted are not there, or even more."""
