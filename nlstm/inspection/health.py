"""`health`: dead and saturated units, stuck gates, gradients on their way, sizes of updates."""

import copy
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from nlstm.arguments.checks import checked_size
from nlstm.arguments.numbers import as_numbers
from nlstm.data.sources import is_pair, is_source
from nlstm.inspection.diagnosis import findings_of
from nlstm.inspection.gates import kind_of
from nlstm.inspection.passes import Observed, Pass, checked_model, fetched
from nlstm.inspection.reports import Health, LayerHealth
from nlstm.inspection.step_back import StepBack
from nlstm.inspection.tracing import LayerTrace, labels_of, traced
from nlstm.kernels.operations import Operations
from nlstm.layers import GRU, LSTM, SimpleRNN
from nlstm.network.binder import Bench
from nlstm.plan.plan import Call, Plan
from nlstm.plan.recurrence import Recurrence
from nlstm.training.goal import Goal

__all__ = ["health"]

LOW, HIGH = 0.01, 0.99  # of a gate or activation, by its range
STILL, EQUAL = 1e-3, 1e-6  # what a unit moves by, between bounds and without them
# Activations between bounds.
BOUNDS = {
    "tanh": (-1.0, 1.0),
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "hard_sigmoid_keras2": (0.0, 1.0),
    "hard_tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
}
DYING = ("relu", "relu6")  # which can be 0 for all rows


def health(model: Any, x: Any, y: Any = None, *, rows: int = 256, lengths: Any = None) -> Health:
    """Return how a compiled model does: units, gates, gradients and updates.

    Parameters
    ----------
    model : Sequential or Model
        After `compile`. It stays as it is: the one training step that shows sizes of updates is
        made by a copy.
    x, y, lengths
        As in `fit`; Windows have their targets.
    rows : int, default 256
        Of x that are looked at, evenly spread; they are the batch of that step.

    Returns
    -------
    Health
        `sentence` says what is wrong in the first place, and what people do about it.

    References
    ----------
    Pascanu, Mikolov & Bengio 2013, "On the difficulty of training recurrent neural networks".
    """
    checked_model(model).training.check_compiled("health", trains=True)
    if y is None and not is_pair(x):
        raise ValueError("health needs y; got None.")
    names = model.input_names
    several = len(names) > 1
    count = _rows_of(x, several)
    shape = getattr(y, "shape", ())
    if shape and shape[0] != count:
        raise ValueError(f"y has {shape[0]} rows; x has {count}.")
    places = np.unique(
        np.linspace(0, count - 1, min(count, checked_size("rows", rows))).astype(int)
    )
    x, y = _taken(x, places, several), None if y is None else _taken(y, places, True)
    lengths = None if lengths is None else _taken(lengths, places, several)
    if y is None:
        x, y = x.x, x.y
    scored = Observed(model, x, lengths, every=True, y=y)
    found = scored.watching(_measured, scored)
    loss, layers = found
    gradients: dict[str, float] = {}
    ratios, of_kernels = gradients, gradients
    if np.isfinite(loss):
        gradients, ratios, of_kernels = _updated(model, x, y, lengths)
    wrong = findings_of(loss, layers, gradients, of_kernels)
    return Health(loss, layers, gradients, ratios, wrong)


def _rows_of(x: Any, several: bool) -> int:
    if isinstance(x, Mapping):
        return _rows_of(next(iter(x.values())), False)
    if several and isinstance(x, list | tuple):
        return _rows_of(x[0], False)
    return len(x) if is_pair(x) else (x.shape[0] if is_source(x) else len(as_numbers("x", x)))


def _taken(values: Any, places: np.ndarray, several: bool) -> Any:
    """Return some rows of what a user gave."""
    if isinstance(values, Mapping):
        return {name: _taken(one, places, False) for name, one in values.items()}
    if several and isinstance(values, list | tuple) and values and np.ndim(values[0]):
        return [_taken(one, places, False) for one in values]
    if is_pair(values):
        return values.part(places)
    return values[places] if is_source(values) else as_numbers("x", values)[places]


# One pass


def _measured(bench: Bench, observed: Observed) -> tuple[float, dict[str, LayerHealth]]:
    """Return the loss of the rows, and the layers."""
    everywhere = slice(0, observed.rows)
    trace = traced(bench, observed, observed.rows) if _recurrent(observed) else {}
    steps = observed.data.x[0].shape[1]
    key = ("scored", observed.data.key)
    scored: _Scored = observed.binder.observed(
        bench, key, observed.rows, steps, partial(_bound, observed)
    )
    one = scored.one
    observed.load(one, everywhere)
    for source, array in zip(observed.data.y, scored.targets, strict=True):
        if source is not None:
            observed.ops.write(array, fetched(source, everywhere, observed.ops))
    scored.goal.reset()
    one.forward()
    layers = _activated(observed, one)
    one.backward()
    for label, recurrence in labels_of(observed, one.recurrences).items():
        layers[label] = _of_recurrence(trace[label], recurrence.layer, scored.ways[id(recurrence)])
    return scored.goal.logs()["loss"], layers


def _recurrent(observed: Observed) -> bool:
    layers = (one for outer in observed.network.layers for one in (outer, *outer.inside))
    return any(isinstance(one, LSTM | GRU | SimpleRNN) for one in layers)


class _Way(NamedTuple):
    """How long gradients are at each step, and by how much the recurrence has made them longer."""

    gradients: np.ndarray
    growth: float


class _Scored(NamedTuple):
    """A pass with losses; `ways` are of its last way back, by `id` of the recurrence."""

    one: Pass
    goal: Goal
    targets: list[Any]
    ways: dict[int, _Way]


def _bound(observed: Observed, plan: Plan) -> _Scored:
    """Bind the layers and losses; on the way back recurrent layers go step by step."""
    aims = [replace(aim, metrics=[], weighted_metrics=[]) for aim in observed.model.training.aims]
    goal = Goal(aims, observed.network.output_features, observed.ops)
    ways: dict[int, _Way] = {}
    inputs = observed.bind_inputs(plan)
    outputs = observed.graph.bind(plan, inputs)
    own = outputs[: len(observed.network.graph.outputs)]
    made = [
        None if shape is None else plan.array((shape[0], plan.rows, shape[1]))
        for shape in observed.data.key[2]
    ]
    goal.bind(plan, made, own, [None] * len(made), [None] * len(made))
    replaced = {id(one.backward): one for one in plan.recurrences}
    back: list[Call] = []
    for call in plan.backward():
        recurrence = replaced.get(id(call))
        back.append(call if recurrence is None else (_walk, (observed.ops, recurrence, ways)))
    calls = [*plan.beforehand, *plan.forward]
    one = Pass(observed.ops, inputs, outputs, [], plan.recurrences, calls, back)
    return _Scored(one, goal, made, ways)


def _walk(ops: Operations, recurrence: Recurrence, ways: dict[int, _Way]) -> None:
    """Take a recurrent layer back step by step, and note the gradient's length at each."""
    back = StepBack(recurrence, ops, inputs=True)
    dy = ops.to_host(back.gradients.dy)
    rows, last = dy.shape[1], back.steps - 1
    found, outside = np.zeros(back.steps), np.zeros(back.steps)

    def length(values: Any) -> float:
        return float(np.sqrt((values.astype(np.float64) ** 2).sum(axis=1)).mean() * rows)

    def note(slot: int, dh: Any, dc: Any) -> None:
        if slot == 0:
            return
        total = ops.to_host(dh)
        if len(dy) == back.steps or slot - 1 == last:
            own = dy[slot - 1 if len(dy) == back.steps else 0, :, : total.shape[1]]
            outside[slot - 1] += length(own)
            total = total + own
        found[slot - 1] = length(total)

    outside[last] += length(ops.to_host(back.gradients.dh))
    note(back.steps, back.gradients.dh, None)
    back.run(back.gradients.dh, back.gradients.dc, note)
    whole = outside.sum()
    growth = float(found.max() / whole) if whole > 0.0 else 0.0
    ways[id(recurrence)] = _Way(found[::-1].copy() if back.reverse else found, growth)


# Layers


def _of_recurrence(trace: LayerTrace, layer: Any, way: _Way) -> LayerHealth:
    h = _flat(trace["h"], trace.mask)
    squashed = _flat(np.tanh(trace["c"]), trace.mask) if "c" in trace.arrays else h
    at_0, at_1 = {}, {}
    if getattr(layer, "recurrent_activation", None) in BOUNDS:
        for gate in (one for one in trace.gates if one != "g"):
            values = _flat(trace[gate], trace.mask)
            at_0[gate] = (values < LOW).mean(axis=0)
            at_1[gate] = (values > HIGH).mean(axis=0)
    known = layer.activation if layer.activation == "tanh" or "c" not in trace.arrays else "linear"
    rest = (_dead(h, layer.activation), _ends_of(squashed, known), at_0, at_1, *way)
    return LayerHealth(trace.name, kind_of(layer), *rest, trace.backwards)


def _flat(values: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Return (rows and steps that count, units)."""
    return values.reshape(-1, values.shape[-1]) if mask is None else values[mask]


def _dead(values: np.ndarray, activation: str) -> np.ndarray:
    limit = STILL if activation in BOUNDS else EQUAL
    return np.ptp(values, axis=0) < limit


def _ends_of(values: np.ndarray, activation: str) -> np.ndarray:
    """Return the share of rows and steps where each unit is at an end of its range."""
    if activation not in BOUNDS:
        return np.zeros(values.shape[1])
    low, high = BOUNDS[activation]
    margin = LOW * (high - low) / (2.0 if low else 1.0)
    return ((values < low + margin) | (values > high - margin)).mean(axis=0)


def _activated(observed: Observed, one: Pass) -> dict[str, LayerHealth]:
    """Return the layers with an activation, but recurrent ones and those that give outputs."""
    labels = {id(layer): label for label, layer in observed.network.labels}
    graph, found = observed.network.graph, dict[str, LayerHealth]()
    tensors = iter(one.outputs[len(graph.outputs) :])
    for node in graph.nodes:
        for symbol, tensor in zip(node.outputs, [next(tensors) for _ in node.outputs], strict=True):
            layer: Any = node.layer
            activation: str = getattr(layer, "activation", None) or "linear"
            known = activation in BOUNDS or activation in DYING
            is_last = symbol in graph.outputs
            if isinstance(layer, LSTM | GRU | SimpleRNN) or not known or is_last:
                continue
            label = labels.get(id(layer), layer.name)
            host = observed.ops.to_host(tensor.value)[..., : tensor.features]
            values = host.reshape(-1, tensor.features)
            if tensor.mask is not None:
                values = host[observed.ops.to_host(tensor.mask) != 0]
            ends = _dead(values, activation), _ends_of(values, activation)
            found[label] = LayerHealth(label, type(layer).__name__, *ends, {}, {}, None)
    return found


# One training step of a copy


def _updated(
    model: Any, x: Any, y: Any, lengths: Any
) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """Return the length of each weight's gradient, and of its update by that of the weight.

    The latter again without vectors, which begin at 0.
    """
    twin = copy.deepcopy(model)
    for layer in twin.layers:
        if getattr(layer, "stateful", False):
            layer.reset_state()
    weights = twin.binder.weights.trained(twin.training.frozen)
    before = {name: one.get().astype(np.float64) for name, one in weights.items()}
    for _ in range(getattr(twin.optimizer, "gradient_accumulation_steps", None) or 1):
        twin.train_on_batch(x, y, lengths=lengths)
    gradients, ratios = {}, {}
    for name, one in weights.items():
        old, new = before[name], one.get().astype(np.float64)
        gradients[name] = float(np.linalg.norm(one.get_gradient().astype(np.float64)))
        size = np.linalg.norm(old)
        if size > 0.0:
            ratios[name] = float(np.linalg.norm(new - old) / size)
    kernels = {name: one for name, one in ratios.items() if len(weights[name].shape) > 1}
    return gradients, ratios, kernels
