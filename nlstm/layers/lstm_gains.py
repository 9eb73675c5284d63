"""The weights of an LSTM's layer normalisation (`layer_norm`)."""

import numpy as np

from nlstm.kernels.operations import Array, Operations
from nlstm.plan.parameters import Parameter
from nlstm.plan.plan import Plan

__all__ = ["Gains"]


class Gains:
    """Gains of x W and h U, one a gate and unit; gain and offset of c, one a unit."""

    def __init__(self, units: int, gates: int, suffix: str, ops: Operations) -> None:
        def of_gates(name: str) -> Parameter:
            return Parameter(
                name + suffix,
                (gates * units,),
                lambda: np.ones(gates * units),
                *ops.gate_vector(units),
            )

        def of_units(name: str, value: float) -> Parameter:
            return Parameter(
                name + suffix,
                (units,),
                lambda: np.full(units, value),
                *ops.unit_vector(units),
            )

        self.parameters = [
            of_gates("kernel_gain"),
            of_gates("recurrent_gain"),
            of_units("state_gain", 1.0),
            of_units("state_offset", 0.0),
        ]

    @property
    def packed(self) -> tuple[Array, ...]:
        """The values in the kernels' layout."""
        return tuple(one.packed for one in self.parameters)

    def gradients(self, plan: Plan) -> tuple[Array, ...]:
        """Return where their gradients go."""
        return tuple(plan.gradient(one) for one in self.parameters)
