"""Other shapes for the same numbers: Flatten and Reshape."""

import math
import operator
from typing import Any

from nlstm.layers.layer import Layer, Shape
from nlstm.layers.shapes import check_data_format, shown
from nlstm.plan.plan import Plan, Tensor

__all__ = ["Flatten", "Reshape"]


class Reshape(Layer):
    """Give each sample another shape, its numbers in the same order.

    Parameters
    ----------
    target_shape : tuple of int
        (steps, features) or (features,); one of them may be -1, which is then computed.
    name, input_shape, dtype
        See `Layer`.
    """

    makes_sequence = True

    def __init__(
        self,
        target_shape: tuple[int, ...],
        *,
        name: str | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
    ) -> None:
        try:
            if isinstance(target_shape, str | bytes | dict | set):
                raise TypeError
            self.target_shape = tuple(operator.index(n) for n in target_shape)
        except TypeError:
            raise TypeError(
                f"target_shape must be a tuple of integers; got {target_shape!r}."
            ) from None
        valid = all(n > 0 or n == -1 for n in self.target_shape)
        if not valid or self.target_shape.count(-1) > 1 or len(self.target_shape) not in (1, 2):
            raise ValueError(
                "target_shape must be (steps, features) or (features,), positive, one of them "
                f"perhaps -1; got {self.target_shape}."
            )
        super().__init__(name=name, input_shape=input_shape, dtype=dtype)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the new shape; raise if it has not as many numbers."""
        return self._resolved(shape)

    def _resolved(self, shape: Shape) -> Shape:
        target = self.target_shape
        known = math.prod(n for n in target if n != -1)
        if None in shape:
            if target[0] == -1 and len(target) == 2:
                return (None, target[1])
            if -1 in target:
                raise ValueError(
                    f"{self.name} needs the number of steps to give {shown(shape)} the shape "
                    f"{target}: state it in Input."
                )
            return target
        total = math.prod(n for n in shape if n is not None)
        if total % known or (-1 not in target and total != known):
            raise ValueError(
                f"{self.name} cannot give {shown(shape)}, {total} numbers a row, the shape "
                f"{target}."
            )
        return tuple(total // known if n == -1 else n for n in target)

    def bind(self, plan: Plan, x: Tensor) -> Tensor:
        """Append one call forward and one back."""
        ops = plan.ops
        shape = (x.steps, x.features) if x.sequence else (x.features,)
        found = self._resolved(shape)
        steps, features = found if len(found) == 2 else (1, found[0])
        assert steps is not None and features is not None
        value = plan.array((steps, x.rows, ops.padded(features, plan.dtype)))
        wanted = x.gradient is not None
        y = plan.tensor(value, features, len(found) == 2, gradient=wanted)
        plan.call(ops.reshape_rows, x.value, x.features, value, features)
        dx = plan.input_gradient(x)
        if dx is not None:
            plan.call_back(y, (ops.reshape_rows, (y.gradient, features, dx, x.features)))
        return y


class Flatten(Reshape):
    """Put all steps of a sample behind each other: (batch, steps * features).

    Parameters
    ----------
    data_format : {"channels_last"}, optional
        For old code.
    name, input_shape, dtype
        See `Layer`.
    """

    def __init__(
        self,
        data_format: str | None = None,
        *,
        name: str | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
    ) -> None:
        check_data_format(data_format)
        self.data_format = "channels_last"
        super().__init__((-1,), name=name, input_shape=input_shape, dtype=dtype)
