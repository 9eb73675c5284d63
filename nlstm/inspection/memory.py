"""`memory`: how long the units of recurrent layers remember."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nlstm.arguments.checks import checked_seed, checked_size
from nlstm.inspection.gates import forward_parts, kind_of, read
from nlstm.inspection.passes import Observed, Pass
from nlstm.inspection.step_back import StepBack, steps_of
from nlstm.inspection.tables import as_plain, number, percent, table
from nlstm.inspection.tracing import labels_of
from nlstm.network.binder import Bench
from nlstm.plan.recurrence import Recurrence

__all__ = ["LayerMemory", "Memory", "memory"]

FADED = 0.01  # of influence: what is below counts as none
DIRECTIONS = 64  # of a state; in more units directions are drawn
ROWS_AT_ONCE = 1024
LEAST = 1e-30  # of a forget gate, so that its logarithm is finite
SHOWN = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


@dataclass(frozen=True, eq=False)
class LayerMemory:
    """How long one recurrent layer remembers. Lags count steps before the last one.

    Attributes
    ----------
    name : str
    kind : {"LSTM", "GRU", "SimpleRNN"}
    time_constants : ndarray, shape (units,), or None
        In steps: -1 / the mean of log f, after which a forget gate has left 1 / e of c. Of a GRU
        by its update gate z. None for a SimpleRNN, which has no such gate.
    kept : ndarray, shape (lags + 1, units), or None
        The share of what c was k steps before the last that its forget gates let through to the
        last; mean over rows.
    influence : ndarray, shape (lags + 1,)
        The measured size of d h_T / d h_(T-k): the root of the mean square over rows and units, 1
        for k = 0.
    influence_of_units : ndarray, shape (lags + 1, units)
        The part of each unit k steps before.
    influence_of_c : ndarray, shape (lags + 1,), or None
        The same of c: of d h_T / d c_(T-k).
    reach : int
        The last lag whose influence, or that of c, is above 1 % of the largest.
    """

    name: str
    kind: str
    time_constants: np.ndarray | None
    kept: np.ndarray | None
    influence: np.ndarray
    influence_of_units: np.ndarray
    influence_of_c: np.ndarray | None
    reach: int

    def __repr__(self) -> str:
        units = self.influence_of_units.shape[1]
        return f"<Memory of {self.kind} {self.name!r}: {units} units, reach {self.reach} steps>"

    def __str__(self) -> str:
        lags = [lag for lag in SHOWN if lag < len(self.influence)]
        header = ["lag", *map(str, lags)]
        rows = []
        if self.kept is not None:
            rows.append(["kept", *(percent(self.kept[lag].mean()) for lag in lags)])
        rows.append(["|dh/dh'|", *(number(float(self.influence[lag])) for lag in lags)])
        if self.influence_of_c is not None:
            rows.append(["|dh/dc'|", *(number(float(self.influence_of_c[lag])) for lag in lags)])
        text = f"{self!r}\n{table(header, rows)}"
        if self.time_constants is None:
            return text
        cuts = np.quantile(self.time_constants, (0.0, 0.5, 1.0), method="nearest")
        low, middle, high = (number(float(one)) for one in cuts)
        return f"{text}\ntime constants: {low} to {high} steps, median {middle}"

    def to_dict(self) -> dict[str, Any]:
        """Return a dict of arrays, numbers and strings."""
        return as_plain(self)


@dataclass(frozen=True, eq=False)
class Memory(Mapping[str, LayerMemory]):
    """The memory of a model's recurrent layers by name: see `Trace.layers`."""

    layers: Mapping[str, LayerMemory]

    def __getitem__(self, name: str) -> LayerMemory:
        """Return a layer by its name."""
        if name not in self.layers:
            raise KeyError(f"There is no {name!r}; there are {', '.join(self.layers)}.")
        return self.layers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __repr__(self) -> str:
        reach = ", ".join(f"{name} {one.reach}" for name, one in self.layers.items())
        return f"<Memory, reach in steps: {reach}>"

    def __str__(self) -> str:
        return "\n\n".join(str(one) for one in self.layers.values())

    def to_dict(self) -> dict[str, Any]:
        """Return a dict by layers of dicts of arrays."""
        return as_plain(self.layers)


def memory(
    model: Any,
    x: Any,
    *,
    lags: int | None = None,
    rows: int = 64,
    lengths: Any = None,
    seed: int = 0,
) -> Memory:
    """Return how long each unit of every LSTM, GRU and SimpleRNN remembers.

    Parameters
    ----------
    model : Sequential or Model
        It stays as it is.
    x, lengths
        As in `predict`.
    lags : int, optional
        How far back to look; by default to the first step.
    rows : int, default 64
        Of x that are looked at, evenly spread.
    seed : int, default 0
        In layers of more than 64 units influence is estimated from 64 directions that are drawn.

    Returns
    -------
    Memory
        By layers. "The last step" is the last that a layer reads: of one that goes backwards the
        first of the input; masked steps are left out.

    Notes
    -----
    `kept` says what the gates let through, whether or not anything depends on it; `influence` is
    what a change of the state k steps before would change in the last state, through all ways.
    Neither says whether the forecasts need it: see `importance` and `order_test`.

    References
    ----------
    Tallec & Ollivier 2018, "Can recurrent neural networks warp time?" (gates as time constants);
    Pascanu, Mikolov & Bengio 2013, "On the difficulty of training recurrent neural networks".
    """
    observed = Observed(model, x, lengths)
    count, seed = checked_size("rows", rows), checked_seed("seed", seed) or 0
    most = None if lags is None else checked_size("lags", lags)
    places = np.unique(np.linspace(0, observed.rows - 1, min(count, observed.rows)).astype(int))
    return observed.watching(_remembered, observed, places, most, seed)


def _remembered(
    bench: Bench, observed: Observed, places: np.ndarray, most: int | None, seed: int
) -> Memory:
    once = _loaded(bench, observed, places, 1)
    labels = labels_of(observed, once.recurrences)
    here = {name: one for name, one in labels.items() if _rows_of(one) == len(places)}
    if not here:
        raise ValueError(f"{observed.model.name} has no LSTM, GRU or SimpleRNN to look at.")
    gates = {name: _forgotten(one, observed, most) for name, one in here.items()}
    found = {}
    for name, one in here.items():
        layer: Any = one.layer
        squares = _influence(bench, observed, places, name, layer.units, seed)
        lags = squares[0].shape[0] if most is None else min(most + 1, squares[0].shape[0])
        of_units = np.sqrt(squares[0][:lags])
        overall = [np.sqrt(part[:lags].mean(axis=1)) for part in squares]
        of_c = overall[1] if len(overall) > 1 else None
        seen = overall[0] if of_c is None else np.maximum(overall[0], of_c)
        reach = int(np.flatnonzero(seen > FADED * seen.max())[-1])
        constants, kept = gates[name]
        kept = None if kept is None else kept[: len(overall[0])]
        rest_of = (constants, kept, overall[0], of_units, of_c, reach)
        found[name] = LayerMemory(name, kind_of(layer), *rest_of)
    return Memory(found)


def _rows_of(recurrence: Recurrence) -> int:
    return forward_parts(recurrence)[0].shape[1]


def _loaded(bench: Bench, observed: Observed, places: np.ndarray, times: int) -> Pass:
    """Return a pass over some rows, each `times` times, after its way forward."""
    one = observed.bound(bench, len(places) * times)
    observed.load(one, np.repeat(places, times))
    one.forward()
    return one


def _forgotten(
    recurrence: Recurrence, observed: Observed, most: int | None
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return time constants, and the share of c that is kept."""
    layer: Any = recurrence.layer
    if kind_of(layer) == "SimpleRNN":
        return None, None
    arrays, mask = read(recurrence, observed.ops)
    gate = arrays["f" if "f" in arrays else "z"].astype(np.float64)
    rows, steps, _ = gate.shape
    if layer.go_backwards:
        gate, mask = gate[:, ::-1], None if mask is None else mask[:, ::-1]
    logs = np.log(np.maximum(np.where(np.isnan(gate), 1.0, gate), LEAST))
    counts = np.ones((rows, steps), bool) if mask is None else mask
    with np.errstate(divide="ignore", invalid="ignore"):
        constants = -1.0 / (logs.sum(axis=(0, 1)) / counts.sum())
    constants = np.where(np.isnan(constants) | (constants < 0.0), np.inf, constants)
    lags = steps + 1 if most is None else min(most, steps) + 1
    sums, seen = np.zeros((lags, logs.shape[2])), np.zeros(lags)
    for row_logs, row_counts in zip(logs, counts, strict=True):
        back = np.cumsum(row_logs[row_counts][::-1], axis=0)[: lags - 1]
        sums[1 : len(back) + 1] += np.exp(back)
        seen[: len(back) + 1] += 1
    sums[0] = seen[0]
    with np.errstate(invalid="ignore"):
        return constants, sums / seen[:, None]


def _influence(
    bench: Bench, observed: Observed, places: np.ndarray, name: str, units: int, seed: int
) -> list[np.ndarray]:
    """Return, of h and c, the mean square by lag and unit, (T + 1, units), times the units.

    So that the mean over units is that of the squared singular values of the Jacobian.
    """
    directions = np.eye(units)
    if units > DIRECTIONS:
        generator = np.random.default_rng(seed)
        directions = generator.choice([-1.0, 1.0], (DIRECTIONS, units)) * np.sqrt(1 / DIRECTIONS)
    group = max(1, min(len(directions), ROWS_AT_ONCE // len(places)))
    totals: list[np.ndarray] = []
    for first in range(0, len(directions), group):
        part = directions[first : first + group]
        one = _loaded(bench, observed, places, len(part))
        recurrence = labels_of(observed, one.recurrences)[name]
        squares = _squares(recurrence, observed, part, len(places), units)
        totals = squares if not totals else [a + b for a, b in zip(totals, squares, strict=True)]
    mask = forward_parts(recurrence)[4]
    counts = None if mask is None else observed.ops.to_host(mask)[:, :: len(part)]
    if counts is not None and getattr(recurrence.layer, "go_backwards", False):
        counts = counts[::-1]
    return [_by_lag(total, counts) for total in totals]


def _squares(
    recurrence: Recurrence, observed: Observed, directions: np.ndarray, rows: int, units: int
) -> list[np.ndarray]:
    """Return sums over directions of squared gradients, of h and of c: (slots, rows, units)."""
    ops, steps = observed.ops, steps_of(recurrence)
    back = StepBack(recurrence, ops, inputs=False)
    shape = forward_parts(recurrence)[0].shape[1:]
    dh = ops.zeros(shape)
    dc = None if back.c is None else ops.zeros(shape)
    ops.write(dh[..., :units], np.tile(directions, (rows, 1)).astype(ops.dtype))
    both = [dh] if dc is None else [dh, dc]
    found = [np.zeros((steps + 1, rows, units)) for _ in both]

    def keep(slot: int, *given: Any) -> None:
        for sums, array in zip(found, given, strict=False):
            host = ops.to_host(array)[:, :units].astype(np.float64)
            sums[slot] = (host.reshape(rows, len(directions), units) ** 2).sum(axis=1)

    keep(steps, *both)
    back.run(dh, dc, lambda slot, dh, dc: keep(slot, *([dh] if dc is None else [dh, dc])), False)
    return found


def _by_lag(squares: np.ndarray, counts: np.ndarray | None) -> np.ndarray:
    """Return means over rows by lag, of squares by slot; masked steps are no lag."""
    if counts is None:
        return squares[::-1].mean(axis=1)
    slots, rows, units = squares.shape
    sums, seen = np.zeros((slots, units)), np.zeros(slots)
    for row in range(rows):
        there = np.flatnonzero(counts[:, row] != 0)
        places = np.append(there[::-1] + 1, 0)  # the slots after the steps that count, and slot 0
        sums[: len(places)] += squares[places, row]
        seen[: len(places)] += 1
    return sums[seen > 0] / seen[seen > 0, None]
