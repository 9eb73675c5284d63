"""The simple recurrent layer: what the LSTM's gates improve on."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nlstm import activations, constraints, initializers, regularizers
from nlstm.arguments.checks import checked_flag, checked_rate, checked_size
from nlstm.kernels.operations import Array, Operations
from nlstm.layers.kept_states import KeptStates
from nlstm.layers.layer import Shape
from nlstm.layers.one_state import Back, OneState
from nlstm.layers.views import as_rows
from nlstm.plan.parameters import Parameter
from nlstm.plan.plan import Call, Plan, Tensor

__all__ = ["SimpleRNN"]

ACTIVATIONS = tuple(name for name in activations.FUNCTIONS if name != "softmax")  # of whole rows
DROPOUT, RECURRENT_DROPOUT = 0, 1  # purposes of the layer's random streams


class SimpleRNN(OneState):
    """Compute ``h = activation(x @ kernel + h_before @ recurrent_kernel + bias)`` step by step.

    Parameters
    ----------
    units : int
        Size of the state and of the output.
    activation : str, function or None
    use_bias : bool, default True
    kernel_initializer, recurrent_initializer, bias_initializer : str or Initializer
    kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer,
    kernel_constraint, recurrent_constraint, bias_constraint : str, object or None
    dropout, recurrent_dropout : float
        Shares of the input and of the state to drop while training; one mask for a sequence, used
        at every step.
    return_sequences : bool, default False
        Return every step, shape (batch, steps, units), instead of the last, (batch, units).
    return_state : bool, default False
        Return the last state too.
    go_backwards : bool, default False
        Process the steps from last to first, and return them in that order.
    stateful : bool, default False
        Start each batch with the states that the one before ended with; see `reset_state`.
    unroll : bool
        For old code.
    seed : int, optional
        See `Layer`.
    zero_output_for_mask : bool, default False
        Return zeros for masked steps, instead of the output of the step before.
    name, input_shape, dtype, trainable
        See `Layer`.

    Notes
    -----
    Input of shape (batch, steps, features), and of an initial state (batch, units) if one is given.
    A masked step keeps the state. Weights: kernel (features, units), recurrent_kernel (units,
    units), bias (units,).

    References
    ----------
    Elman 1990, "Finding structure in time".
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        *,
        zero_output_for_mask: bool = False,
        name: str | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
        trainable: bool = True,
    ) -> None:
        self.units = checked_size("units", units)
        self.activation: str = activations.get(activation, ACTIVATIONS, "SimpleRNN")
        self.use_bias = checked_flag("use_bias", use_bias)
        self.kernel_initializer = initializers.of_weights(kernel_initializer)
        self.recurrent_initializer = initializers.of_weights(recurrent_initializer)
        self.bias_initializer = initializers.of_weights(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = regularizers.get(recurrent_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.recurrent_constraint = constraints.get(recurrent_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.dropout = checked_rate("dropout", dropout)
        self.recurrent_dropout = checked_rate("recurrent_dropout", recurrent_dropout)
        self.return_sequences = checked_flag("return_sequences", return_sequences)
        self.return_state = checked_flag("return_state", return_state)
        self.go_backwards = checked_flag("go_backwards", go_backwards)
        self.stateful = checked_flag("stateful", stateful)
        self.unroll = checked_flag("unroll", unroll)
        self.seed = seed
        self.zero_output_for_mask = checked_flag("zero_output_for_mask", zero_output_for_mask)
        self.kept_states = KeptStates(self, self.units)
        super().__init__(
            name=name, input_shape=input_shape, dtype=dtype, trainable=trainable, seed=seed
        )

    def build(self, ops: Operations, shape: Shape, *states_and_dtype: Any) -> None:
        """Make kernel, recurrent_kernel and bias."""
        features, units, dtype = shape[-1], self.units, states_and_dtype[-1]
        assert features is not None

        def make(name: str, rows: int, initializer: Callable[..., Any], purpose: int) -> Parameter:
            return Parameter(
                name,
                (rows, units),
                lambda: initializer((rows, units), generator=self.seeds.generator(purpose)),
                *ops.unit_matrix(units),
                getattr(self, name.replace("_kernel", "") + "_regularizer"),
                getattr(self, name.replace("_kernel", "") + "_constraint"),
            )

        self.kernel = make("kernel", features, self.kernel_initializer, 0)
        self.recurrent_kernel = make("recurrent_kernel", units, self.recurrent_initializer, 1)
        self.bias: Parameter | None = None
        self.parameters = [self.kernel, self.recurrent_kernel]
        if self.use_bias:
            self.bias = Parameter(
                "bias",
                (units,),
                lambda: self.bias_initializer((units,), generator=self.seeds.generator(2)),
                *ops.unit_vector(units),
                self.bias_regularizer,
                self.bias_constraint,
            )
            self.parameters.append(self.bias)
        else:
            self._no_bias = ops.to_device(ops.unit_vector(units).pack(np.zeros(units, dtype)))
        super().build(ops, shape, dtype)

    def recurrence(self, plan: Plan, x: Tensor, h: Array, cut: Any) -> Back:
        """Append the dropout masks and one call forward; back the same."""
        ops, dtype, units = plan.ops, plan.dtype, self.units
        steps, rows, width = x.steps, x.rows, h.shape[2]
        x_mask, seen = self._input_mask(plan, x)
        h_mask, hm = self._recurrent_mask(plan, steps, rows, width)
        forward, backward = ops.rnn(self.activation)
        bias = self._no_bias if self.bias is None else self.bias.packed
        weights = ops.Weights(self.kernel.packed, self.recurrent_kernel.packed, bias)
        options = (self.go_backwards, ops.Masks(x.mask, h_mask=h_mask, hm=hm))
        keeps_input = plan.training and self.activation in ops.INPUT_NAMES
        z = plan.array((steps, rows, width)) if keeps_input else None
        plan.call(forward, seen, weights, h, z, *options)

        def back(dy: Any, dh: Any) -> list[Call]:
            dz = plan.array((steps, rows, width)) if z is None else z
            dW, dU = plan.gradient(self.kernel), plan.gradient(self.recurrent_kernel)
            db = plan.array(bias.shape) if self.bias is None else plan.gradient(self.bias)
            dx = plan.input_gradient(x)
            scratch = plan.scratch(ops.rnn_scratch_size(rows, x.features, units, dtype))
            gradients = ops.Gradients(dy, dh, None, dW, dU, db, dx)
            calls: list[Call] = [
                (backward, (seen, weights, h, z, dz, gradients, scratch, *options))
            ]
            if x_mask is not None and dx is not None:
                calls.append((ops.merge_forward, _product(dx, x_mask, x.features, dx)))
            return calls

        return back

    def _input_mask(self, plan: Plan, x: Tensor) -> tuple[Array | None, Array]:
        """Return the dropout mask of the inputs, and the inputs as the kernel shall see them."""
        if not plan.drops or self.dropout == 0.0:
            return None, x.value
        mask = plan.array((1, x.rows, x.features))
        self._draw(plan, DROPOUT, self.dropout, x.features, mask)
        seen = plan.array(x.value.shape)
        plan.call(plan.ops.merge_forward, *_product(x.value, mask, x.features, seen))
        return mask, seen

    def _recurrent_mask(
        self, plan: Plan, steps: int, rows: int, width: int
    ) -> tuple[Array | None, Array | None]:
        """Return the dropout mask of the state, and a buffer for masked states."""
        if not plan.drops or self.recurrent_dropout == 0.0:
            return None, None
        mask = plan.array((rows, width))
        self._draw(plan, RECURRENT_DROPOUT, self.recurrent_dropout, self.units, mask)
        return mask, plan.array((steps, rows, width))

    def _draw(self, plan: Plan, purpose: int, rate: float, features: int, out: Array) -> None:
        plan.drop(self.seeds.key(purpose), purpose, rate, features, as_rows(out))


def _product(x: Array, mask: Array, features: int, out: Array) -> tuple[Any, ...]:
    """Return the arguments of `merge_forward` for the product with one mask for all steps."""
    one = x.dtype.type(1)
    return ("multiply", x, features, mask, features, False, one, out, features)
