"""A layer for flat values, applied to each step."""

from typing import Any

import numpy as np

from nlstm.kernels.operations import Operations
from nlstm.layers.layer import Layer, Shape, StreamedLayer, check_unbuilt
from nlstm.layers.shapes import checked_sequence, shown
from nlstm.layers.views import rows_as_steps, steps_as_rows
from nlstm.plan.plan import Plan, Tensor

__all__ = ["TimeDistributed"]


class TimeDistributed(Layer):
    """Apply a layer to each step of a sequence on its own, with the same weights.

    Parameters
    ----------
    layer : Layer
        One that takes (batch, features) and returns the like: `Dense`, `Activation`, `Dropout`,
        `LayerNormalization`, ...
    name, input_shape, dtype
        See `Layer`.

    Notes
    -----
    `Dense` and its like do the same on sequences by themselves. Weights: <name of layer>/...
    """

    needs_sequence = True

    def __init__(
        self,
        layer: Layer,
        *,
        name: str | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
    ) -> None:
        if not isinstance(layer, Layer):
            raise TypeError(f"TimeDistributed expects a layer of nlstm.layers; got {layer!r}.")
        self.layer = layer
        self.activation = getattr(layer, "activation", None)
        self.fuses_loss = layer.fuses_loss
        super().__init__(
            name=name,
            input_shape=input_shape,
            dtype=dtype or layer.dtype,
            trainable=layer.trainable,
        )

    @property
    def parts(self) -> dict[str, Layer]:
        """The layer that is applied."""
        return {"layer": self.layer}

    def output_shape(self, shape: Shape) -> Shape:
        """Return (steps, features of the layer); raise if the layer does not take single steps."""
        steps, features = checked_sequence(self, shape)
        try:
            made = self.layer.output_shape((features,))
        except ValueError as error:
            raise ValueError(f"{self.name} cannot apply {self.layer.name}: {error}") from None
        if len(made) != 1 or not isinstance(made[0], int):
            raise ValueError(
                f"{self.name} cannot apply {self.layer.name}: for one step it gives "
                f"{shown(made)}, not (batch, features)."
            )
        return (steps, made[0])

    def build(self, ops: Operations, shape: Shape, dtype: np.dtype) -> None:
        """Make the layer's weights."""
        check_unbuilt(self, self.layer)
        self.layer.build(ops, shape[1:], dtype)
        self.parameters = self.layer.parameters
        for parameter in self.parameters:
            parameter.name = f"{self.layer.name}/{parameter.name}"
        super().build(ops, shape, dtype)

    def streamed(self) -> StreamedLayer | None:
        """Return what the layer gives: a stream has single steps already."""
        return self.layer.streamed()

    def bind(self, plan: Plan, x: Tensor) -> Tensor:
        """Append the layer's calls, with the steps as rows."""
        fused = plan.fused is self
        if fused:
            plan.fused = self.layer
        y = rows_as_steps(plan, self.layer.bind(plan, steps_as_rows(plan, x)), x.steps)
        if fused:
            plan.fused = self
        y.mask = x.mask
        return y
