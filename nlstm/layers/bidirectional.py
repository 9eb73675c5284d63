"""A recurrent layer in both directions of time."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nlstm.arguments.checks import WrongKind, checked_weight
from nlstm.arguments.numbers import as_array
from nlstm.kernels.operations import Operations
from nlstm.layers.joins import concatenate, merge
from nlstm.layers.layer import Layer, Shape, check_unbuilt
from nlstm.plan.plan import Plan, Tensor

__all__ = ["Bidirectional"]

MERGE_MODES = ("concat", "sum", "mul", "ave", None)
SAME = ("stateful", "return_sequences", "return_state")


class Bidirectional(Layer):
    """Run a recurrent layer from the first step to the last, and another one from the last back.

    Parameters
    ----------
    layer : LSTM or SimpleRNN
        Copied: the layer itself is not used.
    merge_mode : {"concat", "sum", "mul", "ave", None}, default "concat"
        What becomes of the two outputs; None returns both.
    weights : list of array_like, optional
        What to start with: the forward layer's weights, then the backward layer's.
    backward_layer : Layer, optional
        For the other direction; by default a copy of `layer` with `go_backwards`.
    name, input_shape, dtype
        See `Layer`.

    Notes
    -----
    The steps of both outputs are in the order of the input. With `return_state` the states of the
    forward layer follow the output, then those of the backward layer; initial states come in the
    same order. Weights: forward_<name>/..., then backward_<name>/...

    References
    ----------
    Schuster & Paliwal 1997, "Bidirectional recurrent neural networks".
    """

    needs_sequence = True
    only_to_begin_with = frozenset({"weights"})

    def __init__(
        self,
        layer: Layer,
        merge_mode: str | None = "concat",
        weights: Sequence[Any] | None = None,
        backward_layer: Layer | None = None,
        *,
        name: str | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
    ) -> None:
        for argument, value in (("layer", layer), ("backward_layer", backward_layer)):
            optional = argument == "backward_layer" and value is None
            if not optional and not hasattr(value, "go_backwards"):
                raise TypeError(
                    f"{argument} must be a recurrent layer, such as LSTM; got {value!r}."
                )
        if not isinstance(merge_mode, str | None) or merge_mode not in MERGE_MODES:
            raise WrongKind(f"merge_mode must be one of {MERGE_MODES}; got {merge_mode!r}.")
        self.layer = layer
        self.merge_mode = merge_mode
        plain = layer.name.removeprefix("forward_")
        self.forward_layer: Any = copied(layer, name=f"forward_{plain}")
        if backward_layer is None:
            plain = layer.name.removeprefix("backward_")
            self.backward_layer: Any = copied(layer, name=f"backward_{plain}", go_backwards=True)
        else:
            self.backward_layer = backward_layer
        self._check_layers()
        self._initial = None if weights is None else self._checked_weights(weights)
        self.stateful = getattr(layer, "stateful", False)
        self.return_sequences = sequences = bool(self.forward_layer.return_sequences)
        self.return_state = getattr(layer, "return_state", False)
        for one in (self.forward_layer, self.backward_layer):
            if getattr(one, "zero_output_for_mask", sequences) != sequences:
                one.zero_output_for_mask = sequences
        super().__init__(
            name=name,
            input_shape=input_shape,
            dtype=layer.dtype if dtype is None else dtype,
            trainable=layer.trainable,
        )

    @staticmethod
    def _checked_weights(weights: Any) -> list[np.ndarray]:
        if isinstance(weights, str | bytes | dict) or not np.iterable(weights):
            raise WrongKind(f"weights must be a list of arrays; got {weights!r}.")
        return [as_array("weights", weight) for weight in weights]

    def _check_layers(self) -> None:
        one, other = self.forward_layer, self.backward_layer
        if one.go_backwards == other.go_backwards:
            raise ValueError(
                f"Bidirectional needs layers of unlike go_backwards; both have {one.go_backwards}."
            )
        for name in SAME:
            values = getattr(one, name, False), getattr(other, name, False)
            if values[0] != values[1]:
                raise ValueError(
                    f"Bidirectional needs layers with the same {name}; got {values[0]} forwards "
                    f"and {values[1]} backwards."
                )

    @property
    def parts(self) -> dict[str, Layer]:
        """The layer as given, and those of both directions."""
        return {
            "layer": self.layer,
            "forward_layer": self.forward_layer,
            "backward_layer": self.backward_layer,
        }

    def output_shape(self, shape: Shape, *states: Shape) -> Any:
        """Return the shape of the output, or of all outputs where there are several."""
        half = len(states) // 2
        one = self.forward_layer.output_shape(shape, *states[:half])
        other = self.backward_layer.output_shape(shape, *states[half:])
        rest: tuple[Shape, ...] = ()
        if self.return_state:
            rest = (*one[1:], *other[1:])
            one, other = one[0], other[0]
        if self.merge_mode is None:
            return (one, other, *rest)
        if self.merge_mode == "concat":
            merged = (*one[:-1], one[-1] + other[-1])
        elif one == other:
            merged = one
        else:
            raise ValueError(
                f"{self.name} cannot merge outputs of {one[-1]} and {other[-1]} units by "
                f"{self.merge_mode!r}."
            )
        return (merged, *rest) if rest else merged

    def build(self, ops: Operations, shape: Shape, *states_and_dtype: Any) -> None:
        """Make the weights of both layers."""
        states, dtype = states_and_dtype[:-1], states_and_dtype[-1]
        half = len(states) // 2
        for layer in (self.forward_layer, self.backward_layer):
            check_unbuilt(self, layer)
        self.forward_layer.build(ops, shape, *states[:half], dtype)
        self.backward_layer.build(ops, shape, *states[half:], dtype)
        self.parameters = []
        for layer in (self.forward_layer, self.backward_layer):
            for parameter in layer.parameters:
                parameter.name = f"{layer.name}/{parameter.name}"
                self.parameters.append(parameter)
        if self._initial is not None:
            self._start_with(self._initial)
        super().build(ops, shape, dtype)

    def _start_with(self, weights: list[Any]) -> None:
        if len(weights) != len(self.parameters):
            raise ValueError(f"{self.name} has {len(self.parameters)} weights; got {len(weights)}.")
        arrays = [
            checked_weight(f"{self.name}/{parameter.name}", parameter.shape, weight)
            for parameter, weight in zip(self.parameters, weights, strict=True)
        ]
        for parameter, array in zip(self.parameters, arrays, strict=True):
            parameter.start_with(array)

    def call_inputs(self, *inputs: Any, initial_state: Any = None, **others: Any) -> Any:
        """Return the symbols of a call: the input, then the states."""
        return super().call_inputs(*inputs, initial_state, **others)

    @property
    def states(self) -> list[np.ndarray] | None:
        """Copies of the states of both layers; None after a reset."""
        pair = self.forward_layer.states, self.backward_layer.states
        return None if None in pair else [*pair[0], *pair[1]]

    def reset_state(self) -> None:
        """Forget what stateful layers kept from the last batch."""
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state

    def bind(self, plan: Plan, x: Tensor, *states: Tensor) -> Any:
        """Append the calls of both layers, and those that merge what they return."""
        half = len(states) // 2
        one = self.forward_layer.bind(plan, x, *states[:half])
        other = self.backward_layer.bind(plan, x, *states[half:])
        rest: tuple[Tensor, ...] = ()
        if self.return_state:
            rest = (*one[1:], *other[1:])
            one, other = one[0], other[0]
        outputs = (*self._merged(plan, one, other), *rest)
        return outputs if len(outputs) > 1 else outputs[0]

    def _merged(self, plan: Plan, one: Tensor, other: Tensor) -> tuple[Tensor, ...]:
        reverse = self.return_sequences
        if self.merge_mode is None:
            return one, (concatenate(plan, [other], reverse) if reverse else other)
        if self.merge_mode == "concat":
            return (concatenate(plan, [one, other], reverse),)
        kind = "multiply" if self.merge_mode == "mul" else "add"
        scale = 0.5 if self.merge_mode == "ave" else 1.0
        y = merge(plan, kind, one, other, reverse, scale)
        y.mask = one.mask
        return (y,)


def copied(layer: Layer, **changes: Any) -> Any:
    """Return a new layer made with the arguments of `layer`, but for `changes`."""
    return type(layer).from_config(layer.get_config() | changes)
