"""Which number of a model's outputs is asked about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nlstm.arguments.checks import checked_integer

__all__ = ["Target", "chosen"]


@dataclass(frozen=True, eq=False)
class Target:
    """One number of each row's output.

    Attributes
    ----------
    output : int
        Of the model's outputs.
    steps, features : ndarray(int64), shape (rows,)
    text : str
        As users may read it.
    """

    output: int
    steps: np.ndarray
    features: np.ndarray
    text: str

    def pick(self, values: np.ndarray, rows: slice) -> np.ndarray:
        """Return the numbers of an output (T, N, C)."""
        return values[self.steps[rows], np.arange(values.shape[1]), self.features[rows]]

    def seed(self, shape: tuple[int, ...], rows: slice, dtype: np.dtype) -> np.ndarray:
        """Return what the numbers' sum has for its gradient, (T, N, C)."""
        seed = np.zeros(shape, dtype)
        seed[self.steps[rows], np.arange(shape[1]), self.features[rows]] = 1
        return seed


def chosen(
    target: Any, names: Sequence[str], samples: Sequence[tuple[int, int, bool]], rows: int
) -> Target:
    """Return the target that a user named.

    Parameters
    ----------
    target : None, int, tuple, array_like or dict
        See `attribute`.
    names : sequence of str
        Of the outputs.
    samples : sequence of (int, int, bool)
        Steps and features of each output, and whether the steps mean time.
    rows : int
    """
    place, inner = 0, target
    if isinstance(target, Mapping):
        if len(target) != 1 or next(iter(target)) not in names:
            raise ValueError(
                f"target must be a dict of one output, such as {{{names[0]!r}: 0}}; got {target!r},"
                f" and the outputs are {', '.join(names)}."
            )
        ((name, inner),) = target.items()
        place = list(names).index(name)
    elif len(names) > 1:
        raise ValueError(
            f"target must say which of the outputs {', '.join(names)} it means, such as "
            f"{{{names[0]!r}: 0}}; got {target!r}."
        )
    steps, features, sequence = samples[place]
    found = _indices(inner, steps, features, sequence, rows)
    shown = f"{names[place]}[{_shown(found, sequence)}]"
    return Target(place, *found, shown)


def _indices(
    inner: Any, steps: int, features: int, sequence: bool, rows: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the step and the feature of each row."""
    sizes = (steps, features) if sequence else (features,)
    if inner is None:
        if steps * features > 1:
            raise ValueError(f"target must choose one of many numbers: {_wanted(sizes, rows)}.")
        inner = (0,) * len(sizes)
    try:
        given = np.array(inner)
    except ValueError:
        given = np.array(None)
    if given.dtype.kind not in "iu":
        raise TypeError(f"target must hold whole numbers; got {inner!r}: {_wanted(sizes, rows)}.")
    if given.ndim == 0 and len(sizes) == 1:
        given = given[None]
    alone = isinstance(inner, tuple) or given.shape == (len(sizes),) != (rows,)
    if alone and given.shape == (len(sizes),):
        given = np.broadcast_to(given, (rows, len(sizes)))
    elif given.shape == (rows,) and len(sizes) == 1:
        given = given[:, None]
    if given.shape != (rows, len(sizes)):
        raise ValueError(f"target has shape {np.shape(inner)}: {_wanted(sizes, rows)}.")
    for axis, size in enumerate(sizes):
        for edge in (given[:, axis].min(), given[:, axis].max()):
            checked_integer("target", edge, -size, size - 1)
    found = given.astype(np.int64) % np.array(sizes)
    if sequence:
        return found[:, 0], found[:, 1]
    return np.zeros(rows, np.int64), found[:, 0]


def _wanted(sizes: tuple[int, ...], rows: int) -> str:
    if len(sizes) == 1:
        return f"a feature from 0 to {sizes[0] - 1}, or an array of {rows}, one for each row"
    return (
        f"(step, feature), below {sizes[0]} and {sizes[1]}, or an array ({rows}, 2), one for each "
        "row"
    )


def _shown(found: tuple[np.ndarray, np.ndarray], sequence: bool) -> str:
    parts = found if sequence else found[1:]
    return ", ".join(str(one[0]) if (one == one[0]).all() else "by row" for one in parts)
