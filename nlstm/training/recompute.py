"""What `compile` is told of recomputing, and what is said of it."""

from collections.abc import Iterable, Sequence
from typing import Any

from nlstm.arguments.checks import WrongKind, checked_size, is_number
from nlstm.layers import Layer
from nlstm.plan.recompute import AUTO, Recompute

__all__ = ["checked_recompute", "described", "with_gates_kept"]


def checked_recompute(given: Any, layers: Sequence[Layer]) -> Recompute:
    """Return what `compile` was given as `recompute`, for these layers and what is inside."""
    if given is None or (isinstance(given, str) and given == AUTO):
        return given
    if not is_number(given):
        raise WrongKind(
            f'recompute must be "auto", None or a positive integer, of how many states one is '
            f"kept; got {given!r}."
        )
    size = checked_size("recompute", given)
    if layers and not any(_recomputes(one) for layer in layers for one in (layer, *layer.inside)):
        raise ValueError(
            f"recompute={size} is for the gates of an LSTM without layer_norm or of a GRU with "
            "reset_after; the model has none."
        )
    return size


def _recomputes(layer: Layer) -> bool:
    return bool(getattr(layer, "recomputes", False))


def with_gates_kept(layers: Iterable[Layer]) -> list[str]:
    """Return the names of those with a recurrence inside whose gates are not computed again."""
    return [
        layer.name
        for layer in layers
        if any(
            hasattr(one, "go_backwards") and not _recomputes(one) for one in (layer, *layer.inside)
        )
    ]


def described(recompute: Recompute, layers: Iterable[Layer]) -> str:
    """Return what a summary says of recomputing, where it is on."""
    found = "the square root of the steps" if recompute == AUTO else f"{recompute:,}"
    others = with_gates_kept(layers)
    rest = f"; all states of {', '.join(others)}" if others else ""
    return f"one state kept of {found}{rest}"
