"""Opens any file of a model, and says where it came from."""

import os
from typing import Any, NamedTuple

from nlstm.commands.words import Wrong
from nlstm.files.arrays_file import MODEL, WEIGHTS, read_arrays
from nlstm.files.doors import door_by_content, library_of
from nlstm.saving import load_model

__all__ = ["Opened", "opened", "origin", "weights_in"]


class Opened(NamedTuple):
    """A model of a file, and why it is not compiled as the file says; None where it is."""

    model: Any
    fault: str | None


def opened(path: str, compiled: bool = True) -> Opened:
    """Return the model of a file; what `compile` was told is left out where it cannot be read."""
    try:
        return Opened(load_model(path, compile=compiled), None)
    except ValueError as error:
        if not compiled:
            raise
        try:
            model = load_model(path, compile=False)
        except ValueError:
            raise error from None
        lines = str(error).splitlines()
        return Opened(model, "; ".join(line.strip() for line in lines if line.startswith("  ")))


def origin(path: str) -> dict[str, str]:
    """Return where a file came from: its format, and what its writer says of itself."""
    door = door_by_content(path)
    size = {"size": sized(os.path.getsize(path))}
    if door is None:
        metadata, arrays = read_arrays(path, MODEL, WEIGHTS)
        kind = metadata["format"].removeprefix("nlstm-")
        named = f"nlstm's {kind}, version {metadata['version']}"
        state = [name for name in arrays if name.startswith("/")]
        more = {} if kind == "model" else {"holds": "weights alone"}
        return {**size, "format": named, **more, "training state": state_of(len(state))}
    ask = getattr(door, "origin", None)
    return size | (ask(path) if ask is not None else {"format": str(library_of(path)).upper()})


def state_of(count: int) -> str:
    """Return the words for so many arrays of a training's state."""
    return f"{count} arrays" if count else "none"


def weights_in(path: str) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the arrays in a file of weights alone.

    Raises
    ------
    Wrong
        It is a file of another kind.
    """
    door = door_by_content(path)
    if door is None:
        return {name: one.shape for name, one in read_arrays(path, WEIGHTS)[1].items()}
    ask = getattr(door, "shapes", None)
    if ask is None:
        raise Wrong(f"{path} holds no weights that can be listed.")
    found: dict[str, tuple[int, ...]] = ask(path)
    return found


def sized(count: float) -> str:
    """Return a number of bytes as people read it."""
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
