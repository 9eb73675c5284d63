"""Steps put together to the layers that people write."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from nlstm.interop.onnx.recurrent_in import STATES
from nlstm.interop.onnx.steps import MERGED, RAW, Ref, Step

__all__ = ["LAST", "fused"]

WHOLE = slice(None)
BACKWARDS = (WHOLE, slice(None, None, -1))
LAST = (WHOLE, -1)
FIRST = (WHOLE, 0)
MODES = {"Add": "sum", "Multiply": "mul", "Average": "ave"}


def fused(steps: list[Step], outputs: list[Ref]) -> tuple[list[Step], list[Ref]]:
    """Return fewer steps that compute the same."""
    graph = _Steps(steps, outputs)
    for rule in RULES:
        graph.apply(rule)
    for step in graph.steps:
        if step.kind == "Affine":
            _frozen(step)
    return graph.steps, graph.outputs


class _Steps:
    def __init__(self, steps: list[Step], outputs: list[Ref]) -> None:
        self.steps, self.outputs = steps, outputs
        self._instead: dict[Ref, Ref] = {}
        self.uses: Counter[Ref] = Counter()
        self.users: dict[Ref, list[Step]] = {}

    def apply(self, rule: Callable[["_Steps", Step], Iterator[tuple[Ref, Ref]]]) -> None:
        """Ask a rule about each step: it gives outputs, and those that take their places."""
        self._count()
        for step in list(self.steps):
            step.inputs = [self._now(ref) for ref in step.inputs]
            step.mask = None if step.mask is None else self._now(step.mask)
            for old, new in rule(self, step):
                self._instead[old] = new
        for step in self.steps:  # those that came before what took a place
            step.inputs = [self._now(ref) for ref in step.inputs]
        self.outputs = [self._now(ref) for ref in self.outputs]
        self._sweep()

    def _now(self, ref: Ref) -> Ref:
        while ref in self._instead:
            ref = self._instead[ref]
        return ref

    def _count(self) -> None:
        self.uses, self.users = Counter(self.outputs), {}
        for step in self.steps:
            sources = [*step.inputs, *([] if step.mask is None else [step.mask])]
            self.uses.update(sources)
            for ref in sources:
                self.users.setdefault(ref, []).append(step)

    def alone(self, ref: Ref) -> bool:
        """Whether one call takes a value, and nothing else does."""
        return self.uses[ref] == 1

    def _sweep(self) -> None:
        """Take away what nothing needs any more."""
        needed = {id(ref.step) for ref in self.outputs}
        for step in reversed(self.steps):
            if id(step) in needed or step.kind == "Input":
                needed |= {id(ref.step) for ref in step.inputs}
                needed |= set() if step.mask is None else {id(step.mask.step)}
        kinds = [step for step in self.steps if id(step) in needed or step.kind == "Input"]
        self.steps = kinds


Replaced = Iterator[tuple[Ref, Ref]]


def _shifts(graph: _Steps, step: Step) -> Replaced:
    """Give layers their biases, and put numbers for features together."""
    if step.kind != "Affine" or not graph.alone(step.inputs[0]):
        return
    before, own = step.inputs[0].step, step.weights
    plain = (own["scale"] == 1).all()
    linear = before.arguments.get("activation") == "linear"
    if before.kind in ("Dense", "Conv1D") and linear and plain and "bias" not in before.weights:
        before.weights["bias"] = own["shift"]
        before.arguments["use_bias"] = True
        before.key = (*before.key, *step.key)
        yield Ref(step), step.inputs[0]
    elif before.kind == "Affine":
        inner = before.weights
        inner["shift"] = inner["shift"] * own["scale"] + own["shift"]
        inner["scale"] = inner["scale"] * own["scale"]
        before.key = (*before.key, *step.key)
        yield Ref(step), step.inputs[0]


def _causal(graph: _Steps, step: Step) -> Replaced:
    """Let a convolution pad before the first step by itself."""
    before, own = step.inputs[0].step if step.inputs else step, step.arguments
    if step.kind != "Conv1D" or before.kind != "ZeroPadding1D" or not graph.alone(step.inputs[0]):
        return
    reach = own["dilation_rate"] * (own["kernel_size"] - 1)
    if own["padding"] == "valid" and before.arguments["padding"] == (reach, 0):
        own["padding"] = "causal"
        step.inputs = list(before.inputs)
    yield from ()


def _activations(graph: _Steps, step: Step) -> Replaced:
    """Give layers the activations behind them."""
    if step.kind != "Activation" or not graph.alone(step.inputs[0]):
        return
    before = step.inputs[0].step
    if before.kind in ("Dense", "Conv1D") and before.arguments["activation"] == "linear":
        before.arguments["activation"] = step.arguments["activation"]
        yield Ref(step), step.inputs[0]


def _sums(graph: _Steps, step: Step) -> Replaced:
    """Put sums of sums together."""
    if step.kind == "Add" and step.inputs[0].step.kind == "Add" and graph.alone(step.inputs[0]):
        step.inputs = [*step.inputs[0].step.inputs, *step.inputs[1:]]
    yield from ()


def _means(graph: _Steps, step: Step) -> Replaced:
    """Make a mean of a sum that is divided by the number of its parts."""
    if step.kind != "Linear" or step.arguments["offset"] or not graph.alone(step.inputs[0]):
        return
    before = step.inputs[0].step
    if before.kind == "Add" and abs(step.arguments["factor"] * len(before.inputs) - 1) < 1e-6:
        before.kind = "Average"
        before.name = step.name
        yield Ref(step), step.inputs[0]


def _is(step: Step, key: Any) -> bool:
    return step.kind == "GetItem" and step.arguments["key"] == key


def _turned(graph: _Steps, step: Step) -> Replaced:
    """Let a layer on steps that are turned round go backwards."""
    if step.kind not in STATES or step.arguments["go_backwards"] or step.wanted is not None:
        return
    before = step.inputs[0].step
    if _is(before, BACKWARDS):
        step.inputs = [before.inputs[0], *step.inputs[1:]]
        step.arguments["go_backwards"] = True
        yield Ref(step), Ref(step, RAW)


def _turned_back(graph: _Steps, step: Step) -> Replaced:
    """Take the steps of a layer that goes backwards as it gives them."""
    if not _is(step, BACKWARDS):
        return
    ref = step.inputs[0]
    if ref.step.kind in STATES and ref.step.arguments["go_backwards"]:
        if ref.number == 0:
            yield Ref(step), Ref(ref.step, RAW)
        elif ref.number == RAW:
            yield Ref(step), Ref(ref.step)


def _twice(graph: _Steps, step: Step) -> Replaced:
    """Leave steps that are turned round twice as they are."""
    if _is(step, BACKWARDS) and _is(step.inputs[0].step, BACKWARDS):
        yield Ref(step), step.inputs[0].step.inputs[0]


def _ends(graph: _Steps, step: Step) -> Replaced:
    """Take the last state for the last step."""
    if step.kind != "GetItem":
        return
    ref = step.inputs[0]
    layer, key = ref.step, step.arguments["key"]
    backwards = layer.arguments.get("go_backwards")
    if layer.kind in STATES and not layer.arguments.get("zero_output_for_mask"):
        end = FIRST if backwards and ref.number == 0 else LAST
        if ref.number in (0, RAW) and _at(key, end, ref):
            yield Ref(step), Ref(layer, 1)
    elif layer.kind == "Bidirectional" and ref.number < 2 and not _sequences(layer):
        states = STATES[layer.arguments["cell"]]
        if _at(key, FIRST if ref.number else LAST, ref):
            yield Ref(step), Ref(layer, 2 + states * ref.number)


def _at(key: Any, end: Any, ref: Ref) -> bool:
    """Whether a key takes the last step, or the first."""
    if len(key) != 2 or isinstance(key[1], slice):
        return False
    steps = ref.step.shapes[0][0]
    return (
        key[1] == end[1]
        or (end == LAST and key[1] == steps - 1)
        or (end == FIRST and key[1] == -steps)
    )


def _sequences(layer: Step) -> bool:
    return layer.wanted is not None  # zeros at masked steps


def _merges(graph: _Steps, step: Step) -> Replaced:
    """Let a Bidirectional merge its directions."""
    modes = {**MODES, "Concatenate": "concat"}
    if step.kind not in modes or len(step.inputs) != 2:
        return
    one, other = step.inputs
    layer = one.step
    if other.step is not layer or layer.kind != "Bidirectional" or "merged" in layer.arguments:
        return
    if step.kind == "Concatenate" and step.arguments["axis"] != -1:
        return
    states = STATES[layer.arguments["cell"]]
    used = {ref.number for ref in graph.uses if ref.step is layer}
    pair = one.number, other.number
    if not (graph.alone(one) and graph.alone(other)):
        return
    if pair == (0, 1) or (pair == (2, 2 + states) and not used & {0, 1}):
        layer.arguments["merged"] = modes[step.kind]
        layer.arguments |= {"of": pair, "shape": step.shapes[0]}
        yield Ref(step), Ref(layer, MERGED)


RULES = (
    _shifts, _causal, _activations, _sums, _means, _turned_back, _turned, _turned_back, _twice,
    _ends, _merges,
)  # fmt: skip


def _frozen(step: Step) -> None:
    """Make numbers for features a normalisation that is not trained."""
    scale, shift = step.weights["scale"], step.weights["shift"]
    zeros, ones = np.zeros_like(scale), np.ones_like(scale)
    step.kind = "BatchNormalization"
    step.arguments = {"epsilon": 0.0, "trainable": False}
    step.weights = {"gamma": scale, "beta": shift, "moving_mean": zeros, "moving_variance": ones}
