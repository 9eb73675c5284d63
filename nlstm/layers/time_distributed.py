"""A layer for flat values, or a model of such layers, applied to each step."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from nlstm.kernels.operations import Operations
from nlstm.layers.applied import Applied
from nlstm.layers.layer import Layer, Shape, StreamedLayer, check_unbuilt
from nlstm.layers.shapes import checked_sequence, shown
from nlstm.layers.views import rows_as_steps, steps_as_rows
from nlstm.plan.parameters import Parameter
from nlstm.plan.plan import Plan, Tensor

__all__ = ["TimeDistributed"]


class TimeDistributed(Layer):
    """Apply a layer to each step of a sequence on its own, with the same weights.

    Parameters
    ----------
    layer : Layer, Sequential or Model
        One that takes (batch, features) and returns the like: `Dense`, `Activation`, `Dropout`,
        `LayerNormalization`, or a model of one input and one output. A model in which `Reshape` or
        `Embedding` makes sequences of what a step holds may run an LSTM over each.
    name, input_shape, dtype
        See `Layer`.

    Notes
    -----
    `Dense` and its like do the same on sequences by themselves. Weights: <name of layer>/...; a
    model shares its own.
    """

    needs_sequence = True

    def __init__(
        self,
        layer: Any,
        *,
        name: str | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
    ) -> None:
        self.layer = layer
        if isinstance(layer, Layer):
            self._applied: Layer | Applied = layer
            self.activation, self.fuses_loss = getattr(layer, "activation", None), layer.fuses_loss
        elif hasattr(layer, "design"):
            self._applied, self.activation = Applied(layer), None
        else:
            raise TypeError(
                f"TimeDistributed expects a layer of nlstm.layers or a model; got {layer!r}."
            )
        super().__init__(
            name=name,
            input_shape=input_shape,
            dtype=self._applied.dtype if dtype is None else dtype,
            trainable=layer.trainable,
        )

    @property
    def parts(self) -> dict[str, Layer]:
        """The layer that is applied; a model's come and go with the model."""
        return {"layer": self.layer} if isinstance(self.layer, Layer) else {}

    def named_parts(self) -> Iterator[tuple[str, Layer]]:
        """Give the layer that is applied, or each of a model's."""
        if isinstance(self.layer, Layer):
            return super().named_parts()
        return ((f"layer/{label}", one) for label, one in self.layer.design.labelled())

    @property
    def inside(self) -> list[Layer]:
        """The layer that is applied and those in it, or a model's layers."""
        found = [self.layer] if isinstance(self.layer, Layer) else self.layer.design.layers
        return [one for layer in found for one in (layer, *layer.inside)]

    @property
    def index_limit(self) -> int | None:  # type: ignore[override]
        """Where each step holds indices: they are below it."""
        return self._applied.index_limit

    @property
    def trainable(self) -> bool:
        """Whether training changes any weights; setting it sets it for what is inside."""
        return self.layer.trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        if self.layer.trainable != value:
            self.layer.trainable = value

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Give each weight with its name below the layer's."""
        if isinstance(self._applied, Applied):
            return self._applied.named_parameters()
        return super().named_parameters()

    def output_shape(self, shape: Shape) -> Shape:
        """Return (steps, features of the layer); raise if the layer does not take single steps."""
        steps, features = checked_sequence(self, shape)
        try:
            made = self._applied.output_shape((features,))
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
        if isinstance(self.layer, Layer):
            check_unbuilt(self, self.layer)
        self._applied.build(ops, shape[1:], dtype)
        self.parameters = self._applied.parameters
        for parameter in self.parameters if isinstance(self.layer, Layer) else ():
            parameter.name = f"{self.layer.name}/{parameter.name}"
        super().build(ops, shape, dtype)

    def unbuild(self) -> None:
        """Forget the weights."""
        self._applied.unbuild()
        super().unbuild()

    def streamed(self) -> StreamedLayer | None:
        """Return what the layer gives: a stream has single steps already."""
        return self.layer.streamed() if isinstance(self.layer, Layer) else super().streamed()

    def bind(self, plan: Plan, x: Tensor) -> Tensor:
        """Append the layer's calls, with the steps as rows."""
        fused = plan.fused is self
        if fused:
            plan.fused = self.layer
        flat = steps_as_rows(plan, x)
        flat.limit = x.limit
        y = rows_as_steps(plan, self._applied.bind(plan, flat), x.steps)
        if fused:
            plan.fused = self
        y.mask = x.mask
        return y
