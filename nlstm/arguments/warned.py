"""Warnings at the user's line, whatever lies between it and where they arise."""

import sys
import warnings
from types import FrameType

__all__ = ["warn_user"]

INNER = ("nlstm", "importlib")
UNCOUNTED = ("importlib._bootstrap", "importlib._bootstrap_external")


def warn_user(text: str, category: type[Warning] = RuntimeWarning) -> None:
    """Warn at the first line outside nlstm and the import system."""
    frame: FrameType | None = sys._getframe(1)
    level = 2
    while frame is not None and (module := _module_of(frame)).partition(".")[0] in INNER:
        # `warn` itself leaves out the import system's own frames as it counts.
        frame, level = frame.f_back, level + (module not in UNCOUNTED)
    warnings.warn(text, category, stacklevel=level)


def _module_of(frame: FrameType) -> str:
    return frame.f_globals.get("__name__", "")
