"""Which devices there are, and which one computes where nobody names one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from nlstm.kernels import gpus

__all__ = [
    "DEFAULT",
    "DEVICES",
    "HOST",
    "checked_device",
    "default_device",
    "device",
    "get_device",
    "is_gpu",
    "kind_and_number",
    "set_device",
]

# By name, the module that has the kernels and `Words`, the class that makes their `Operations`.
DEVICES = {"cpu": "nlstm.kernels.cpu", "cuda": "nlstm.kernels.cuda"}
HOST = "cpu"  # where Python's own memory lies, and where streams run
GPU = "cuda"
AUTO = "auto"
VARIABLE = "NLSTM_DEVICE"
DEFAULT = [os.environ.get(VARIABLE) or HOST]  # of the process; looked at when first needed

_within: ContextVar[str | None] = ContextVar("nlstm_device", default=None)


def kind_and_number(device: str) -> tuple[str, int]:
    """Return "cuda" and 1 for "cuda:1"; the number is 0 where there is none."""
    kind, _, number = device.partition(":")
    return kind, int(number or 0)


def is_gpu(device: str) -> bool:
    """Whether a device has memory of its own, and runs what is queued for it."""
    return device[: len(GPU)] == GPU  # of a known name; small calls pay for every look


def checked_device(device: str) -> str:
    """Return the name of a device that can compute, the same for all spellings of it.

    Raises
    ------
    ValueError
        There is no such name.
    RuntimeError
        It is a GPU, and its package, driver or the device itself is missing.
    """
    if device is HOST:
        return device
    given = device if isinstance(device, str) else ""
    if given == AUTO:
        return GPU if gpus.missing() is None else HOST
    kind, colon, number = given.partition(":")
    known = kind in DEVICES and (number.isdecimal() if colon else True)
    if not known or (colon and kind != GPU):
        raise ValueError(
            f'device must be {", ".join(map(repr, DEVICES))}, "cuda:1" and so on, or "auto"; '
            f"got {device!r}."
        )
    if kind != GPU:
        return kind
    reason = gpus.missing(int(number or 0))
    if reason is not None:
        raise RuntimeError(f"device={device!r}: {reason}")
    return kind if int(number or 0) == 0 else f"{kind}:{int(number)}"


def default_device() -> str:
    """Return the device that computes where nobody names one."""
    chosen = _within.get()
    if chosen is not None:
        return chosen
    try:
        return checked_device(DEFAULT[0])
    except ValueError as error:
        raise ValueError(f"{VARIABLE} in the environment: {error}") from None


def get_device() -> str:
    """Return the device that new models compute on: "cpu", "cuda", "cuda:1", ..."""
    return default_device()


def set_device(device: str) -> None:
    """Choose where models compute that are made from now on; those that are there stay.

    Parameters
    ----------
    device : {"cpu", "cuda", "cuda:1", ..., "auto"}
        "auto" is the GPU where it can compute, else the CPU; `get_device` tells which. At first it
        is what NLSTM_DEVICE in the environment says, else "cpu".

    Raises
    ------
    ValueError
        There is no such name.
    RuntimeError
        There is no GPU to compute on; the text says what is missing.
    """
    DEFAULT[0] = checked_device(device)


@contextmanager
def device(name: str) -> Iterator[None]:
    """Let models that are made in a with statement compute on a device.

    Parameters
    ----------
    name : {"cpu", "cuda", "cuda:1", ..., "auto"}
        As of `set_device`.

    Examples
    --------
    >>> import nlstm
    >>> with nlstm.device("cpu"):
    ...     model = nlstm.Sequential()
    >>> model.device
    'cpu'
    """
    token = _within.set(checked_device(name))
    try:
        yield
    finally:
        _within.reset(token)
