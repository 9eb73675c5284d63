"""The weights of an LSTM's layer normalisation (`layer_norm`)."""

from typing import Any

import numpy as np

from nlstm.plan.parameters import Parameter
from nlstm.plan.plan import Plan

__all__ = ["Gains"]


class Gains:
    """Gains of x W and h U, one a gate and unit; gain and offset of c, one a unit."""

    def __init__(self, units: int, gates: int, suffix: str, ops: Any) -> None:
        def of_gates(name: str) -> Parameter:
            return Parameter(
                name + suffix,
                (gates * units,),
                lambda: np.ones(gates * units),
                lambda gain: ops.pack_gates(gain[None])[:, 0],
                lambda packed: ops.unpack_gates(packed[:, None], units)[0],
            )

        def of_units(name: str, value: float) -> Parameter:
            return Parameter(
                name + suffix,
                (units,),
                lambda: np.full(units, value),
                lambda gain: ops.pack_columns(gain[None])[:, 0],
                lambda packed: ops.unpack_columns(packed[:, None], units)[0],
            )

        self.parameters = [
            of_gates("kernel_gain"),
            of_gates("recurrent_gain"),
            of_units("state_gain", 1.0),
            of_units("state_offset", 0.0),
        ]

    @property
    def packed(self) -> tuple[np.ndarray, ...]:
        """The values in the kernels' layout."""
        return tuple(one.packed for one in self.parameters)

    def gradients(self, plan: Plan) -> tuple[np.ndarray, ...]:
        """Return where their gradients go."""
        return tuple(plan.gradient(one) for one in self.parameters)
