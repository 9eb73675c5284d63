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
    """A value as a function of another."""

    base: Ref
    function: Any
    numbers: list[float]
    length: int


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
        self._functions: dict[Ref, Function] = {}
        self._final: dict[Ref, Ref] = {}

    def take(self, step: Step) -> None:
        """Take the next step."""
        if step.kind == "Pointwise":
            self._functions[Ref(step)] = self._function(step)
            return
        step.inputs = [self.final(ref) for ref in step.inputs]
        step.mask = None if step.mask is None else self.final(step.mask)
        self.steps.append(step)

    def _function(self, step: Step) -> Function:
        ref, arguments = Ref(step), step.arguments
        parts = [self._functions.get(one, Function(one, lambda x: x, [], 0)) for one in step.inputs]
        length = 1 + sum(part.length for part in parts)
        alike = (
            len({part.base for part in parts}) == 1 and len({one.shape for one in step.inputs}) == 1
        )
        if not alike or length > LONGEST:
            return Function(ref, lambda x: x, [], 0)
        function = arguments["function"]
        numbers = [*arguments["numbers"], *(one for part in parts for one in part.numbers)]
        return Function(
            parts[0].base,
            lambda x: function(*(part.function(x) for part in parts)),
            list(dict.fromkeys(numbers)),
            length,
        )

    def final(self, ref: Ref) -> Ref:
        """Return the output of a layer that a value is, after the steps that make it."""
        if ref.step.kind != "Pointwise":
            return ref
        if ref not in self._final:
            self._final[ref] = self._made(ref)
        return self._final[ref]

    def _made(self, ref: Ref) -> Ref:
        step, (base, function, numbers, _) = ref.step, self._functions[ref]
        if base != ref:
            found = layer_of(function, numbers)
            if found is not None:
                return self._layer(found, [self.final(base)], step)
        inputs = list(dict.fromkeys(step.inputs))
        own, op = step.arguments["function"], step.arguments["op"]
        if len(inputs) == 1:
            count = len(step.inputs)
            found = layer_of(lambda x: own(*[x] * count), step.arguments["numbers"])
            if found is not None:
                return self._layer(found, [self.final(inputs[0])], step)
        elif op in MERGING and len(step.inputs) == 2:
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
