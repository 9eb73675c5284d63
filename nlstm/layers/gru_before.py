"""A GRU whose reset gate comes before the product: Keras 1's and 2's first form, and Cho's."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nlstm.kernels.operations import Array, Layout, Operations
from nlstm.layers.gru_draws import DROPOUT, RECURRENT_DROPOUT, draw
from nlstm.plan.plan import Call, Plan, Tensor

__all__ = ["ResetBefore"]

GATES = 3


class ResetBefore:
    """The layouts of the weights of `layer`, a GRU, and its calls in a plan."""

    bias_rows = 1

    def __init__(self, layer: Any, ops: Operations, dtype: Any) -> None:
        self.layer, units = layer, layer.units
        self.kernel: Layout = ops.split_matrix(units)
        self.recurrent_kernel: Layout = ops.split_matrix(units)
        self.bias: Layout = ops.split_vector(units)
        self._no_bias = ops.to_device(self.bias.pack(np.zeros(GATES * units, dtype)))

    def bind(self, plan: Plan, x: Tensor, h: Array, cut: Any) -> Callable[[Any, Any], list[Call]]:
        """Append the calls forward; return what gives those back, of dy and dh."""
        layer, ops, dtype, units = self.layer, plan.ops, plan.dtype, self.layer.units
        steps, rows = x.steps, x.rows
        kept = (GATES, steps if plan.training else 1, rows, self._no_bias.size // GATES)
        a, s = plan.array(kept), plan.array(kept)
        by_gate = plan.drops and layer.recurrent_dropout > 0.0
        x_masks, seen = self._inputs(plan, x, GATES if by_gate else 1)
        h_mask = self._state_masks(plan, h.shape[1:]) if by_gate else None
        forward, backward = ops.gru_before(layer.activation, layer.recurrent_activation)
        bias = self._no_bias if layer.bias is None else layer.bias.packed
        weights = ops.Weights(layer.kernel.packed, layer.recurrent_kernel.packed, bias)
        options = (layer.go_backwards, ops.Masks(x.mask, h_mask=h_mask))
        plan.call(forward, seen, weights, h, a, s, *options)

        def back(dy: Any, dh: Any) -> list[Call]:
            dW, dU = plan.gradient(layer.kernel), plan.gradient(layer.recurrent_kernel)
            db = plan.array(bias.shape) if layer.bias is None else plan.gradient(layer.bias)
            dx = plan.input_gradient(x)
            parts = None
            if dx is not None:
                parts = dx.reshape(1, *dx.shape)
                if len(x_masks) > 1:
                    parts = plan.array((GATES, *dx.shape))
            scratch = plan.scratch(ops.gru_before_scratch_size(rows, x.features, units, dtype))
            gradients = ops.Gradients(dy, dh, None, dW, dU, db, parts)
            given = (seen, weights, h, a, s, gradients, scratch, *options)
            calls: list[Call] = [(backward, given)]
            if parts is not None and dx is not None:
                calls += self._inputs_back(plan, x, x_masks, parts, dx)
            return calls

        return back

    def _inputs(self, plan: Plan, x: Tensor, count: int) -> tuple[list[Array], Array]:
        """Return dropout's masks of the inputs, and the inputs as `count` gates see them."""
        layer, ops = self.layer, plan.ops
        if not plan.drops or layer.dropout == 0.0:
            return [], x.value.reshape(1, *x.value.shape)
        masks = plan.array((count, x.rows, x.features))
        flat = masks.reshape(count * x.rows, x.features)
        draw(layer, plan, DROPOUT, layer.dropout, x.features, flat)
        parts = [masks[gate : gate + 1] for gate in range(count)]
        seen = plan.array((count, *x.value.shape))
        for gate, mask in enumerate(parts):
            plan.call(ops.merge_forward, *_product(x.value, mask, x.features, seen[gate]))
        return parts, seen

    def _inputs_back(
        self, plan: Plan, x: Tensor, masks: list[Array], parts: Array, dx: Array
    ) -> list[Call]:
        """Return the calls that make the gradient of the inputs of those of what gates saw."""
        ops = plan.ops
        calls: list[Call] = []
        for gate, mask in enumerate(masks):
            given = _product(parts[gate], mask, x.features, parts[gate])
            calls.append((ops.merge_forward, given))
        if len(masks) > 1:
            calls.append((ops.add, (parts[0], parts[1], dx)))
            calls.append((ops.add, (dx, parts[2], dx)))
        return calls

    def _state_masks(self, plan: Plan, shape: tuple[int, ...]) -> Array:
        layer, (rows, width) = self.layer, shape
        masks = plan.array((GATES, rows, width))
        flat = masks.reshape(GATES * rows, width)
        draw(layer, plan, RECURRENT_DROPOUT, layer.recurrent_dropout, layer.units, flat)
        return masks


def _product(x: Array, mask: Array, features: int, out: Array) -> tuple[Any, ...]:
    """Return the arguments of `merge_forward` for the product with one mask for all steps."""
    one = x.dtype.type(1)
    return ("multiply", x, features, mask, features, False, one, out, features)
