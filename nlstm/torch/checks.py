"""What PyTorch's own checks leave to its kernels: where tensors lie, of which dtype and kind."""

from typing import Any

import torch
from torch import Tensor

from nlstm.torch.weights import Cell

__all__ = ["check_states", "check_tensors", "in_dtype"]

DTYPES = {torch.float32: "float32", torch.float64: "float64"}


def in_dtype(dtype: torch.dtype) -> str:
    """Return the name of a dtype that kernels compute in."""
    return DTYPES[dtype]


def check_tensors(module: Any, cell: Cell, x: Any, hx: Any) -> None:
    """Raise unless all are tensors of the CPU, in a dtype that there is."""
    name = f"nlstm.torch.{cell.name}"
    weight = module.weight_ih_l0
    named = {"input": x}
    if hx is not None and cell.has_c:
        if not isinstance(hx, tuple | list) or len(hx) != 2:
            raise TypeError(f"hx must be a pair of tensors, (h_0, c_0); got {_kind(hx)}.")
        named |= {"hx[0]": hx[0], "hx[1]": hx[1]}
    elif hx is not None:
        named["hx"] = hx
    for what, one in named.items():
        if not isinstance(one, Tensor):
            raise TypeError(f"{what} must be a Tensor; got {_kind(one)}.")
    for what, one in (*named.items(), ("weight_ih_l0", weight)):
        if one.device.type != "cpu":
            raise RuntimeError(
                f"{name} computes on the CPU, and {what} is on {one.device}. Move the module and "
                f'what it gets by .to("cpu"), or use torch.nn.{cell.name}, which takes its '
                "state dict."
            )
    if weight.dtype not in DTYPES:
        raise RuntimeError(
            f"{name} computes in float32 and float64, and weight_ih_l0 is {weight.dtype}: "
            "use .float(); under torch.autocast it stays in float32."
        )
    for what, one in named.items():
        if one.dtype != weight.dtype and not autocasts():
            raise ValueError(
                f"{what} has dtype {one.dtype}, and the weights of {name} {weight.dtype}: "
                f"{what}.to({weight.dtype}), or module.to({one.dtype})."
            )


def autocasts() -> bool:
    """Whether dtypes may differ."""
    return torch.is_autocast_enabled("cpu")


def check_states(cell: Cell, x: Tensor, hx: Any) -> bool:
    """Return whether there is an axis of the batch; raise unless input and states agree on it."""
    if x.dim() not in (2, 3):
        raise ValueError(f"{cell.name}: Expected input to be 2D or 3D, got {x.dim()}D instead")
    batched = x.dim() == 3
    states = () if hx is None else (tuple(hx) if cell.has_c else (hx,))
    if any(one.dim() != x.dim() for one in states):
        kind, axes = ("batched", "3-D") if batched else ("unbatched", "2-D")
        found = ", ".join(f"{one.dim()}-D" for one in states)
        names, got = (
            ("hx and cx", f"({found}) tensors") if cell.has_c else ("hx", f"{found} tensor")
        )
        raise RuntimeError(f"For {kind} {axes} input, {names} should also be {axes} but got {got}")
    return batched


def _kind(value: Any) -> str:
    return type(value).__name__
