"""The long short-term memory layer."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nlstm import activations, constraints, initializers, regularizers
from nlstm.arguments.checks import checked_flag, checked_rate, checked_size, is_number
from nlstm.kernels.operations import Operations
from nlstm.layers.kept_states import KeptStates
from nlstm.layers.layer import Layer, Shape, StreamedLayer
from nlstm.layers.lstm_level import Level
from nlstm.plan.parameters import Parameter
from nlstm.plan.plan import Plan, Tensor

__all__ = ["LSTM"]

ACTIVATIONS = tuple(name for name in activations.FUNCTIONS if name != "softmax")
STATES = 2  # h and c


class LSTM(Layer):
    """Long short-term memory, with Keras's arguments, weights and results.

    Parameters
    ----------
    units : int
        Size of the state and of the output.
    activation, recurrent_activation : str, function or None
        For the candidate and the output; for the gates.
    use_bias : bool, default True
    kernel_initializer, recurrent_initializer, bias_initializer : str or Initializer
    unit_forget_bias : bool, default True
        Start the forget gate's bias at 1.
    kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer : optional
        Penalties that the loss gets for weights, and for what comes out (as in Keras the states
        too, where they do), divided by the rows of the batch.
    kernel_constraint, recurrent_constraint, bias_constraint : optional
        What weights are held to after each update.
    dropout, recurrent_dropout : float
        Shares of the input and of the recurrent state to drop while training; one mask for a
        sequence, used at every step. The recurrent state has one mask per gate, and with both
        rates above 0 so has the input, as in Keras.
    seed : int, optional
        See `Layer`.
    return_sequences : bool, default False
        Return every step, shape (batch, steps, units), instead of the last, (batch, units).
    return_state : bool, default False
        Return (output, h, c), with the last states of shape (batch, units).
    go_backwards : bool, default False
        Process the steps from last to first, and return them in that order.
    stateful : bool, default False
        Row i of a batch goes on from where row i of the batch before ended, until `reset_state`.
    unroll, use_cudnn, implementation
        Keras's; without effect.
    zero_output_for_mask : bool, default False
        Output zeros at masked steps, instead of the output before them.
    time_major : bool
        Only False.
    peephole : bool, default False
        Let the gates i and f see the c before, and o the new c, each unit by a weight of its own:
        ``peephole``, shape (3 * units,), order i, f, o, zeros to begin with.
    zoneout : float or pair of float, default 0
        Share of c, and of h, that keeps its value from the step before while training, drawn anew
        for each step and unit; in prediction the mean of that. One number is for both.
    num_layers : int, default 1
        Layers one on the other, with the same arguments. The weights of those after the first are
        named kernel_1, recurrent_kernel_1, ...; their states come after those of the first:
        (output, h, c, h_1, c_1, ...). The same as so many `LSTM` in a row, dropout included.
    layer_norm : bool, default False
        Normalise x W and h U, each over the four gates of all units, and c before the output's
        activation, to mean 0 and variance 1 (plus 1e-5), with gains ``kernel_gain`` and
        ``recurrent_gain``, shape (4 * units,), ``state_gain`` and ``state_offset``, (units,). Not
        with peephole, recurrent_dropout or zoneout.
    proj_size : int, optional
        Return, and feed back, h = (o * act(c)) P of this size, less than `units`: PyTorch's. P is
        ``projection_kernel``, shape (units, proj_size); recurrent_kernel has proj_size rows. Not
        with an initial state, stateful, zero_output_for_mask, recurrent_dropout, zoneout or
        layer_norm.
    name, input_shape, dtype, trainable
        See `Layer`.

    Notes
    -----
    Input of shape (batch, steps, features). Weights: kernel (features, 4 * units), recurrent_kernel
    (units, 4 * units), bias (4 * units,), with the gates in the order i, f, c, o.

    Where a mask is 0 a row keeps its state and repeats its output; a row that is masked throughout
    returns its initial state.

    With `layer_norm` a row of zeros before the first other input (padding without a mask, `dropout`
    of the only feature) makes gradients grow some hundredfold a step: all units are alike then, and
    little is divided by. An optimizer's `clipnorm` keeps such a fit whole.

    References
    ----------
    Hochreiter & Schmidhuber 1997, "Long short-term memory"; Gers, Schmidhuber & Cummins 2000,
    "Learning to forget"; Gers, Schraudolph & Schmidhuber 2002, "Learning precise timing with LSTM
    recurrent networks" (peephole); Krueger et al. 2017, "Zoneout".
    """

    needs_sequence = True

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
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
        use_cudnn: Any = "auto",
        *,
        zero_output_for_mask: bool = False,
        implementation: int = 2,
        time_major: bool = False,
        peephole: bool = False,
        zoneout: Any = 0.0,
        num_layers: int = 1,
        layer_norm: bool = False,
        proj_size: int | None = None,
        name: str | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
        trainable: bool = True,
    ) -> None:
        self.units = checked_size("units", units)
        self.activation: str = activations.get(activation, ACTIVATIONS, "LSTM")
        self.recurrent_activation = activations.get(
            recurrent_activation, ACTIVATIONS, "LSTM's gates"
        )
        self.use_bias = checked_flag("use_bias", use_bias)
        self.kernel_initializer = initializers.of_weights(kernel_initializer)
        self.recurrent_initializer = initializers.of_weights(recurrent_initializer)
        self.bias_initializer = initializers.of_weights(bias_initializer)
        self.unit_forget_bias = checked_flag("unit_forget_bias", unit_forget_bias)
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
        self.unroll, self.use_cudnn = unroll, use_cudnn
        self.zero_output_for_mask = checked_flag("zero_output_for_mask", zero_output_for_mask)
        self.implementation = implementation
        if time_major:
            raise ValueError("time_major must be False: the batch is the first axis.")
        self.time_major = False
        self.peephole = checked_flag("peephole", peephole)
        self.zoneout = _checked_pair("zoneout", zoneout)
        self.num_layers = checked_size("num_layers", num_layers)
        self.layer_norm = self._checked_norm(layer_norm)
        self.proj_size = self._checked_projection(proj_size)
        self._levels: list[Level] = []
        self.kept_states = KeptStates(self, self.units)
        super().__init__(
            name=name, input_shape=input_shape, dtype=dtype, trainable=trainable, seed=seed
        )

    def _checked_norm(self, given: Any) -> bool:
        layer_norm = checked_flag("layer_norm", given)
        for other in ("peephole", "recurrent_dropout"):
            if layer_norm and getattr(self, other):
                raise ValueError(f"layer_norm does not go with {other}.")
        if layer_norm and any(self.zoneout):
            raise ValueError("layer_norm does not go with zoneout.")
        return layer_norm

    def _checked_projection(self, proj_size: Any) -> int | None:
        if proj_size is None or (is_number(proj_size) and proj_size == 0):  # PyTorch's 0 is none
            return None
        size = checked_size("proj_size", proj_size)
        if size >= self.units:
            raise ValueError(f"proj_size must be less than units, {self.units}; got {size}.")
        for other in ("stateful", "zero_output_for_mask", "recurrent_dropout", "layer_norm"):
            if getattr(self, other):
                raise ValueError(f"proj_size does not go with {other}.")
        if any(self.zoneout):
            raise ValueError("proj_size does not go with zoneout.")
        return size

    @property
    def recomputes(self) -> bool:
        """Whether gates can be computed again on the way back."""
        return not self.layer_norm

    @property
    def outputs(self) -> int:
        """Features that come out: units, or proj_size."""
        return self.proj_size or self.units

    @property
    def rounds_products(self) -> bool:
        """Whether products are of bfloat16 where a model wants it."""
        return not self.layer_norm and self.recurrent_dropout == 0.0

    # Shapes and weights

    def output_shape(self, shape: Shape, *states: Shape) -> Any:
        """Return (steps, units) or (units,), and the shapes of the states where they come out."""
        if len(shape) != 2:
            raise ValueError(
                f"{self.name} expects sequences, (batch, steps, features); what comes before it "
                f"gives {(None, *shape)}. An LSTM before it needs return_sequences=True."
            )
        wanted = ((self.outputs,), (self.units,)) * self.num_layers
        if states and self.proj_size:
            raise ValueError(f"{self.name} has a proj_size, and so takes no initial_state.")
        if states and tuple(states) != wanted:
            given = [(None, *state) for state in states]
            raise ValueError(
                f"{self.name} expects an initial_state of {len(wanted)} arrays of shape "
                f"{(None, self.units)}; got {given}."
            )
        y = (shape[0], self.outputs) if self.return_sequences else (self.outputs,)
        return (y, *wanted) if self.return_state else y

    def build(self, ops: Operations, shape: Shape, *others: Any) -> None:
        """Make the weights of every level; `others` are the shapes of states, and the dtype."""
        features = shape[-1]
        assert features is not None
        self._levels = []
        for number in range(self.num_layers):
            self._levels.append(Level(self, number, ops, features, others[-1]))
            features = self.outputs
        self.parameters = [one for level in self._levels for one in level.parameters]
        super().build(ops, shape, others[-1])

    def rules_of(self, weight: str) -> dict[str, Any]:
        """Return the regularizer and the constraint of a weight, where there are any."""
        start = weight.removesuffix("_kernel")
        found = {rule: getattr(self, f"{start}_{rule}") for rule in ("regularizer", "constraint")}
        return {rule: value for rule, value in found.items() if value is not None}

    @property
    def kernel(self) -> Parameter:
        """The weights of the input."""
        return self._first.kernel

    @property
    def recurrent_kernel(self) -> Parameter:
        """The weights of the state."""
        return self._first.recurrent_kernel

    @property
    def bias(self) -> Parameter | None:
        """The bias, or None."""
        return self._first.bias

    @property
    def _first(self) -> Level:
        if not self.built:
            raise AttributeError(f"{self.name} has no weights yet.")
        return self._levels[0]

    # Running

    def call_inputs(self, *inputs: Any, initial_state: Any = None, **others: Any) -> Any:
        """Return the symbols of a call: the input, then the states."""
        return super().call_inputs(*inputs, initial_state, **others)

    def streamed(self) -> list[StreamedLayer]:  # type: ignore[override]
        """Return the weights and the activations of each level."""
        if self.go_backwards:
            raise TypeError(f"{self.name} goes backwards: it needs the last step first.")
        return [level.streamed() for level in self._levels]

    def bind(self, plan: Plan, x: Tensor, *initial_states: Tensor) -> Any:
        """Append the calls of every level; the output, or (output, h, c, ...) comes back."""
        ends: list[Tensor] = []
        y = x
        for number, level in enumerate(self._levels):
            sequences = self.return_sequences or number + 1 < self.num_layers
            initial = initial_states[STATES * number : STATES * (number + 1)]
            y, *states = level.bind(plan, y, initial, sequences, self.return_state)
            ends += states
        for one in (y, *ends):
            regularizers.bind_activity(self.activity_regularizer, plan, one)
        return (y, *ends) if self.return_state else y

    # States that last from batch to batch

    @property
    def states(self) -> list[np.ndarray] | None:
        """Copies of h and c of each level, (batch, units), or None after a reset."""
        return self.kept_states.get()

    def reset_state(self) -> None:
        """Forget the states of a stateful layer: the next batch starts from zeros, at any size."""
        self.kept_states.set(None)

    reset_states = reset_state

    def set_states(self, states: Sequence[np.ndarray] | None) -> None:
        """Go on from what `states` returned."""
        self.kept_states.set(states)


def _checked_pair(name: str, value: Any) -> tuple[float, float]:
    """Return the rates for c and h, given as one number or as a pair."""
    pair = tuple(value) if isinstance(value, list | tuple) else (value, value)
    if len(pair) != STATES:
        raise ValueError(f"{name} must be a number or a pair (of c, of h); got {value!r}.")
    return checked_rate(name, pair[0]), checked_rate(name, pair[1])
