"""Whether recurrences compute their gates again on the way back, as `compile` was told.

`None` keeps the gates of all steps, a number keeps every so manieth state instead, and `AUTO` about
as many as the square root of the steps; what was given as "auto" becomes one or the other for each
shape of batches, by whether there is memory for it.
"""

from collections.abc import Callable

__all__ = ["AUTO", "Recompute", "Told"]

AUTO = "auto"
Recompute = int | str | None
Told = Callable[[int, int], None]  # of the bytes that a plan would take, and of those it takes
