"""Attributions by hiding parts of the input: what the output loses without them."""

from collections.abc import Iterator

import numpy as np

from nlstm.inspection.passes import Observed
from nlstm.inspection.targets import Target
from nlstm.network.binder import Bench

__all__ = ["occluded"]


def occluded(
    observed: Observed,
    target: Target,
    bench: Bench,
    rows: slice,
    baselines: list[np.ndarray],
    window: tuple[int | None, int | None],
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Return the mean loss of the windows that hide a number; outputs of rows and of baselines.

    Parameters
    ----------
    baselines : list of ndarray, shape (T, N, F)
        What stands in the place of what is hidden, for each entry.
    window : (int or None, int or None)
        Steps and features that are hidden together; None for all.
    """
    one = observed.bound(bench, rows.stop - rows.start)
    values = observed.load(one, rows)
    one.forward()
    outputs = target.pick(one.output(target.output), rows)
    found = []
    for number, (value, base) in enumerate(zip(values, baselines, strict=True)):
        sums, counts = np.zeros_like(value), np.zeros((value.shape[0], 1, value.shape[2]))
        for steps, features in _windows(value.shape[0], value.shape[2], window):
            hidden = value.copy()
            hidden[steps, :, features] = base[steps, :, features]
            one.load(number, hidden)
            one.forward()
            loss = outputs - target.pick(one.output(target.output), rows)
            sums[steps, :, features] += loss[:, None]
            counts[steps, :, features] += 1
        one.load(number, value)
        found.append(sums / counts.astype(sums.dtype))
    for number, base in enumerate(baselines):
        one.load(number, base)
    one.forward()
    return found, outputs, target.pick(one.output(target.output), rows)


def _windows(
    steps: int, features: int, window: tuple[int | None, int | None]
) -> Iterator[tuple[slice, slice]]:
    """Give all places of a window, one step or feature apart."""
    sizes = [
        most if size is None else min(size, most)
        for size, most in zip(window, (steps, features), strict=True)
    ]
    for step in range(steps - sizes[0] + 1):
        for feature in range(features - sizes[1] + 1):
            yield slice(step, step + sizes[0]), slice(feature, feature + sizes[1])
