"""``python -m nlstm show FILE``: layers, weights, sizes, and where the file came from."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from nlstm.arguments.shown import cells
from nlstm.commands.opening import opened, origin, sized, weights_in
from nlstm.commands.words import Words, told
from nlstm.training.output import say, width

__all__ = ["show"]


def show(options: Sequence[str]) -> None:
    """Print what a file holds."""
    words = Words("show", "Show the layers and weights of a model's file, and where it came from.")
    words.add_argument("file", help="of nlstm or of any version of Keras")
    words.add_argument(
        "--weights", action="store_true", help="list the weights, each with its size"
    )
    given = words.parse_args(options)
    with told("show"):
        _show(given.file, given.weights)


def _show(path: str, listed: bool) -> None:
    found = origin(path)
    _table({"file": os.path.basename(path), **found})
    if "holds" in found:
        print()
        _list({name: str(shape) for name, shape in weights_in(path).items()})
        return
    model, fault = opened(path)
    _table(_of(model, fault))
    print()
    model.summary()
    if listed:
        print()
        named = model.binder.weights.named
        sizes = {
            name: f"{one.shape} {sized(one.size * model.dtype.itemsize)}"
            for name, one in named.items()
        }
        _list(sizes)


def _of(model: Any, fault: str | None) -> dict[str, str]:
    """Return what a model takes and gives, and how it is trained."""
    found = {
        "input": _shapes(model.input_names, model.input_shape),
        "output": _shapes(model.output_names, model.output_shape),
        "dtype": model.dtype.name,
    }
    if fault is not None:
        return found | {"compile": f"cannot be read: {fault}"}
    if not model.compiled:
        return found | {"compile": "no"}
    return found | {
        "loss": str(model.get_compile_config()["loss"]),
        "optimizer": repr(model.optimizer),
        "steps trained": str(int(model.optimizer.iterations)),
    }


def _shapes(names: Sequence[str], shapes: Any) -> str:
    if len(names) == 1:
        return str(shapes)
    return ", ".join(f"{name} {shape}" for name, shape in zip(names, shapes, strict=True))


def _table(lines: Mapping[str, str]) -> None:
    columns = width()
    for name, value in lines.items():
        _line(f"{name:<16} ", value, columns)


def _line(start: str, text: str, columns: int | None) -> None:
    """Print a name and what it is; what does not fit goes on below it, between words."""
    line = start
    for word in text.split(" "):
        longer = line + word
        if columns is not None and cells(longer) >= columns and line.strip():
            say(line.rstrip())
            longer = "  " + word
        line = longer + " "
    say(line.rstrip())


def _list(lines: Mapping[str, str]) -> None:
    columns = width()
    longest = max(map(cells, lines), default=0)
    for name, value in lines.items():
        _line(f"{name}{' ' * (longest - cells(name))}  ", value, columns)
