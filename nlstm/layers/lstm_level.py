"""One level of an LSTM, which has `num_layers` of them: its weights, and its calls in a plan."""

from typing import Any

import numpy as np

from nlstm.kernels.operations import Array, Operations
from nlstm.layers.kept_states import keeper
from nlstm.layers.layer import StreamedLayer
from nlstm.layers.lstm_gains import Gains
from nlstm.layers.projection import Projection
from nlstm.layers.segments import segments_of
from nlstm.plan.parameters import Parameter
from nlstm.plan.plan import Call, Plan, Tensor
from nlstm.plan.recurrence import Recurrence

__all__ = ["GATES", "Level"]

GATES, PEEPHOLES = 4, 3  # i, f, g, o; i, f, o
DROPOUT, RECURRENT_DROPOUT, ZONEOUT = range(3)  # purposes of a level's random streams
PURPOSES = 3
_ARGUMENTS = {"kernel": "kernel_initializer", "recurrent_kernel": "recurrent_initializer"}


class Level:
    """The weights and calls of level `number` of `layer`.

    Parameters
    ----------
    layer : LSTM
        Whose arguments hold for all its levels.
    number : int
        From 0; part of the names of weights, except for 0.
    """

    def __init__(self, layer: Any, number: int, ops: Operations, features: int, dtype: Any) -> None:
        self.layer, self.number = layer, number
        units, width = layer.units, GATES * layer.units
        suffix = f"_{number}" if number else ""

        def weights(name: str, rows: int, purpose: int) -> Parameter:
            shape, initializer = (rows, width), getattr(layer, _ARGUMENTS[name])
            generator = layer.seeds.generator
            return Parameter(
                name + suffix,
                shape,
                lambda: initializer(shape, generator=generator(PURPOSES * number + purpose)),
                *ops.gate_matrix(units),
                **layer.rules_of(name),
            )

        self.kernel = weights("kernel", features, 0)
        self.recurrent_kernel = weights("recurrent_kernel", layer.outputs, 1)
        self.parameters = [self.kernel, self.recurrent_kernel]
        self.bias: Parameter | None = None
        self.peephole: Parameter | None = None
        if layer.use_bias:
            self.bias = Parameter(
                "bias" + suffix,
                (width,),
                self._initial_bias,
                *ops.gate_vector(units),
                **layer.rules_of("bias"),
            )
            self.parameters.append(self.bias)
        else:
            self.no_bias = ops.to_device(ops.gate_vector(units).pack(np.zeros(width, dtype)))
        if layer.peephole:
            shape = (PEEPHOLES * units,)
            self.peephole = Parameter(
                "peephole" + suffix,
                shape,
                lambda: np.zeros(shape),
                *ops.peephole_vector(units),
            )
            self.parameters.append(self.peephole)
        self.gains: Gains | None = None
        if layer.layer_norm:
            self.gains = Gains(units, GATES, suffix, ops)
            self.parameters += self.gains.parameters
        self.projection: Projection | None = None
        if layer.proj_size is not None:
            purpose = PURPOSES * layer.num_layers + number
            self.projection = Projection(layer, self.recurrent_kernel, suffix, purpose, ops)
            self.parameters.append(self.projection.kernel)

    def _initial_bias(self) -> np.ndarray:
        """As Keras's code does, not its docs: the initializer still fills the other gates."""
        layer, units = self.layer, self.layer.units
        generator = layer.seeds.generator(PURPOSES * self.number + 2)
        if not layer.unit_forget_bias:
            return layer.bias_initializer((GATES * units,), generator=generator)
        before = layer.bias_initializer((units,), generator=generator)
        after = layer.bias_initializer((2 * units,), generator=generator)
        return np.concatenate([before, np.ones(units), after])

    def streamed(self) -> StreamedLayer:
        """Return the weights and the activations."""
        layer = self.layer
        if self.gains is not None:
            raise TypeError(f"{layer.name} has layer_norm, which no stream computes yet.")
        return StreamedLayer(
            "lstm",
            self.kernel.shape[0],
            layer.units,
            self.kernel,
            self.recurrent_kernel,
            self.bias,
            layer.activation,
            layer.recurrent_activation,
            self.peephole,
            layer.zoneout,
            None if self.projection is None else self.projection.kernel,
        )

    def bind(
        self,
        plan: Plan,
        x: Tensor,
        initial: tuple[Tensor, ...],
        sequences: bool,
        states: bool,
    ) -> tuple[Tensor, ...]:
        """Append the calls on `x`; return the output and, with `states`, the last h and c.

        Without `initial`, a stateful layer goes on from its states.
        """
        layer, ops, dtype, units = self.layer, plan.ops, plan.dtype, self.layer.units
        steps, rows, width = x.steps, x.rows, ops.padded(units, dtype)
        cut = segments_of(plan, x, units, sequences, True) if self.gains is None else None
        if cut is None:
            slots, last = ops.slots(steps, plan.training or sequences or self.gains is not None)
            h, c = plan.array((slots, rows, width)), plan.array((slots, rows, width))
            c_last = last
            gates_shape = ops.lstm_gates_shape(steps, rows, units, dtype)
            gates = plan.array(gates_shape) if plan.training else None
            plain = self.gains is None
            scratch_size = ops.lstm_scratch_size if plain else ops.normalised_scratch_size
            scratch = plan.scratch(scratch_size(steps, rows, x.features, units, dtype))
        else:
            h, c = cut.h, cut.c
            last, c_last = h.shape[0] - 1, c.shape[0] - 1
        x_mask, xm = self._input_masks(plan, x, steps if cut is None else cut.steps)
        h_mask, hm = self._recurrent_masks(plan, rows, width)

        zeroed = layer.zero_output_for_mask and x.mask is not None
        shown = h[1:] if sequences else h[last : last + 1]
        value = plan.array(shown.shape) if zeroed else shown
        if self.projection is not None:
            value = plan.array((*shown.shape[:2], ops.padded(layer.outputs, dtype)))
        y = plan.tensor(value, layer.outputs, sequences, gradient=True)
        y.mask = x.mask if sequences else None
        outputs: tuple[Tensor, ...] = (y,)
        if states:
            end = h[last : last + 1] if self.projection is None else value[-1:]
            last_h = plan.tensor(end, layer.outputs, False, gradient=True)
            last_c = plan.tensor(c[c_last : c_last + 1], units, False, gradient=True)
            outputs = (y, last_h, last_c)

        kept = keeper(layer, plan)
        if initial:
            for state, first in zip(initial, (h[0], c[0]), strict=True):
                _copy_state(plan, state.value[0], first, units)
        elif kept is not None:
            kept.bind_begin(plan, self.number, h[0], c[0])
        else:
            plan.call(ops.fill, h[0], 0)
            plan.call(ops.fill, c[0], 0)
        recurrent_kernel = self.recurrent_kernel.packed
        if self.projection is not None:
            recurrent_kernel = self.projection.bind_recurrence(plan)
        bias = self.no_bias if self.bias is None else self.bias.packed
        peephole = None if self.peephole is None else self.peephole.packed
        weights = ops.Weights(self.kernel.packed, recurrent_kernel, bias, peephole)
        names = layer.activation, layer.recurrent_activation
        options: tuple[Any, ...] = (layer.go_backwards, ops.Masks(x.mask, x_mask, xm, h_mask, hm))
        if self.gains is None:
            given: tuple[Any, ...] = (weights,)
            options = (*options, self._zoneout(plan))
        else:
            given = (weights, ops.Gains(*self.gains.packed))
        if cut is not None:
            cut.bind(names, weights, *options)
        else:
            kernels = ops.lstm if self.gains is None else ops.lstm_normalised
            forward, backward = kernels(*names)
            work: Any = ops.Work(h, c, gates)
            if self.gains is not None:
                factors = plan.array(ops.normalised_factors_shape(steps, rows))
                work = ops.NormalisedWork(h, c, gates, factors)
            plan.call(forward, x.value, *given, work, scratch, *options)
            recurrence = Recurrence(layer, self.number, plan.forward[-1])
            plan.recurrences.append(recurrence)
        if self.projection is not None:
            self.projection.bind(plan, shown, value)
        if kept is not None:
            kept.bind_end(plan, self.number, h[last], c[c_last])
        order = _mask_order(steps, sequences, layer.go_backwards)
        if zeroed:
            plan.call(ops.zero_masked_steps, shown, x.mask, *order, value)
        if not plan.training:
            return outputs

        calls: list[Call] = []
        if zeroed:
            calls.append((ops.zero_masked_steps, (y.gradient, x.mask, *order, y.gradient)))
        dy: Any = y.gradient
        dh, dc = plan.array((rows, width)), plan.array((rows, width))
        if states:
            last_dh, dc = (one.gradient[0] for one in outputs[1:])  # type: ignore[index]
        else:
            calls.append((ops.fill, (dc, 0)))
        if self.projection is not None:
            if states:
                calls.append((ops.add, (dy[-1], last_dh, dy[-1])))
            dy, back = self.projection.bind_back(plan, shown, value, dy)
            calls.append(back)
        if states and self.projection is None:
            dh = last_dh
        else:
            calls.append((ops.fill, (dh, 0)))
        db = plan.array(bias.shape) if self.bias is None else plan.gradient(self.bias)
        dp = None if self.peephole is None else plan.gradient(self.peephole)
        dW = plan.gradient(self.kernel)
        if self.projection is None:
            dU = plan.gradient(self.recurrent_kernel)
        else:
            dU = plan.array(recurrent_kernel.shape)
        dx = plan.input_gradient(x)
        gradients: tuple[Any, ...] = (ops.Gradients(dy, dh, dc, dW, dU, db, dx, dp),)
        if self.gains is not None:
            gradients = (*gradients, ops.Gains(*self.gains.gradients(plan)))
        if cut is not None:
            calls.append(cut.back(*gradients))
        else:
            seen = x.value if xm is None else xm
            recurrence.backward = (backward, (seen, *given, work, *gradients, scratch, *options))
            calls.append(recurrence.backward)
        if self.projection is not None:
            calls.append(self.projection.recurrence_back(plan, dU))
        for state, gradient in zip(initial, (dh, dc), strict=False):
            wanted = plan.input_gradient(state)
            if wanted is not None:
                calls.append((ops.copy, (wanted[0], gradient)))
        plan.call_back(outputs, *calls)
        return outputs

    def _input_masks(self, plan: Plan, x: Tensor, steps: int) -> tuple[Array | None, Array | None]:
        """Return the dropout mask of the inputs and a buffer for the masked inputs of some steps.

        With dropout of the state too, there is one for each gate, as in Keras.
        """
        layer = self.layer
        if not plan.drops or layer.dropout == 0.0:
            return None, None
        by_gate = layer.recurrent_dropout > 0.0
        mask = plan.array((*((GATES,) if by_gate else ()), x.rows, x.features))
        self._draw(plan, DROPOUT, layer.dropout, x.features, mask.reshape(-1, x.features))
        if not by_gate:
            return mask, plan.array((steps, *x.value.shape[1:]))
        return mask, plan.array(plan.ops.gate_inputs_shape(steps, x.rows, x.features))

    def _recurrent_masks(
        self, plan: Plan, rows: int, width: int
    ) -> tuple[Array | None, Array | None]:
        """Return the dropout masks of the state, one per gate, and scratch for masked states."""
        layer = self.layer
        if not plan.drops or layer.recurrent_dropout == 0.0:
            return None, None
        mask = plan.array((GATES, rows, width))
        flat = mask.reshape(GATES * rows, width)
        self._draw(plan, RECURRENT_DROPOUT, layer.recurrent_dropout, layer.units, flat)
        return mask, plan.array((plan.ops.lstm_masked_size(rows, layer.units, plan.dtype),))

    def _draw(self, plan: Plan, purpose: int, rate: float, features: int, out: Array) -> None:
        stream = PURPOSES * self.number + purpose
        plan.drop(self.layer.seeds.key(stream), stream, rate, features, out)

    def _zoneout(self, plan: Plan) -> Any:
        rates = self.layer.zoneout
        if not any(rates):
            return None
        stream = PURPOSES * self.number + ZONEOUT
        counter = plan.random_counter() if plan.training else plan.ops.zeros(1, np.int64)
        return plan.ops.Zoneout(self.layer.seeds.key(stream), counter, stream, *rates)


def _copy_state(plan: Plan, state: Array, first: Array, units: int) -> None:
    """Append the copy of a state (N, S) into slot 0, whose padding must be zero."""
    copy = plan.ops.copy
    if state.shape == first.shape:
        plan.call(copy, first, state)
    else:
        plan.call(plan.ops.fill, first, 0)
        plan.call(copy, first[..., :units], state[..., :units])


def _mask_order(steps: int, sequences: bool, backwards: bool) -> tuple[int, int]:
    """Return which step of the mask belongs to output 0, and the way to the next one."""
    if backwards:
        return (steps - 1 if sequences else 0), -1
    return (0 if sequences else steps - 1), 1
