"""Functions of numbers made layers: the longest that is known at a time."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from nlstm.interop.onnx.recognising import POINTS, layer_of, likely
from nlstm.interop.onnx.steps import Ref, Step

__all__ = ["resolved"]

MERGING = {
    "Add": "Add", "Sum": "Add", "Sub": "Subtract", "Mul": "Multiply", "Max": "Maximum",
    "Min": "Minimum",
}  # fmt: skip
LONGEST = 64  # operations in one function
TRIED = 8  # functions that look like layers, before the shortest is


class Reach(NamedTuple):
    """A value as a function of each value that all ways to it go through.

    Attributes
    ----------
    bases : list of Ref
        Those values, the value itself first.
    lengths : list of int
        In how many operations.
    values : ndarray, shape (bases, points)
        What each function makes of `POINTS`.
    """

    bases: list[Ref]
    lengths: list[int]
    values: np.ndarray


class Known(NamedTuple):
    """A layer that is a value, and what it takes."""

    kind: str
    arguments: dict[str, Any]
    inputs: list[Ref]


def resolved(
    steps: Sequence[Step], outputs: Sequence[Ref], problems: list[str]
) -> tuple[list[Step], list[Ref]]:
    """Return the steps that outputs need, layers all of them, in an order in which they can run."""
    needed = _needed(outputs)
    steps = [step for step in steps if id(step) in needed]
    resolver = _Resolver(steps, problems)
    for step in steps:
        resolver.take(step)
    return resolver.steps, [resolver.final(ref) for ref in outputs]


def _needed(outputs: Sequence[Ref]) -> set[int]:
    waiting, found = [ref.step for ref in outputs], set()
    while waiting:
        step = waiting.pop()
        if id(step) not in found:
            found.add(id(step))
            waiting += [ref.step for ref in step.inputs]
            waiting += [] if step.mask is None else [step.mask.step]
    return found


class _Resolver:
    def __init__(self, steps: Sequence[Step], problems: list[str]) -> None:
        self.steps: list[Step] = []
        self._problems = problems
        self._places = {id(step): place for place, step in enumerate(steps)}
        self._waiting = Counter(  # for whom the values of a function are still kept
            ref for step in steps if step.kind == "Pointwise" for ref in set(step.inputs)
        )
        self._reach: dict[Ref, Reach] = {}
        self._known: dict[Ref, Known | None] = {}
        self._final: dict[Ref, Ref] = {}

    def take(self, step: Step) -> None:
        """Take the next step."""
        if step.kind == "Pointwise":
            reach = self._reached(step)
            self._reach[Ref(step)] = reach
            self._known[Ref(step)] = self._layer_of(step, reach)
            for ref in {Ref(step), *step.inputs}:
                self._waiting[ref] -= ref != Ref(step)
                if self._waiting[ref] <= 0:
                    self._reach.pop(ref, None)
            return
        step.inputs = [self.final(ref) for ref in step.inputs]
        step.mask = None if step.mask is None else self.final(step.mask)
        self.steps.append(step)

    # Functions

    def _reached(self, step: Step) -> Reach:
        """Return a step as a function of each value that all ways to it go through."""
        first, *others = [self._reach.get(ref) or _itself(ref) for ref in step.inputs]
        if len({ref.shape for ref in step.inputs}) > 1:
            return _itself(Ref(step))
        bases, lengths, values = first.bases, first.lengths, [first.values]
        for other in others:
            places = {base: place for place, base in enumerate(other.bases)}
            both = [(at, places[base]) for at, base in enumerate(bases) if base in places]
            mine, theirs = [at for at, _ in both], [at for _, at in both]
            bases = [bases[at] for at in mine]
            lengths = [lengths[at] + other.lengths[its] for at, its in both]
            values = [*(one[mine] for one in values), other.values[theirs]]
        kept = [at for at, length in enumerate(lengths) if length < LONGEST]
        with np.errstate(all="ignore"):
            made = step.arguments["function"](*(one[kept] for one in values))
        own = _itself(Ref(step))
        return Reach(
            own.bases + [bases[at] for at in kept],
            own.lengths + [1 + lengths[at] for at in kept],
            np.concatenate([own.values, np.asarray(made, float)]),
        )

    def _layer_of(self, step: Step, reach: Reach) -> Known | None:
        """Return the layer that the longest known function to a step is."""
        lengths, values = reach.lengths[1:], reach.values[1:]
        places = np.flatnonzero(likely(values)) if len(values) else ()
        longest = sorted(places, key=lambda at: -lengths[at])
        for at in dict.fromkeys([*longest[:TRIED], *longest[-1:]]):
            base = reach.bases[1 + at]
            between = self._between(step, base)
            numbers = [one for part in between for one in part.arguments["numbers"]]
            found = layer_of(values[at], _function(between, base), list(dict.fromkeys(numbers)))
            if found is not None:
                return Known(*found, [base])
        return None

    def _between(self, step: Step, base: Ref) -> list[Step]:
        """Return the steps from a value on, in their order; the last is the one given."""
        waiting, found = [step], {id(step): step}
        while waiting:
            for ref in waiting.pop().inputs:
                if ref != base and id(ref.step) not in found:
                    found[id(ref.step)] = ref.step
                    waiting.append(ref.step)
        return sorted(found.values(), key=lambda one: self._places[id(one)])

    # Layers

    def final(self, ref: Ref) -> Ref:
        """Return the output of a layer that a value is, after the steps that make it."""
        waiting = [ref]
        while waiting:  # no recursion: chains are long
            one = waiting[-1]
            missing = [other for other in self._sources(one) if self._now(other) is None]
            waiting += reversed(missing)
            if not missing:
                waiting.pop()
                if self._now(one) is None:
                    self._final[one] = self._made(one)
        found = self._now(ref)
        assert found is not None
        return found

    def _now(self, ref: Ref) -> Ref | None:
        return self._final.get(ref) if ref.step.kind == "Pointwise" else ref

    def _sources(self, ref: Ref) -> Sequence[Ref]:
        """Return the values that a value's layer takes; none where it has no layer."""
        if self._now(ref) is not None:
            return ()
        known = self._known[ref]
        if known is not None:
            return known.inputs
        return ref.step.inputs if self._is_merged(ref.step) else ()

    def _is_merged(self, step: Step) -> bool:
        return step.arguments["op"] in MERGING and len(set(step.inputs)) == 2

    def _made(self, ref: Ref) -> Ref:
        step, known = ref.step, self._known[ref]
        op = step.arguments["op"]
        if known is None and self._is_merged(step):
            known = Known(MERGING[op], {"chosen": step.arguments["chosen"]}, step.inputs)
        if known is not None:
            return self._layer(known, step)
        shown = f"{op} {step.name!r}" if step.name else op
        several = len(set(step.inputs)) > 1
        what = "values of unlike kinds" if several else "no activation of nlstm's"
        self._problems.append(f"{shown}: {what}")
        return step.inputs[0]

    def _layer(self, known: Known, step: Step) -> Ref:
        inputs = [found for ref in known.inputs if (found := self._now(ref)) is not None]
        if known.kind == "Linear" and known.arguments == {"factor": 1.0, "offset": 0.0}:
            return inputs[0]
        layers = [(known.kind, known.arguments)]
        if known.kind == "Clip":
            layers = _clip(**known.arguments)
        for kind, arguments in layers:
            made = Step(kind, arguments, inputs, list(step.shapes), {}, (), step.name)
            self.steps.append(made)
            inputs = [Ref(made)]
        return inputs[0]


def _clip(low: float, high: float) -> list[tuple[str, dict[str, Any]]]:
    """Return the layers that hold numbers between two bounds, either of which may be infinite.

    Numbers are moved only where bounds lie on one side of 0, so that small ones are not rounded.
    """
    if low > 0 or high < 0:
        sign, start = (1.0, low) if low > 0 else (-1.0, high)
        return [_line(sign, -sign * start), _ramp(high - low, 0.0), _line(sign, start)]
    above = [_ramp(high, 1.0)] if np.isfinite(high) else []
    below = [_line(-1.0, 0.0), _ramp(-low, 1.0), _line(-1.0, 0.0)] if np.isfinite(low) else []
    return above + below


def _line(factor: float, offset: float) -> tuple[str, dict[str, Any]]:
    return "Linear", {"factor": factor, "offset": offset}


def _ramp(limit: float, slope: float) -> tuple[str, dict[str, Any]]:
    most = limit if np.isfinite(limit) else None
    return "ReLU", {"max_value": most, "negative_slope": slope, "threshold": 0.0}


def _itself(ref: Ref) -> Reach:
    return Reach([ref], [0], POINTS[None])


def _function(steps: Sequence[Step], base: Ref) -> Callable[[np.ndarray], np.ndarray]:
    """Return what steps make of a value."""

    def applied(x: np.ndarray) -> np.ndarray:
        found = {base: x}
        for step in steps:
            made = step.arguments["function"](*(found[ref] for ref in step.inputs))
            found[Ref(step)] = np.asarray(made, float)
        return found[Ref(steps[-1])]

    return applied
