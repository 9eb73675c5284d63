"""What recurrent layers of one state share: all but their weights and their recurrence."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nlstm import regularizers
from nlstm.kernels.operations import Array
from nlstm.layers.kept_states import KeptStates, keeper
from nlstm.layers.layer import Layer, Shape
from nlstm.layers.masked_output import bind_output
from nlstm.layers.segments import Segments
from nlstm.layers.shapes import checked_sequence, shown
from nlstm.plan.plan import Call, Plan, Tensor
from nlstm.plan.recurrence import Recurrence

__all__ = ["OneState"]

Back = Callable[[Any, Any], list[Call]]  # of dy and dh


class OneState(Layer):
    """A recurrent layer whose state is its output; `recurrence` is what a kind of it adds."""

    needs_sequence = True
    units: int
    return_sequences: bool
    return_state: bool
    go_backwards: bool
    stateful: bool
    zero_output_for_mask: bool
    kept_states: KeptStates
    activity_regularizer: Any

    def output_shape(self, shape: Shape, *states: Shape) -> Any:
        """Return (steps, units) or (units,), with the state's shape where that is returned too."""
        steps, _ = checked_sequence(self, shape)
        if states not in ((), ((self.units,),)):
            raise ValueError(
                f"{self.name} takes one initial state of shape (batch, {self.units}); got "
                f"{', '.join(shown(state) for state in states)}."
            )
        output: Shape = (steps, self.units) if self.return_sequences else (self.units,)
        return (output, (self.units,)) if self.return_state else output

    def call_inputs(self, *inputs: Any, initial_state: Any = None, **others: Any) -> Any:
        """Return the symbols of a call: the input, then the state."""
        return super().call_inputs(*inputs, initial_state, **others)

    @property
    def states(self) -> list[np.ndarray] | None:
        """Copies of the states, (batch, units), of a stateful layer; None after a reset."""
        return self.kept_states.get()

    def reset_state(self) -> None:
        """Forget the states of the last batch: the next one starts from zeros, at any size."""
        self.kept_states.set(None)

    reset_states = reset_state

    def set_states(self, states: Sequence[np.ndarray] | None) -> None:
        """Go on from what `states` returned."""
        self.kept_states.set(states)

    def bind(self, plan: Plan, x: Tensor, *states: Tensor) -> Any:
        """Append the initial state and the calls of the recurrence; back the same."""
        ops, units = plan.ops, self.units
        width = ops.padded(units, plan.dtype)
        cut = self.segments(plan, x)
        if cut is None:
            slots, at = ops.slots(x.steps, plan.training or self.return_sequences)
            h = plan.array((slots, x.rows, width))
        else:
            h, at = cut.h, cut.h.shape[0] - 1
        last = h[at : at + 1]
        kept = keeper(self, plan)
        if states:
            plan.call(ops.copy_columns, states[0].value, 0, units, False, h[:1], 0, width)
        elif kept is not None:
            kept.bind_begin(plan, 0, h[0])
        else:
            plan.call(ops.fill, h[0], 0)
        back = self.recurrence(plan, x, h, cut)
        recurrence = Recurrence(self, 0, plan.forward[-1])
        if cut is None:
            plan.recurrences.append(recurrence)
        if kept is not None:
            kept.bind_end(plan, 0, last[0])
        y, clear = bind_output(
            plan,
            x,
            h[1:] if self.return_sequences else last,
            units,
            self.return_sequences,
            self.zero_output_for_mask,
            self.go_backwards,
        )
        state = plan.tensor(last, units, False, gradient=True) if self.return_state else None
        outputs = (y,) if state is None else (y, state)
        if plan.training:
            calls: list[Call] = list(clear)
            if state is not None:
                assert state.gradient is not None
                dh = state.gradient[0]
            else:
                dh = plan.array((x.rows, width))
                calls.append((ops.fill, (dh, 0)))
            kernels = back(y.gradient, dh)
            recurrence.backward = kernels[0]
            calls += kernels
            dh0 = plan.input_gradient(states[0]) if states else None
            if dh0 is not None:
                calls.append((ops.copy, (dh0[0], dh)))
            plan.call_back(outputs, *calls)
        for one in outputs:
            regularizers.bind_activity(self.activity_regularizer, plan, one)
        return outputs if state is not None else y

    def segments(self, plan: Plan, x: Tensor) -> Segments | None:
        """Return the segments in which the recurrence is computed twice; None for once."""
        return None

    def recurrence(self, plan: Plan, x: Tensor, h: Array, cut: Segments | None) -> Back:
        """Append the calls on `x` and the states h, of which the first is there.

        Returns what gives the calls back, of the gradients of the output and of the last state;
        they leave that of the first state in the latter.
        """
        raise NotImplementedError
