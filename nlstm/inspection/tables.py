"""Results as text: small tables, and numbers in few characters."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

__all__ = ["as_plain", "number", "percent", "share", "table"]


def number(value: float) -> str:
    """Return a number in about seven characters."""
    if not np.isfinite(value):
        return str(float(value))
    size = abs(value)
    return f"{value:.3g}" if size and not 1e-3 <= size < 1e4 else f"{value:.4g}"


def percent(value: float) -> str:
    """Return a share as percent."""
    return "nan" if np.isnan(value) else f"{100.0 * value:.3g} %"


def share(parts: np.ndarray) -> np.ndarray:
    """Return what part of the whole each is; zeros where there is nothing."""
    total = parts.sum()
    return parts / total if total > 0.0 else np.zeros_like(parts)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return lines of columns: the first to the left, the others to the right."""
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(header))]
    return "\n".join(
        "  ".join(
            text.rjust(width) if place else text.ljust(width)
            for place, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def as_plain(value: Any) -> Any:
    """Return dataclasses and mappings as dicts, tuples as lists; arrays as they are."""
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: as_plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {key: as_plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(one) for one in value]
    return value
