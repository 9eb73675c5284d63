"""The arguments that fit, evaluate and predict share, checked before anything changes."""

from collections.abc import Callable, Sequence
from typing import Any

from nlstm.arguments.checks import checked_integer, checked_rate
from nlstm.arguments.warned import warn_user
from nlstm.data.feed import Feed, unpacked
from nlstm.data.sources import Data, is_pair
from nlstm.network.design import Design
from nlstm.network.network import Network
from nlstm.plan.symbols import Shape
from nlstm.training.reader import Reader
from nlstm.training.training import Training

__all__ = [
    "BATCH_SIZE",
    "WITHOUT_EFFECT",
    "as_list",
    "check_batches",
    "check_rest",
    "check_same_rows",
    "checked_batches",
    "checked_frequency",
    "checked_rows",
    "checked_share",
    "read_validation",
    "samples_of_first",
]

BATCH_SIZE = 32  # Keras's default
WITHOUT_EFFECT = "workers", "use_multiprocessing", "max_queue_size"  # which Keras 2 took


def checked_batches(name: str, value: Any) -> int | None:
    """Return a number of batches, or None for all of them."""
    return None if value is None else checked_integer(name, value, 1)


def checked_rows(name: str, value: Any, steps: int | None, total: int) -> int:
    """Return the rows of a batch: `value`, or what cuts `total` rows into `steps`, or 32."""
    if value is None:
        return BATCH_SIZE if steps is None else -(-total // steps)
    return checked_integer(name, value, 1)


def checked_share(value: Any) -> float:
    """Return a `validation_split`."""
    return checked_rate("validation_split", value)


def checked_frequency(value: Any) -> Callable[[int], bool]:
    """Return whether an epoch, counted from 0, ends with a validation."""
    if isinstance(value, list | tuple | set | range):
        chosen = {checked_integer("validation_freq", one, 1) for one in value}
        return lambda epoch: epoch + 1 in chosen
    every = checked_integer("validation_freq", value, 1)
    return lambda epoch: (epoch + 1) % every == 0


def check_batches(y: Any, weight: Any, lengths: Any, share: float = 0.0) -> None:
    """Raise if something came beside x that batches bring themselves."""
    for name, value in (("y", y), ("sample_weight", weight), ("lengths", lengths)):
        if value is not None:
            raise ValueError(f"{name} must be None where x gives batches.")
    if share:
        raise ValueError(
            "validation_split needs arrays, but x gives batches. Give validation_data instead."
        )


def check_rest(network: Network, total: int, rows: int, steps: int | None = None) -> None:
    """Raise if a stateful layer would meet a last batch of another size."""
    rest = total % rows if total > rows else 0
    if steps is not None and steps * rows <= total - rest:
        return
    for layer in network.stateful if rest else ():
        raise ValueError(
            f"{layer.name} is stateful, so all batches need as many rows: {total} rows "
            f"in batches of {rows} end with one of {rest}."
        )


def check_same_rows(network: Network, rows: int, held_rows: int) -> None:
    """Raise if a stateful layer would meet validation batches of another size."""
    for layer in network.stateful if held_rows != rows else ():
        raise ValueError(
            f"{layer.name} is stateful, so that all batches need as many rows: those of x "
            f"have {rows}, those of validation_data {held_rows}."
        )


def read_validation(
    design: Design, training: Training, given: Any, lengths: Any, of_x: Any
) -> Data:
    """Check and convert `validation_data` that are arrays; `of_x` are the lengths of training."""
    if of_x is not None and lengths is None:
        warn_user(
            "lengths says where the rows of x end, and nothing says it of validation_data, whose "
            "steps all count: give validation_lengths.",
            UserWarning,
        )
    if is_pair(given):
        given = (given, None)
    if not isinstance(given, tuple | list) or len(given) not in (2, 3):
        raise ValueError("validation_data must be (x, y) or (x, y, sample_weight).")
    try:
        x, y, weight = (*given, None)[:3]
        reader = Reader(design.network_for(x), training.aims)
        return reader.data(x, y, weight, "fit", lengths)
    except (ValueError, TypeError) as error:
        raise type(error)(f"In validation_data: {error}") from None


def samples_of_first(
    design: Design, training: Training, feed: Feed, action: str, class_weight: Any = None
) -> Sequence[Shape]:
    """Return the shapes of one sample in the first batch, which is checked."""
    first = feed.peek()
    if first is None:
        raise ValueError(
            "x gave no batch." if action == "fit" else "The data to evaluate gave no batch."
        )
    x, y, weight = unpacked(first)
    reader = Reader(design.network_for(x), training.aims)
    return reader.data(x, y, weight, action, None, class_weight).samples


def as_list(value: Any) -> list[Any]:
    """Return a list, empty for None, with `value` in it where it is none."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
