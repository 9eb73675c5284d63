"""What a fit trains, and by what: so that a backup is not taken for that of another fit.

Weights and the optimizer's state tell models of unlike shapes apart. A loss, a dropout rate or an
activation leaves no trace there: they are written down in words beside them, and compared.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nlstm.arguments.config import Configured, bound_arguments, encode, own_module
from nlstm.arguments.warned import warn_user
from nlstm.layers import Layer
from nlstm.network.binder import Binder
from nlstm.network.network import Network
from nlstm.training.state import all_layers
from nlstm.training.training import Training

__all__ = ["check_same", "described", "tell_of_rate"]

Words = dict[str, str]

# What decides nothing once there are weights, seeds of the backup, and names.
LEFT_OUT = {
    *("name", "dtype", "input_shape", "seed", "trainable", "learning_rate", "reduction"),
    *("unroll", "use_cudnn", "implementation", "time_major", "renorm"),
}
LONGEST = 120  # characters of an argument; of more a digest is kept
MOST = 4  # differences that an error tells of


def described(binder: Binder, training: Training) -> dict[str, Any]:
    """Return what a fit trains, as JSON can hold it: names and arguments as words."""
    layers = {path: _words(layer) for path, layer in all_layers(binder)}
    losses: dict[str, Words] = {}
    for aim in training.aims:
        if aim.loss is not None:
            how = {"reduction": repr(aim.loss.reduction), "loss_weights": repr(float(aim.share))}
            losses[aim.name] = _words(aim.loss) | how
    optimizer = training.optimizer
    return {
        "dtype": binder.network.dtype.name,
        "layers": layers,
        "calls": _digest(repr(list(_calls(binder.network)))),
        "losses": losses,
        "optimizer": _words(optimizer),
        "learning_rate": None if optimizer is None else optimizer.given_rate,
    }


def tell_of_rate(folder: Any, kept: Mapping[str, Any], here: Mapping[str, Any], now: Any) -> None:
    """Warn where a new model was given a learning rate that the backup's, `now`, has replaced."""
    given = here["learning_rate"]
    if None not in (given, now) and given not in (kept["learning_rate"], now):
        warn_user(
            f"The fit in {folder} goes on with its learning rate, {now:g}, and not with that of "
            f"compile, {given:g}. A callback's on_epoch_begin may set another.",
            UserWarning,
        )


def check_same(folder: Any, kept: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """Raise a ValueError that names what differs between a backup's fit and this one."""
    found = list(_differences(kept, here))
    if found:
        rest = "" if len(found) <= MOST else f"; and {len(found) - MOST} more"
        raise ValueError(
            f"The backup in {folder} is of another fit: {'; '.join(found[:MOST])}{rest}. The fit "
            "that it is of goes on from it; another folder begins anew."
        )


def _differences(kept: Mapping[str, Any], here: Mapping[str, Any]) -> Iterator[str]:
    if kept["dtype"] != here["dtype"]:
        yield f"the model was of {kept['dtype']} and is of {here['dtype']}"
    before, now = kept["layers"], here["layers"]
    for verb, one, other in (("its model had", before, now), ("this model has", now, before)):
        only = [path for path in one if path not in other]
        if only:
            yield f"{verb} {', '.join(only)}"
    for path in before:
        if path in now:
            yield from _changes(path, before[path], now[path])
    if before.keys() == now.keys() and kept["calls"] != here["calls"]:
        yield "layers were connected in another way"
    for output in kept["losses"] | here["losses"]:
        whole = len(kept["losses"]) == len(here["losses"]) == 1
        called = "the loss" if whole else f"the loss of {output}"
        yield from _changes(called, kept["losses"].get(output), here["losses"].get(output))
    if kept["optimizer"].get("class") == here["optimizer"].get("class"):  # else it is told by state
        yield from _changes("the optimizer", kept["optimizer"], here["optimizer"])


def _changes(called: str, before: Words | None, now: Words | None) -> Iterator[str]:
    """Tell of arguments that both know: a newer version may have more."""
    kinds = [None if words is None else words["class"] for words in (before, now)]
    if kinds[0] != kinds[1] or before is None or now is None:
        yield f"{called} was {kinds[0]} and is {kinds[1]}"
        return
    for name in before:
        if name in now and before[name] != now[name]:
            yield f"{name} of {called} was {before[name]} and is {now[name]}"


def _words(thing: Any) -> Words:
    """Return the class of an object, and its arguments, each as it would be written."""
    words = {"class": type(thing).__name__}
    if not isinstance(thing, Configured):
        return words
    try:
        given = bound_arguments(thing)
    except TypeError:  # it was given *arguments, which have no names
        return words
    own = own_module(type(thing)) is not None
    for name, value in given.items():
        if name in LEFT_OUT or name in thing.only_to_begin_with or name.endswith("_initializer"):
            continue
        value = getattr(thing, name, value) if own else value  # "l2" and L2() are one
        if not _holds_layers(value):
            words[name] = _text(value)
    return words


def _holds_layers(value: Any) -> bool:
    parts: Sequence[Any] = value if isinstance(value, list | tuple) else [value]
    return any(isinstance(part, Layer) or hasattr(part, "layers") for part in parts)


def _text(value: Any) -> str:
    try:
        text = _written(encode(value, ""))
    except TypeError:  # a lambda, or an object without get_config
        text = getattr(value, "__qualname__", type(value).__qualname__)
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]}... ({_digest(text)})"


def _written(value: Any) -> str:
    """Return what `encode` gave, as calls."""
    if isinstance(value, dict) and "class_name" in value:
        config = value.get("config", {})
        if not isinstance(config, dict):
            return str(config)
        given = (f"{name}={_written(one)}" for name, one in config.items() if one is not None)
        return f"{value['class_name']}({', '.join(given)})"
    if isinstance(value, list | tuple):
        return f"({', '.join(_written(one) for one in value)})"
    return repr(value)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _calls(network: Network) -> Iterator[Any]:
    """Give each call of the graph: its layer, and where its inputs come from."""
    graph = network.graph
    labels: dict[Any, str] = {layer: label for label, layer in network.labels}
    places: dict[Any, Any] = {symbol: ("input", n) for n, symbol in enumerate(graph.inputs)}
    for number, node in enumerate(graph.nodes):
        places |= {symbol: (number, n) for n, symbol in enumerate(node.outputs)}
        mask = None if node.mask is None else places.get(node.mask)
        yield labels.get(node.layer), [places.get(symbol) for symbol in node.inputs], mask
    yield [places.get(symbol) for symbol in graph.outputs]
