"""What a model is before its fit, as text, and where two such texts differ."""

from collections.abc import Iterator, Mapping
from typing import Any

from nlstm.arguments.config import dumps, loads, serialize
from nlstm.arguments.shown import short

__all__ = ["description", "difference"]


def description(model: Any, arguments: Mapping[str, Any]) -> str:
    """Return a model's config, what it was compiled with, and the shapes of a row of x and y.

    The same model and data give the same text in every process.
    """
    design = model.design
    data = {
        "x": _shapes(arguments.get("x"), len(design.input_names)),
        "y": _shapes(arguments.get("y"), len(design.output_names)),
    }
    found = {"model": serialize(model), "compile": model.training.get_config(), "data": data}
    return dumps(found)


def _shapes(value: Any, count: int) -> Any:
    """Return the shape of a row, or of each of several values; None of what does not tell it."""
    if isinstance(value, Mapping):
        return {str(name): _shapes(one, 1) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_shapes(one, 1) for one in value] if len(value) == count > 1 else None
    shape = getattr(value, "shape", None)
    return list(map(int, shape[1:])) if isinstance(shape, tuple) else None


def difference(before: str, now: str) -> tuple[str, str, str] | None:
    """Return where two descriptions differ first, and what each has there; None for nowhere.

    What one of them alone tells is no difference: another version of nlstm may tell more.
    """
    return None if before == now else next(_differences("", loads(before), loads(now)), None)


def _differences(path: str, before: Any, now: Any) -> Iterator[tuple[str, str, str]]:
    if isinstance(before, dict) and isinstance(now, dict):
        if before.get("class_name") != now.get("class_name"):
            yield path, _shown(before), _shown(now)
            return
        for name in [one for one in before if one in now]:
            inner = path if name == "config" else f"{path}.{name}".lstrip(".")
            yield from _differences(inner, before[name], now[name])
    elif isinstance(before, list | tuple) and isinstance(now, list | tuple):
        if len(before) != len(now):
            yield f"the length of {path}", str(len(before)), str(len(now))
        for place, pair in enumerate(zip(before, now, strict=False)):
            yield from _differences(f"{path}[{place}]", *pair)
    elif before != now and (before == before or now == now):  # NaN is NaN
        yield path, _shown(before), _shown(now)


def _shown(value: Any) -> str:
    """Return a value for a line; of an object's config its class."""
    if isinstance(value, dict) and "class_name" in value:
        return str(value["class_name"])
    return short(value)
