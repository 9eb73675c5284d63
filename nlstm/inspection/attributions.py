"""What `attribute` returns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nlstm.inspection.tables import as_plain, number, percent, share, table

__all__ = ["Attribution"]

SHOWN = 8  # lines of a table


@dataclass(frozen=True, eq=False)
class Attribution:
    """Which numbers of the input made an output what it is.

    Attributes
    ----------
    method, target : str
        What was asked.
    values : ndarray, or dict of them by the names of inputs
        Of the input's shape: (rows, steps, features), (rows, features), or (rows, steps) of tokens.
    outputs : ndarray, shape (rows,)
        The number that was asked about.
    base_outputs : ndarray, shape (rows,), or None
        The same for the baseline.
    gaps : ndarray, shape (rows,), or None
        Of "integrated_gradients": by how much the sum of a row's values misses the difference of
        `outputs` and `base_outputs`.
    completeness : float or None
        The share that is missed: the sum of the magnitudes of gaps by that of differences. 0.01 is
        1 %.
    steps : int or None
        Places of the integral that were taken.
    whole : tuple of bool
        Of "occlusion": whether steps, and features, were hidden together, so that their values are
        one number, repeated.
    """

    method: str
    target: str
    values: Any
    outputs: np.ndarray
    base_outputs: np.ndarray | None = None
    gaps: np.ndarray | None = None
    completeness: float | None = None
    steps: int | None = None
    whole: tuple[bool, bool] = (False, False)

    @property
    def by_name(self) -> dict[str, np.ndarray]:
        """The values of each input; of one input alone by "x"."""
        return dict(self.values) if isinstance(self.values, Mapping) else {"x": self.values}

    def by_step(self) -> Any:
        """Return the values of a step together, (rows, steps)."""
        return self._reduced(2)

    def by_feature(self) -> Any:
        """Return the values of a feature together, (rows, features)."""
        return self._reduced(1)

    def _reduced(self, axis: int) -> Any:
        repeated = self.whole[axis - 1]

        def reduced(values: np.ndarray) -> np.ndarray:
            if values.ndim <= axis:
                return values
            return values.mean(axis=axis) if repeated else values.sum(axis=axis)

        found = {name: reduced(one) for name, one in self.by_name.items()}
        return found if isinstance(self.values, Mapping) else found["x"]

    def table(self, names: Sequence[str] | None = None) -> str:
        """Return the features, and the steps, that count most, by the mean of their magnitude.

        Parameters
        ----------
        names : sequence of str, optional
            Of the features, where there is one input.
        """
        blocks = []
        for name, values in self.by_name.items():
            if values.ndim == 3:
                blocks.append(_ranked(values.mean(1) if self.whole[0] else values.sum(1), "feature",
                                      f"{name}: feature", names))  # fmt: skip
                by_step = values.mean(2) if self.whole[1] else values.sum(2)
                blocks.append(_ranked(by_step, "step", f"{name}: step"))
            else:
                blocks.append(_ranked(values, "place", f"{name}: place", names))
        return "\n\n".join(blocks)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {one.shape}" for name, one in self.by_name.items())
        missed = "" if self.completeness is None else f", off by {percent(self.completeness)}"
        return f"<Attribution of {self.target} by {self.method}: {shapes}{missed}>"

    def __str__(self) -> str:
        return f"{self!r}\n{self.table()}"

    def to_dict(self) -> dict[str, Any]:
        """Return a dict of arrays, numbers and strings."""
        return as_plain(self)


def _ranked(values: np.ndarray, what: str, title: str, names: Sequence[str] | None = None) -> str:
    """Return the table of columns (rows, n), the largest mean magnitude first."""
    sizes, means = np.abs(values).mean(axis=0), values.mean(axis=0)
    if names is not None and len(names) != len(sizes):
        raise ValueError(f"names must name {len(sizes)} features; got {len(names)}.")
    parts = share(sizes)
    rows = []
    for place in np.argsort(-sizes, kind="stable")[:SHOWN]:
        label = str(place) if names is None else str(names[place])
        rows.append((label, number(sizes[place]), percent(parts[place]), number(means[place])))
    return table((title, "mean size", "share", "mean"), rows)
