"""A GRU whose reset gate comes after the product: the LSTM's kernels, with a cell of its own.

Its kernels are those of four parts, of which one is zero: see `nlstm.kernels.cpu.gru.cell`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from nlstm.kernels.operations import Array, Layout, Operations
from nlstm.layers.gru_draws import DROPOUT, RECURRENT_DROPOUT, draw
from nlstm.layers.segments import Segments
from nlstm.plan.plan import Call, Plan, Tensor

__all__ = ["ResetAfter"]

PARTS = 4  # of the update gate, the reset gate, and of the candidate by inputs and by states
NOT_OF_INPUTS, NOT_OF_STATES = 3, 2


class ResetAfter:
    """The layouts of the weights of `layer`, a GRU, and its calls in a plan."""

    bias_rows = 2

    def __init__(self, layer: Any, ops: Operations, dtype: Any) -> None:
        self.layer, units = layer, layer.units
        self.kernel: Layout = ops.gru_matrix(units, NOT_OF_INPUTS)
        self.recurrent_kernel: Layout = ops.gru_matrix(units, NOT_OF_STATES)
        self.bias: Layout = ops.gru_bias_rows(units)
        zeros = np.zeros(PARTS * units, dtype)
        self._no_bias = ops.to_device(ops.gate_vector(units).pack(zeros))

    def bind(
        self, plan: Plan, x: Tensor, h: Array, cut: Segments | None
    ) -> Callable[[Any, Any], list[Call]]:
        """Append the calls forward; return what gives those back, of dy and dh."""
        layer, ops, dtype, units = self.layer, plan.ops, plan.dtype, self.layer.units
        steps, rows, width = x.steps, x.rows, ops.padded(units, dtype)
        masks = self._masks(plan, x, width, steps if cut is None else cut.steps)
        names = layer.activation, layer.recurrent_activation
        bias = self._no_bias
        if layer.bias is not None:
            bias = plan.array(self._no_bias.shape)
            plan.call(ops.gru_bias, layer.bias.packed, bias)
        weights = ops.Weights(layer.kernel.packed, layer.recurrent_kernel.packed, bias)
        options = (layer.go_backwards, masks)
        if cut is not None:
            cut.bind(names, weights, *options)
        else:
            forward, backward = ops.lstm(*names)
            shape = ops.lstm_gates_shape(steps, rows, units, dtype)
            work = ops.Work(h, None, plan.array(shape) if plan.training else None)
            scratch = plan.scratch(ops.gru_scratch_size(steps, rows, x.features, units))
            plan.call(forward, x.value, weights, work, scratch, *options)

        def back(dy: Any, dh: Any) -> list[Call]:
            dW, dU = plan.gradient(layer.kernel), plan.gradient(layer.recurrent_kernel)
            db, dx = plan.array(bias.shape), plan.input_gradient(x)
            dbias = None if layer.bias is None else plan.gradient(layer.bias)
            gradients = ops.Gradients(dy, dh, None, dW, dU, db, dx)
            if cut is not None:
                calls = [cut.back(gradients)]
            else:
                seen = x.value if masks.xm is None else masks.xm
                calls = [(backward, (seen, weights, work, gradients, scratch, *options))]
            return [*calls, (ops.gru_gradients, (dW, dU, db, dbias))]

        return back

    def _masks(self, plan: Plan, x: Tensor, width: int, steps: int) -> Any:
        """Return the masks of steps and those of dropout, with buffers for what they mask.

        With dropout of the state inputs have one a gate too, as in Keras.
        """
        layer, ops, rows = self.layer, plan.ops, x.rows
        x_mask = xm = h_mask = hm = None
        by_gate = plan.drops and layer.recurrent_dropout > 0.0
        if plan.drops and layer.dropout > 0.0:
            x_mask = plan.array((*((PARTS,) if by_gate else ()), rows, x.features))
            flat = x_mask.reshape(-1, x.features)
            draw(layer, plan, DROPOUT, layer.dropout, x.features, flat)
            shape = (steps, *x.value.shape[1:])
            if by_gate:
                shape = ops.gate_inputs_shape(steps, rows, x.features)
            xm = plan.array(shape)
        if by_gate:
            h_mask = plan.array((PARTS, rows, width))
            flat = h_mask.reshape(PARTS * rows, width)
            draw(layer, plan, RECURRENT_DROPOUT, layer.recurrent_dropout, layer.units, flat)
            hm = plan.array((ops.lstm_masked_size(rows, layer.units, plan.dtype),))
        return ops.Masks(x.mask, x_mask, xm, h_mask, hm)
