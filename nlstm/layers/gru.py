"""The gated recurrent unit."""

from collections.abc import Callable
from typing import Any

from nlstm import activations, constraints, initializers, regularizers
from nlstm.arguments.checks import checked_flag, checked_rate, checked_size
from nlstm.kernels.operations import Array, Layout, Operations
from nlstm.layers.gru_after import ResetAfter
from nlstm.layers.gru_before import ResetBefore
from nlstm.layers.kept_states import KeptStates
from nlstm.layers.layer import Shape
from nlstm.layers.one_state import Back, OneState
from nlstm.layers.segments import Segments, segments_of
from nlstm.plan.parameters import Parameter
from nlstm.plan.plan import Plan, Tensor

__all__ = ["GRU"]

ACTIVATIONS = tuple(name for name in activations.FUNCTIONS if name != "softmax")  # of whole rows
GATES = 3  # update, reset, candidate: Keras's z, r, h


class GRU(OneState):
    """Gated recurrent units, with Keras's arguments, weights and results.

    Parameters
    ----------
    units : int
        Size of the state and of the output.
    activation, recurrent_activation : str, function or None
        For the candidate; for the gates.
    use_bias : bool, default True
    kernel_initializer, recurrent_initializer, bias_initializer : str or Initializer
    kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer,
    kernel_constraint, recurrent_constraint, bias_constraint : str, object or None
    dropout, recurrent_dropout : float
        Shares of the input and of the recurrent state to drop while training; one mask for a
        sequence, used at every step. The recurrent state has one mask per gate, and with both
        rates above 0 so has the input, as in Keras.
    seed : int, optional
        See `Layer`.
    return_sequences : bool, default False
        Return every step, shape (batch, steps, units), instead of the last, (batch, units).
    return_state : bool, default False
        Return the last state too.
    go_backwards : bool, default False
        Process the steps from last to first, and return them in that order.
    stateful : bool, default False
        Row i of a batch goes on from where row i of the batch before ended, until `reset_state`.
    unroll : bool
        For old code.
    reset_after : bool, default True
        Let the reset gate multiply what comes of the product with recurrent_kernel, as cuDNN and
        PyTorch do: at the LSTM's speed. False: multiply the state before the product, as old
        files of Keras need it.
    use_cudnn, implementation
        Keras's; without effect.
    zero_output_for_mask : bool, default False
        Output zeros at masked steps, instead of the output before them.
    name, input_shape, dtype, trainable
        See `Layer`.

    Notes
    -----
    Input of shape (batch, steps, features), and of an initial state (batch, units) if one is given.
    A masked step keeps the state. Weights: kernel (features, 3 * units), recurrent_kernel (units,
    3 * units), bias (2, 3 * units), or (3 * units,) without `reset_after`, with the gates in the
    order update, reset, candidate.

    References
    ----------
    Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder for statistical
    machine translation".
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
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
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        reset_after: bool = True,
        use_cudnn: Any = "auto",
        *,
        zero_output_for_mask: bool = False,
        implementation: int = 2,
        name: str | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
        trainable: bool = True,
    ) -> None:
        self.units = checked_size("units", units)
        self.activation: str = activations.get(activation, ACTIVATIONS, "GRU")
        self.recurrent_activation: str = activations.get(
            recurrent_activation, ACTIVATIONS, "GRU's gates"
        )
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
        self.seed = seed
        self.return_sequences = checked_flag("return_sequences", return_sequences)
        self.return_state = checked_flag("return_state", return_state)
        self.go_backwards = checked_flag("go_backwards", go_backwards)
        self.stateful = checked_flag("stateful", stateful)
        self.unroll, self.use_cudnn, self.implementation = unroll, use_cudnn, implementation
        self.reset_after = checked_flag("reset_after", reset_after)
        self.zero_output_for_mask = checked_flag("zero_output_for_mask", zero_output_for_mask)
        self.kept_states = KeptStates(self, self.units)
        super().__init__(
            name=name, input_shape=input_shape, dtype=dtype, trainable=trainable, seed=seed
        )

    def build(self, ops: Operations, shape: Shape, *states_and_dtype: Any) -> None:
        """Make kernel, recurrent_kernel and bias."""
        features, dtype = shape[-1], states_and_dtype[-1]
        assert features is not None
        width = GATES * self.units
        form = ResetAfter if self.reset_after else ResetBefore
        self._form: ResetAfter | ResetBefore = form(self, ops, dtype)

        def make(
            name: str,
            shape: tuple[int, ...],
            initializer: Callable[..., Any],
            layout: Layout,
            purpose: int,
        ) -> Parameter:
            start = name.removesuffix("_kernel")
            return Parameter(
                name,
                shape,
                lambda: initializer(shape, generator=self.seeds.generator(purpose)),
                *layout,
                getattr(self, f"{start}_regularizer"),
                getattr(self, f"{start}_constraint"),
            )

        self.kernel = make(
            "kernel", (features, width), self.kernel_initializer, self._form.kernel, 0
        )
        self.recurrent_kernel = make(
            "recurrent_kernel",
            (self.units, width),
            self.recurrent_initializer,
            self._form.recurrent_kernel,
            1,
        )
        self.bias: Parameter | None = None
        self.parameters = [self.kernel, self.recurrent_kernel]
        if self.use_bias:
            rows = self._form.bias_rows
            bias_shape = (rows, width) if rows > 1 else (width,)
            self.bias = make("bias", bias_shape, self.bias_initializer, self._form.bias, 2)
            self.parameters.append(self.bias)
        super().build(ops, shape, dtype)

    @property
    def recomputes(self) -> bool:
        """Whether gates can be computed again on the way back."""
        return self.reset_after

    def segments(self, plan: Plan, x: Tensor) -> Segments | None:
        """Return the segments that a plan wants, if there are any."""
        if not self.recomputes:
            return None
        return segments_of(plan, x, self.units, self.return_sequences, cells=False)

    def recurrence(self, plan: Plan, x: Tensor, h: Array, cut: Segments | None) -> Back:
        """Append the calls of the form that `reset_after` chooses."""
        return self._form.bind(plan, x, h, cut)
