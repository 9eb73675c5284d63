"""Attributions by gradients, which the layers' own kernels take back to the inputs."""

from typing import Any

import numpy as np

from nlstm.inspection.passes import Observed, Pass
from nlstm.inspection.targets import Target
from nlstm.network.binder import Bench

__all__ = ["Slopes", "integrated", "nodes_of", "noises_of", "plain", "smooth"]

Arrays = list[np.ndarray]


class Slopes:
    """The gradients of a target, pass by pass.

    Parameters
    ----------
    observed : Observed
        With its embeddings cut.
    target : Target
    """

    def __init__(self, observed: Observed, target: Target) -> None:
        self.observed, self.target = observed, target
        self.places = [n for n, entry in enumerate(observed.entries) if entry.moves]

    def begin(self, bench: Bench, rows: slice) -> tuple[Pass, Arrays, np.ndarray]:
        """Return a pass that holds some rows, what went in, and what came out."""
        one = self.observed.bound(bench, rows.stop - rows.start)
        values = self.observed.load(one, rows)
        one.forward()
        return one, values, self.picked(one, rows)

    def picked(self, one: Pass, rows: slice) -> np.ndarray:
        """Return the numbers that are asked about, of the pass before."""
        return self.target.pick(one.output(self.target.output), rows)

    def seed_of(self, one: Pass, rows: slice) -> np.ndarray:
        """Return the gradient that the way back begins with."""
        shape = one.output(self.target.output).shape
        return self.target.seed(shape, rows, self.observed.ops.dtype)

    def back(self, one: Pass, seed: np.ndarray) -> None:
        """Run the way back."""
        for number, to in enumerate(one.seeds):
            if number != self.target.output and to is not None:
                self.observed.ops.fill(to, 0)
        one.seed(self.target.output, seed)
        one.backward()


def plain(slopes: Slopes, bench: Bench, rows: slice) -> tuple[Arrays, Arrays, np.ndarray]:
    """Return gradients, what went in, and the outputs of some rows."""
    one, values, outputs = slopes.begin(bench, rows)
    slopes.back(one, slopes.seed_of(one, rows))
    return [np.array(one.gradient(n)) for n in slopes.places], values, outputs


def nodes_of(steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return places in 0 to 1 and their weights: Gauss's and Legendre's quadrature."""
    places, weights = np.polynomial.legendre.leggauss(steps)
    return (places + 1.0) / 2.0, weights / 2.0


def integrated(
    slopes: Slopes, bench: Bench, rows: slice, baselines: Arrays, steps: int
) -> tuple[Arrays, np.ndarray, np.ndarray]:
    """Return integrated gradients, and the outputs of some rows and of their baselines.

    Parameters
    ----------
    baselines : list of ndarray, shape (T, N, F)
        One for each entry of `slopes.places`.
    """
    one, values, outputs = slopes.begin(bench, rows)
    seed, dtype = slopes.seed_of(one, rows), slopes.observed.ops.dtype
    moved = [values[n] - base for n, base in zip(slopes.places, baselines, strict=True)]
    sums = [np.zeros_like(one) for one in moved]
    at = [np.empty_like(one) for one in moved]
    for place, weight in zip(*(part.astype(dtype) for part in nodes_of(steps)), strict=True):
        _load_between(one, slopes, baselines, moved, place, at)
        one.forward()
        slopes.back(one, seed)
        for total, room, n in zip(sums, at, slopes.places, strict=True):
            np.multiply(one.gradient(n), weight, out=room)
            total += room
    for total, difference in zip(sums, moved, strict=True):
        total *= difference
    _load_between(one, slopes, baselines, moved, dtype.type(0), at)
    one.forward()
    return sums, outputs, slopes.picked(one, rows)


def _load_between(
    one: Pass, slopes: Slopes, baselines: Arrays, moved: Arrays, place: Any, at: Arrays
) -> None:
    for n, base, difference, room in zip(slopes.places, baselines, moved, at, strict=True):
        np.multiply(difference, place, out=room)
        room += base
        one.load(n, room)


def noises_of(
    shape: tuple[int, ...], rows: slice, samples: int, seed: int, scale: np.ndarray
) -> np.ndarray:
    """Return normal noise (samples, T, N, F): that of a row does not depend on the others."""
    steps, _, features = shape
    found = np.empty((samples, steps, rows.stop - rows.start, features))
    for place, row in enumerate(range(rows.start, rows.stop)):
        generator = np.random.default_rng((seed, row))
        found[:, :, place] = generator.standard_normal((samples, steps, features))
    return found * scale


def smooth(
    slopes: Slopes, bench: Bench, rows: slice, scales: Arrays, samples: int, seed: int
) -> tuple[Arrays, np.ndarray]:
    """Return the mean of gradients at places around some rows, and the outputs of these rows."""
    one, values, outputs = slopes.begin(bench, rows)
    begin, dtype = slopes.seed_of(one, rows), slopes.observed.ops.dtype
    sums = [np.zeros_like(values[n]) for n in slopes.places]
    noises = [
        noises_of(values[n].shape, rows, samples, seed, scale).astype(dtype)
        for n, scale in zip(slopes.places, scales, strict=True)
    ]
    for sample in range(samples):
        for n, noise in zip(slopes.places, noises, strict=True):
            one.load(n, values[n] + noise[sample])
        one.forward()
        slopes.back(one, begin)
        for total, n in zip(sums, slopes.places, strict=True):
            total += one.gradient(n)
    return [total / samples for total in sums], outputs
