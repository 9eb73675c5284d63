"""The projection of an LSTM's state to fewer features (`proj_size`)."""

from typing import Any

from nlstm.kernels.operations import Array, Operations
from nlstm.layers.views import as_rows
from nlstm.plan.parameters import Parameter
from nlstm.plan.plan import Call, Plan

__all__ = ["Projection"]


class Projection:
    """The weights of h = m P, where m = o act(c), and what they mean for the recurrence.

    Since h U = m (P U), the recurrence runs on m with the recurrent kernel P U, and all outputs are
    one product at its end.

    Parameters
    ----------
    layer : LSTM
    recurrent_kernel : Parameter
        U, shape (proj_size, 4 * units).

    References
    ----------
    Sak, Senior & Beaufays 2014, "Long short-term memory based recurrent neural network
    architectures for large vocabulary speech recognition".
    """

    def __init__(
        self, layer: Any, recurrent_kernel: Parameter, suffix: str, purpose: int, ops: Operations
    ) -> None:
        shape = self.units, self.outputs = layer.units, layer.proj_size
        self.recurrent_kernel = recurrent_kernel
        self.kernel = Parameter(
            "projection_kernel" + suffix,
            shape,
            lambda: layer.kernel_initializer(shape, generator=layer.seeds.generator(purpose)),
            *ops.unit_matrix(shape[1]),
        )

    def bind_recurrence(self, plan: Plan) -> Array:
        """Append the product P U; return it as gate weights."""
        packed = self.recurrent_kernel.packed
        blocks, _, *rest = packed.shape
        product = plan.array((blocks, self.units, *rest))
        given = (self.kernel.packed, packed, self.outputs, product)
        plan.call(plan.ops.project_recurrence, *given)
        return product

    def recurrence_back(self, plan: Plan, gradient: Array) -> Call:
        """Return the call that takes the gradient of P U to those of P, to which it adds, and U."""
        weights = (self.kernel.packed, self.recurrent_kernel.packed, self.outputs)
        gradients = (gradient, plan.gradient(self.recurrent_kernel), self._kernel_gradient)
        return plan.ops.project_recurrence_backward, (*weights, *gradients)

    def bind(self, plan: Plan, m: Array, h: Array) -> None:
        """Append h = m P."""
        forward, _ = plan.ops.dense("linear")
        scratch = plan.scratch(plan.ops.dense_scratch_size(self.units, self.outputs, plan.dtype))
        plan.call(forward, as_rows(m), self.kernel.packed, None, as_rows(h), scratch, self.outputs)

    def bind_back(self, plan: Plan, m: Array, h: Array, dh: Array) -> tuple[Array, Call]:
        """Return the gradient of m, and the call that computes it and that of P."""
        _, backward = plan.ops.dense("linear")
        dm = plan.array(m.shape)
        self._kernel_gradient = plan.gradient(self.kernel)
        scratch = plan.scratch(plan.ops.dense_scratch_size(self.units, self.outputs, plan.dtype))
        gradients = (self._kernel_gradient, None, as_rows(dm))
        arguments = (as_rows(m), self.kernel.packed, as_rows(h), as_rows(dh), *gradients)
        return dm, (backward, (*arguments, scratch, self.outputs))
