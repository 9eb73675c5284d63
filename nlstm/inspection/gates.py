"""The numbers that a recurrent layer's forward pass leaves in the arena, as arrays by name."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nlstm.kernels.operations import Operations
from nlstm.layers import GRU, LSTM, SimpleRNN
from nlstm.plan.recurrence import Recurrence

__all__ = ["GATES", "forward_parts", "kind_of", "read"]

# By the kind of layer: what `read` returns beside the states, in the order of Keras's weights.
GATES = {"LSTM": ("i", "f", "g", "o"), "GRU": ("z", "r", "g"), "SimpleRNN": ()}


def kind_of(layer: Any) -> str:
    """Return "LSTM", "GRU" or "SimpleRNN"."""
    return next(one.__name__ for one in (LSTM, GRU, SimpleRNN) if isinstance(layer, one))


def forward_parts(recurrence: Recurrence) -> tuple[Any, Any, Any, bool, Any]:
    """Return h, c, gates, whether the last step comes first, and the mask of steps."""
    layer: Any = recurrence.layer
    arguments = recurrence.forward[1]
    if isinstance(layer, SimpleRNN):
        h, _, reverse, masks = arguments[2:6]
        return h, None, None, reverse, masks.mask
    if isinstance(layer, GRU) and not layer.reset_after:
        h, a, _, reverse, masks = arguments[2:7]
        return h, None, a, reverse, masks.mask
    normalised = isinstance(layer, LSTM) and layer.layer_norm
    work, _, reverse, masks = arguments[3:7] if normalised else arguments[2:6]
    return work.h, work.c, work.gates, reverse, masks.mask


def read(recurrence: Recurrence, ops: Operations) -> tuple[dict[str, np.ndarray], Any]:
    """Return gates and states by name, (N, T, units), and the mask, (N, T) bool, or None.

    Steps are in the order of the input. Where a step is masked there are no gates: they are NaN.
    """
    layer: Any = recurrence.layer
    h, c, gates, reverse, mask = forward_parts(recurrence)
    found = _gates(layer, gates, ops)
    if c is not None:
        found["c"] = _by_rows(ops.to_host(c)[1:, :, : layer.units])
    found["h"] = _by_rows(ops.to_host(h)[1:, :, : layer.units])
    if reverse:
        found = {name: one[:, ::-1].copy() for name, one in found.items()}
    if mask is None:
        return found, None
    counts = ops.to_host(mask).T != 0
    for name in GATES[kind_of(layer)]:
        found[name][~counts] = np.nan
    return found, counts


def _by_rows(array: np.ndarray) -> np.ndarray:
    """Return (T, N, units) as an array (N, T, units) of its own."""
    return np.array(array.swapaxes(0, 1), order="C")


def _gates(layer: Any, gates: Any, ops: Operations) -> dict[str, np.ndarray]:
    names, units = GATES[kind_of(layer)], layer.units
    if not names:
        return {}
    host = ops.to_host(gates)
    if isinstance(layer, GRU) and not layer.reset_after:
        parts = [_by_rows(part[..., :units]) for part in host]
    else:  # (T, B, N, 4, L): at each step what the weights of N features would be
        steps, blocks, rows = host.shape[:3]
        packed = np.moveaxis(host, 0, 1).reshape(blocks, steps * rows, *host.shape[3:])
        flat = ops.gate_matrix(units).unpack(packed)
        parts = [_by_rows(one.reshape(steps, rows, units)) for one in np.split(flat, 4, axis=1)]
    found = dict(zip(names, parts, strict=False))
    for name, one in found.items():
        activation = layer.activation if name == "g" else layer.recurrent_activation
        if activation in ops.INPUT_NAMES:  # kept is what comes before it
            found[name] = _activated(ops.activation(activation)[0], one, ops)
    return found


def _activated(activate: Callable[..., None], values: np.ndarray, ops: Operations) -> np.ndarray:
    units = values.shape[-1]
    rows = values.reshape(-1, units)
    x, y = (ops.zeros((len(rows), ops.padded(units, ops.dtype))) for _ in range(2))
    ops.write(x[..., :units], rows)
    activate(x, y, units)
    return np.array(ops.to_host(y)[..., :units]).reshape(values.shape)
