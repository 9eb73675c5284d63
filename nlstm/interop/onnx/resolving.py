"""Functions of numbers made layers: the longest that is known at a time."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from nlstm.interop.onnx.recognising import layer_of
from nlstm.interop.onnx.steps import Ref, Step

__all__ = ["resolved"]

MERGING = {
    "Add": "Add", "Sum": "Add", "Sub": "Subtract", "Mul": "Multiply", "Max": "Maximum",
    "Min": "Minimum",
}  # fmt: skip
LONGEST = 64  # operations in one function


class Function(NamedTuple):
    """What becomes of a value: how, with which numbers, in how many operations."""

    function: Any
    numbers: list[float]
    length: int


ITSELF = Function(lambda x: x, [], 0)


def _composed(step: Step, parts: Sequence[Function]) -> Function:
    own = step.arguments["function"]
    numbers = [*step.arguments["numbers"], *(one for part in parts for one in part.numbers)]
    return Function(
        lambda x: own(*(part.function(x) for part in parts)),
        list(dict.fromkeys(numbers)),
        1 + sum(part.length for part in parts),
    )


def resolved(
    steps: Sequence[Step], outputs: Sequence[Ref], problems: list[str]
) -> tuple[list[Step], list[Ref]]:
    """Return the steps that outputs need, layers all of them, in an order in which they can run."""
    needed = _needed(outputs)
    resolver = _Resolver(problems)
    for step in steps:
        if id(step) in needed:
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
    def __init__(self, problems: list[str]) -> None:
        self.steps: list[Step] = []
        self._problems = problems
        self._functions: dict[Ref, dict[Ref, Function]] = {}
        self._final: dict[Ref, Ref] = {}

    def take(self, step: Step) -> None:
        """Take the next step."""
        if step.kind == "Pointwise":
            self._functions[Ref(step)] = self._taken(step)
            return
        step.inputs = [self.final(ref) for ref in step.inputs]
        step.mask = None if step.mask is None else self.final(step.mask)
        self.steps.append(step)

    def _taken(self, step: Step) -> dict[Ref, Function]:
        """Return a step as a function of each value that all ways to it go through."""
        if len({one.shape for one in step.inputs}) > 1:
            return {}
        parts = [{one: ITSELF, **self._functions.get(one, {})} for one in step.inputs]
        found = {}
        for base in parts[0]:
            if all(base in part for part in parts):
                made = _composed(step, [part[base] for part in parts])
                if made.length <= LONGEST:
                    found[base] = made
        return found

    def final(self, ref: Ref) -> Ref:
        """Return the output of a layer that a value is, after the steps that make it."""
        if ref.step.kind != "Pointwise":
            return ref
        if ref not in self._final:
            self._final[ref] = self._made(ref)
        return self._final[ref]

    def _made(self, ref: Ref) -> Ref:
        step = ref.step
        functions = self._functions[ref]
        for base in sorted(functions, key=lambda base: -functions[base].length):
            found = layer_of(functions[base].function, functions[base].numbers)
            if found is not None:
                return self._layer(found, [self.final(base)], step)
        inputs = list(dict.fromkeys(step.inputs))
        op = step.arguments["op"]
        if op in MERGING and len(inputs) == 2:
            found = MERGING[op], {"chosen": step.arguments["chosen"]}
            return self._layer(found, [self.final(one) for one in step.inputs], step)
        shown = f"{op} {step.name!r}" if step.name else op
        what = "values of unlike kinds" if len(inputs) > 1 else "no activation of nlstm's"
        self._problems.append(f"{shown}: {what}")
        return inputs[0]

    def _layer(self, found: tuple[str, dict[str, Any]], inputs: list[Ref], step: Step) -> Ref:
        kind, arguments = found
        if kind == "Linear" and arguments == {"factor": 1.0, "offset": 0.0}:
            return inputs[0]
        made = Step(kind, arguments, inputs, list(step.shapes), {}, (), step.name)
        self.steps.append(made)
        return Ref(made)
