"""What Keras 1 had in the place of `add`, `concatenate` and the like."""

from typing import Any

from nlstm.layers import merging
from nlstm.layers.concatenate import Concatenate

__all__ = ["merge"]

MODES = {
    "sum": merging.Add,
    "mul": merging.Multiply,
    "ave": merging.Average,
    "max": merging.Maximum,
}


def merge(inputs: Any, mode: Any = "sum", concat_axis: int = -1, name: str | None = None) -> Any:
    """Return what a merging layer makes of `inputs`; today each mode is a function.

    Parameters
    ----------
    inputs : list of Symbol
    mode : {"sum", "mul", "ave", "max", "concat"}
    concat_axis : int
        For "concat".
    name : str, optional
    """
    if mode == "concat":
        return Concatenate(concat_axis, name=name)(inputs)
    if not isinstance(mode, str) or mode not in MODES:
        known = ", ".join(map(repr, (*MODES, "concat")))
        raise ValueError(f"mode must be one of {known}; got {mode!r}.")
    return MODES[mode](name=name)(inputs)
