"""The embedding layer: a vector for each index."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nlstm import constraints, initializers, regularizers
from nlstm.arguments.checks import checked_flag, checked_size, checked_weight
from nlstm.arguments.former import warn_former
from nlstm.kernels.operations import Operations
from nlstm.layers.layer import Layer, Shape
from nlstm.layers.shapes import shown
from nlstm.plan.parameters import Parameter
from nlstm.plan.plan import Plan, Tensor

__all__ = ["Embedding"]


class Embedding(Layer):
    """Turn whole numbers into vectors, which are learnt.

    Parameters
    ----------
    input_dim : int
        How many indices there are: the largest is ``input_dim - 1``.
    output_dim : int
        Size of a vector.
    embeddings_initializer : str or Initializer
    embeddings_regularizer, embeddings_constraint : str, object or None
    mask_zero : bool, default False
        Whether 0 is padding: steps with this index are masked.
    weights : array_like, shape (input_dim, output_dim), optional
        What to start with; the initializer is not used then.
    input_length : int, optional
        For old code; the input says how many steps there are.
    name, input_shape, dtype, trainable
        See `Layer`.

    Notes
    -----
    Input of shape (batch, steps). Weights: embeddings (input_dim, output_dim).
    """

    makes_sequence = True
    only_to_begin_with = frozenset({"weights", "input_length"})

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        *,
        input_length: int | None = None,
        name: str | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
        trainable: bool = True,
    ) -> None:
        self.input_dim = self.index_limit = checked_size("input_dim", input_dim)
        self.output_dim = checked_size("output_dim", output_dim)
        self.embeddings_initializer = initializers.of_weights(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = checked_flag("mask_zero", mask_zero)
        if input_length is not None:
            warn_former("input_length is a name of Keras 2, without effect: leave it out.")
        self._initial = None if weights is None else self._checked_weights(weights)
        super().__init__(name=name, input_shape=input_shape, dtype=dtype, trainable=trainable)

    def _checked_weights(self, weights: Any) -> np.ndarray:
        listed = isinstance(weights, list) and len(weights) == 1
        value = weights[0] if listed else weights
        return checked_weight("weights", (self.input_dim, self.output_dim), value)

    @property
    def weights(self) -> list[Parameter]:
        """The weights; before they are built, what `weights` has given."""
        if self.built or self._initial is None:
            return super().weights
        given = self._initial
        return [Parameter("embeddings", given.shape, lambda: given, np.asarray, np.asarray)]

    @property
    def embeddings(self) -> Parameter:
        """The table."""
        if not self.weights:
            raise AttributeError(f"{self.name} has no embeddings before it is built.")
        return self.weights[0]

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of the weights."""
        return [parameter.get() for parameter in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Overwrite the weights; before they are built, say what to start with."""
        if self.built or self._initial is None or len(weights) != 1:
            super().set_weights(weights)
        else:
            self._initial = self._checked_weights(list(weights))

    def output_shape(self, shape: Shape) -> Shape:
        """Return (steps, output_dim); a `shape` with features is an error."""
        if len(shape) != 1:
            raise ValueError(
                f"{self.name} expects indices, (batch, steps); what comes before it gives "
                f"{shown(shape)}."
            )
        return (shape[0], self.output_dim)

    def build(self, ops: Operations, shape: Shape, dtype: np.dtype) -> None:
        """Make the table."""
        if self.input_dim - 1 > 2 ** (np.finfo(dtype).nmant + 1):
            raise ValueError(
                f"{self.name}: {dtype.name} cannot tell {self.input_dim} indices apart; "
                "float64 can."
            )
        table = (self.input_dim, self.output_dim)

        def initial() -> np.ndarray:
            if self._initial is not None:
                return self._initial
            return self.embeddings_initializer(table, generator=self.seeds.generator(0))

        embeddings = Parameter(
            "embeddings",
            table,
            initial,
            *ops.row_matrix(self.output_dim),
            self.embeddings_regularizer,
            self.embeddings_constraint,
        )
        self.parameters = [embeddings]
        super().build(ops, shape, dtype)

    def _check_indices(self, x: np.ndarray, steps: int) -> None:
        seen = x[..., :steps]
        outside = ~((seen > -1) & (seen < self.input_dim))  # NaN too
        if outside.any():
            raise ValueError(
                f"{self.name} got {seen[outside][0]:g} from the layer before it; indices are from "
                f"0 to {self.input_dim - 1}."
            )

    def bind(self, plan: Plan, x: Tensor) -> Tensor:
        """Append one call forward, one for the mask, and one back."""
        ops, steps = plan.ops, x.features
        table = self.embeddings.packed
        value = plan.array((steps, x.rows, ops.padded(self.output_dim, plan.dtype)))
        y = plan.tensor(value, self.output_dim, True, gradient=True)
        if x.limit is None or x.limit > self.input_dim:  # not looked at in the data of an Input
            plan.host(self._check_indices, (x.value,), (), x.value, steps)
        plan.call(ops.embedding_forward, x.value, table, value)
        if self.mask_zero:
            y.mask = plan.mask(steps, x.rows)
            plan.call(ops.mask_from_values, x.value, False, y.mask)
        if plan.training:
            back = (x.value, y.gradient, plan.gradient(self.embeddings))
            plan.call_back(y, (ops.embedding_backward, back))
        return y
