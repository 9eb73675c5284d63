"""The projection of an LSTM's state to fewer features (`proj_size`)."""

from typing import Any

import numpy as np

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
        self, layer: Any, recurrent_kernel: Parameter, suffix: str, purpose: int, ops: Any
    ) -> None:
        shape = self.units, self.outputs = layer.units, layer.proj_size
        self.recurrent_kernel = recurrent_kernel
        self.kernel = Parameter(
            "projection_kernel" + suffix,
            shape,
            lambda: layer.kernel_initializer(shape, generator=layer.seeds.generator(purpose)),
            ops.pack_columns,
            lambda packed: ops.unpack_columns(packed, shape[1]),
        )

    def bind_recurrence(self, plan: Plan) -> np.ndarray:
        """Append the product P U; return it as gate weights (B, H, 4, L)."""
        blocks, _, *rest = self.recurrent_kernel.packed.shape
        product = plan.array((blocks, self.units, *rest))
        plan.call(self._recurrence, product)
        return product

    def _recurrence(self, product: np.ndarray) -> None:
        np.matmul(self.kernel.get(), _flat(self.recurrent_kernel.packed), out=_flat(product))

    def recurrence_back(self, plan: Plan, gradient: np.ndarray) -> Call:
        """Return the call that takes the gradient of P U to those of P, to which it adds, and U."""
        return self._recurrence_back, (
            gradient, plan.gradient(self.recurrent_kernel), self._kernel_gradient
        )  # fmt: skip

    def _recurrence_back(self, gradient: np.ndarray, dU: np.ndarray, dP: np.ndarray) -> None:
        np.matmul(self.kernel.get().T, _flat(gradient), out=_flat(dU))
        U = _flat(self.recurrent_kernel.packed)
        dP += self.kernel._pack(np.matmul(_flat(gradient), U.transpose(0, 2, 1)).sum(axis=0))

    def bind(self, plan: Plan, m: np.ndarray, h: np.ndarray) -> None:
        """Append h = m P."""
        forward, _ = plan.ops.dense("linear")
        scratch = plan.scratch(plan.ops.dense_scratch_size(self.units, self.outputs, plan.dtype))
        plan.call(forward, _rows(m), self.kernel.packed, None, _rows(h), scratch, self.outputs)

    def bind_back(
        self, plan: Plan, m: np.ndarray, h: np.ndarray, dh: np.ndarray
    ) -> tuple[np.ndarray, Call]:
        """Return the gradient of m, and the call that computes it and that of P."""
        _, backward = plan.ops.dense("linear")
        dm = plan.array(m.shape)
        self._kernel_gradient = plan.gradient(self.kernel)
        scratch = plan.scratch(plan.ops.dense_scratch_size(self.units, self.outputs, plan.dtype))
        gradients = (self._kernel_gradient, None, _rows(dm))
        arguments = (_rows(m), self.kernel.packed, _rows(h), _rows(dh), *gradients)
        return dm, (backward, (*arguments, scratch, self.outputs))


def _flat(gate_weights: np.ndarray) -> np.ndarray:
    """Return gate weights (B, K, 4, L) seen as (B, K, 4L)."""
    return gate_weights.reshape(*gate_weights.shape[:2], -1)


def _rows(array: np.ndarray) -> np.ndarray:
    return array.reshape(-1, array.shape[-1])
