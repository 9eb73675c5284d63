"""`trace`: every gate and state of every recurrent layer and step."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nlstm.inspection.gates import GATES, kind_of, read
from nlstm.inspection.passes import Observed
from nlstm.inspection.tables import as_plain, number, table
from nlstm.network.binder import Bench
from nlstm.plan.recurrence import Recurrence

__all__ = ["LayerTrace", "Trace", "labels_of", "trace"]


@dataclass(frozen=True, eq=False)
class LayerTrace:
    """What one recurrent layer, or one level of it, did at every step.

    The arrays are attributes too: ``found.f`` is ``found["f"]``.

    Attributes
    ----------
    name : str
    kind : {"LSTM", "GRU", "SimpleRNN"}
    arrays : dict of str to ndarray, shape (rows, steps, units)
        Of an LSTM the gates i, f, o and the candidate g, then c and h; of a GRU the update gate z,
        the reset gate r, the candidate g, and h; of a SimpleRNN h. Step t is that of the input
        also where the layer goes backwards: h[:, t] is the state after it has read step t.
    mask : ndarray(bool), shape (rows, steps), or None
        Where False the step is masked: gates are NaN, and states are those before it.
    backwards : bool
        Whether it reads the last step first.
    """

    name: str
    kind: str
    arrays: Mapping[str, np.ndarray]
    mask: np.ndarray | None
    backwards: bool

    def __getitem__(self, name: str) -> np.ndarray:
        """Return an array by its name."""
        if name not in self.arrays:
            raise KeyError(f"{self.name} has no {name!r}; there are {', '.join(self.arrays)}.")
        return self.arrays[name]

    def __getattr__(self, name: str) -> Any:
        found = vars(self).get("arrays", {})
        if name in found:
            return found[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}.")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.arrays]

    @property
    def gates(self) -> tuple[str, ...]:
        """The names of what is computed anew at each step: all but the states."""
        return GATES[self.kind]

    def __repr__(self) -> str:
        way = ", backwards" if self.backwards else ""
        return f"<{self.kind} {self.name!r}{way}: {', '.join(self.arrays)} of {self['h'].shape}>"

    def __str__(self) -> str:
        rows = []
        for name, values in self.arrays.items():
            known = values[~np.isnan(values)]
            if known.size:
                cuts = np.quantile(known, (0.05, 0.5, 0.95))
                spread = (known.mean(), *cuts)
                rows.append((name, *(number(float(one)) for one in spread)))
        return f"{self!r}\n{table(('', 'mean', '5 %', 'median', '95 %'), rows)}"

    def to_dict(self) -> dict[str, Any]:
        """Return a dict of arrays, strings and flags."""
        return as_plain(self)


@dataclass(frozen=True, eq=False)
class Trace(Mapping[str, LayerTrace]):
    """The recurrent layers of a model by name, in the order in which they run.

    Attributes
    ----------
    layers : dict of str to LayerTrace
        Levels of ``num_layers`` are ``name/0``, ``name/1``, ...; the layers of a Bidirectional
        ``name/forward_lstm``, ``name/backward_lstm``. A layer that is called again is
        ``name (call 2)``.
    """

    layers: Mapping[str, LayerTrace]

    def __getitem__(self, name: str) -> LayerTrace:
        """Return a layer by its name."""
        if name not in self.layers:
            raise KeyError(f"There is no {name!r}; there are {', '.join(self.layers)}.")
        return self.layers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __repr__(self) -> str:
        return f"<Trace of {', '.join(self.layers)}>"

    def __str__(self) -> str:
        return "\n\n".join(str(one) for one in self.layers.values())

    def to_dict(self) -> dict[str, Any]:
        """Return a dict by layers of dicts of arrays."""
        return as_plain(self.layers)


def trace(model: Any, x: Any, *, lengths: Any = None, batch_size: int | None = None) -> Trace:
    """Return every gate and state of every LSTM, GRU and SimpleRNN, for every row and step.

    They are those that a training step keeps for its way back, dropout left out.

    Parameters
    ----------
    model : Sequential or Model
        It stays as it is. Stateful layers are seen from zeros on.
    x : array_like, or list or dict of them, or Windows
        As in `predict`.
    lengths : array_like of int, optional
        As in `predict`.
    batch_size : int, optional
        Rows at a time, by default what suits the caches.

    Returns
    -------
    Trace
        By layers: ``trace(model, x)["lstm"].f`` has shape (rows, steps, units).

    Raises
    ------
    ValueError
        The model has no recurrent layer, one with zoneout, or `x` does not fit.

    Examples
    --------
    >>> import numpy as np, nlstm
    >>> from nlstm.inspection import trace
    >>> model = nlstm.Sequential([nlstm.layers.LSTM(4, input_shape=(5, 3), name="lstm")])
    >>> trace(model, np.zeros((2, 5, 3)))["lstm"].f.shape
    (2, 5, 4)
    """
    observed = Observed(model, x, lengths)
    return observed.watching(traced, observed, batch_size)


def traced(bench: Bench, observed: Observed, batch_size: int | None = None) -> Trace:
    """Return the trace of all rows."""
    layers: dict[str, Any] = {}
    parts: dict[str, list[tuple[dict[str, np.ndarray], Any]]] = {}
    for rows in observed.batches(batch_size):
        one = observed.bound(bench, rows.stop - rows.start)
        if not one.recurrences:
            raise ValueError(f"{observed.model.name} has no LSTM, GRU or SimpleRNN to look at.")
        observed.load(one, rows)
        one.forward()
        for label, recurrence in labels_of(observed, one.recurrences).items():
            layers[label] = recurrence.layer
            count = rows.stop - rows.start
            parts.setdefault(label, []).append(_in_rows(*read(recurrence, observed.ops), count))
    found = {}
    for label, layer in layers.items():
        arrays = {
            name: _joined([part[0][name] for part in parts[label]]) for name in parts[label][0][0]
        }
        masks = [part[1] for part in parts[label]]
        mask = None if masks[0] is None else _joined(masks)
        found[label] = LayerTrace(label, kind_of(layer), arrays, mask, layer.go_backwards)
    return Trace(found)


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _in_rows(
    arrays: dict[str, np.ndarray], mask: np.ndarray | None, count: int
) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
    """Return arrays (rows, outer steps, steps, units) where steps were rows to the layer."""
    if len(arrays["h"]) == count:
        return arrays, mask

    def apart(array: np.ndarray) -> np.ndarray:
        outer = array.reshape(len(array) // count, count, *array.shape[1:])
        return np.ascontiguousarray(outer.swapaxes(0, 1))

    return {name: apart(one) for name, one in arrays.items()}, None if mask is None else apart(mask)


def labels_of(observed: Observed, recurrences: list[Recurrence]) -> dict[str, Recurrence]:
    """Return recurrences by what users call them."""
    names: dict[int, str] = {}
    for label, outer in observed.network.labels:
        _name_layers(label, outer, names)
    found: dict[str, Recurrence] = {}
    for one in recurrences:
        layer: Any = one.layer
        label = names.get(id(layer), layer.name)
        if getattr(layer, "num_layers", 1) > 1:
            label = f"{label}/{one.level}"
        calls = 1
        while (shown := label if calls == 1 else f"{label} (call {calls})") in found:
            calls += 1
        found[shown] = one
    return found


def _name_layers(label: str, layer: Any, names: dict[int, str]) -> None:
    names.setdefault(id(layer), label)
    for part, inner in layer.named_parts():
        _name_layers(f"{label}/{inner.name if '/' not in part else part}", inner, names)
