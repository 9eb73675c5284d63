"""What is drawn, and the draws of all rows, or their quantiles."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nlstm.data.step import Step
from nlstm.kernels.operations import Operations
from nlstm.plan.draws import Draws

__all__ = ["ELEMENTS", "Collected", "DrawnStep", "Sampling"]

ELEMENTS = 1 << 22  # numbers that lie in the caches, or nearly, or are held for their quantiles


class Sampling(NamedTuple):
    """How many draws, from which seed, and what of them is returned.

    Attributes
    ----------
    samples : int
    quantiles : tuple of float or None
        None for the draws themselves.
    seed : int
    """

    samples: int
    quantiles: tuple[float, ...] | None
    seed: int


@dataclass
class DrawnStep(Step):
    """A step that makes several draws of each row.

    Attributes
    ----------
    draws : Draws
    """

    draws: Draws | None = None


class Collected:
    """The draws of all rows, or their quantiles.

    Parameters
    ----------
    step : DrawnStep
        One of those that made draws.
    total, rows : int
        Rows in all, and of a batch.
    sampling : Sampling
    """

    def __init__(self, step: DrawnStep, total: int, rows: int, sampling: Sampling) -> None:
        self._sampling, self._done, self._first = sampling, 0, 0
        self._sequences = [one.sequence for one in step.outputs]
        shapes = [(one.steps, one.features) for one in step.outputs]
        dtype, samples, levels = step.outputs[0].value.dtype, sampling.samples, sampling.quantiles
        self._held = total
        if levels is not None:
            size = samples * rows * max(steps * features for steps, features in shapes)
            self._held = min(total, rows * max(1, ELEMENTS // size))
        self._draws = [np.empty((samples, self._held, *shape), dtype) for shape in shapes]
        self._found = self._draws
        if levels is not None:
            self._found = [np.empty((len(levels), total, *shape), dtype) for shape in shapes]

    def put(self, ops: Operations, step: DrawnStep, start: int, first: int) -> None:
        """Take the draws of a run: of rows from `start` on, from draw number `first` on."""
        assert step.draws is not None
        rows, draws = step.rows, step.draws.draws
        if start + rows > self._first + self._held:
            self._reduce()
            self._first = start
        place = slice(start - self._first, start - self._first + rows)
        for output, held in zip(step.outputs, self._draws, strict=True):
            value = ops.to_host(output.value)[..., : output.features]
            shaped = value.reshape(output.steps, rows, draws, output.features)
            held[first : first + draws, place] = shaped.transpose(2, 1, 0, 3)
        self._done = start + rows

    def _reduce(self) -> None:
        """Take the quantiles of the rows that are held."""
        rows, levels = self._done - self._first, self._sampling.quantiles
        for draws, found in zip(self._draws, self._found, strict=True):
            if levels is not None:
                found[:, self._first : self._done] = np.quantile(draws[:, :rows], levels, axis=0)

    def finished(self) -> list[np.ndarray]:
        """Return what was found, of the rows that were reached."""
        self._reduce()
        whole = [one[:, : self._done] for one in self._found]
        return [
            one if sequence else one[:, :, 0]
            for one, sequence in zip(whole, self._sequences, strict=True)
        ]
