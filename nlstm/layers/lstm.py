"""The long short-term memory layer."""

from typing import Any

import numpy as np

from nlstm import activations, initializers
from nlstm.layers.layer import Layer, Shape, StreamedLayer, checked_rate, checked_size
from nlstm.parameters import Parameter
from nlstm.plan import Call, Plan, Tensor

__all__ = ["LSTM"]

GATES = 4  # i, f, g, o
ACTIVATIONS = ("linear", "relu", "sigmoid", "tanh")
DROPOUT, RECURRENT_DROPOUT = 0, 1  # purposes of the layer's random streams


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
    dropout, recurrent_dropout : float
        Shares of the input and of the recurrent state to drop while training; one mask for a
        sequence, used at every step. The recurrent state has one mask per gate.
    seed : int, optional
        See `Layer`.
    return_sequences : bool, default False
        Return every step, shape (batch, steps, units), instead of the last, (batch, units).
    go_backwards : bool, default False
        Process the steps from last to first, and return them in that order.
    name, input_shape, dtype
        See `Layer`.

    Notes
    -----
    Input of shape (batch, steps, features). Weights: kernel (features, 4 * units), recurrent_kernel
    (units, 4 * units), bias (4 * units,), with the gates in the order i, f, c, o.

    References
    ----------
    Hochreiter & Schmidhuber 1997, "Long short-term memory"; Gers, Schmidhuber & Cummins 2000,
    "Learning to forget".
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
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        go_backwards: bool = False,
        *,
        name: str | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
    ) -> None:
        self.units = checked_size("units", units)
        self.state_activation = activations.get(activation, ACTIVATIONS, "LSTM")
        self.gate_activation = activations.get(recurrent_activation, ACTIVATIONS, "LSTM's gates")
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.unit_forget_bias = bool(unit_forget_bias)
        self.dropout = checked_rate("dropout", dropout)
        self.recurrent_dropout = checked_rate("recurrent_dropout", recurrent_dropout)
        self.return_sequences = bool(return_sequences)
        self.go_backwards = bool(go_backwards)
        super().__init__(name=name, input_shape=input_shape, dtype=dtype, seed=seed)

    def output_shape(self, shape: Shape) -> Shape:
        """Return (steps, units) or (units,); a flat `shape` is an error."""
        if len(shape) != 2:
            raise ValueError(
                f"{self.name} expects sequences, (batch, steps, features); what comes before it "
                f"gives {(None, *shape)}. An LSTM before it needs return_sequences=True."
            )
        return (shape[0], self.units) if self.return_sequences else (self.units,)

    def build(self, ops: Any, shape: Shape, dtype: np.dtype) -> None:
        """Make kernel, recurrent_kernel and bias."""
        features, units, width = shape[-1], self.units, GATES * self.units
        assert features is not None

        def unpack(packed: np.ndarray) -> np.ndarray:
            return ops.unpack_gates(packed, units)

        def pack_bias(bias: np.ndarray) -> np.ndarray:
            return ops.pack_gates(bias[None])[:, 0]

        generator = self.seeds.generator
        self.kernel = Parameter(
            "kernel",
            (features, width),
            lambda: self.kernel_initializer((features, width), generator(0)),
            ops.pack_gates,
            unpack,
        )
        self.recurrent_kernel = Parameter(
            "recurrent_kernel",
            (units, width),
            lambda: self.recurrent_initializer((units, width), generator(1)),
            ops.pack_gates,
            unpack,
        )
        self.parameters = [self.kernel, self.recurrent_kernel]
        if self.use_bias:
            self.bias = Parameter(
                "bias", (width,), self._initial_bias, pack_bias, lambda b: unpack(b[:, None])[0]
            )
            self.parameters.append(self.bias)
        else:
            self.no_bias = pack_bias(np.zeros(width, dtype))
        super().build(ops, shape, dtype)

    def _initial_bias(self) -> np.ndarray:
        """As Keras's code does, not its docs: the initializer still fills the other gates."""
        units, generator = self.units, self.seeds.generator(2)
        if not self.unit_forget_bias:
            return self.bias_initializer((GATES * units,), generator)
        before = self.bias_initializer((units,), generator)
        after = self.bias_initializer((2 * units,), generator)
        return np.concatenate([before, np.ones(units), after])

    def streamed(self) -> StreamedLayer:
        """Return the weights and the activations."""
        if self.go_backwards:
            raise TypeError(f"{self.name} goes backwards: it needs the last step first.")
        return StreamedLayer(
            "lstm",
            self.kernel.shape[0],
            self.units,
            self.kernel,
            self.recurrent_kernel,
            self.bias if self.use_bias else None,
            self.state_activation,
            self.gate_activation,
        )

    def bind(self, plan: Plan, x: Tensor) -> Tensor:
        """Append the masks, the initial state and one call forward; back the same."""
        ops, dtype, units = plan.ops, plan.dtype, self.units
        steps, rows, width = x.steps, x.rows, ops.padded(units, dtype)
        forward, backward = ops.lstm(self.state_activation, self.gate_activation)
        slots = steps + 1 if plan.training or self.return_sequences else 2
        h, c = plan.array((slots, rows, width)), plan.array((slots, rows, width))
        gates_shape = ops.lstm_gates_shape(steps, rows, units, dtype)
        gates = plan.array(gates_shape) if plan.training else None
        scratch = plan.scratch(ops.lstm_scratch_size(steps, rows, x.features, units, dtype))
        last = steps if slots > 2 else steps % 2
        value = h[1:] if self.return_sequences else h[last : last + 1]
        y = plan.tensor(value, units, self.return_sequences, gradient=True)
        y.mask = x.mask if self.return_sequences else None
        x_mask, xm = self._input_mask(plan, x)
        h_mask, hm = self._recurrent_mask(plan, steps, rows, width)
        kernel, recurrent_kernel = self.kernel, self.recurrent_kernel
        bias = self.bias.packed if self.use_bias else self.no_bias

        plan.call(h[0].fill, 0)
        plan.call(c[0].fill, 0)
        weights = (kernel.packed, recurrent_kernel.packed)
        states = (h, c, gates)
        masks = (self.go_backwards, x.mask, x_mask)
        plan.call(forward, x.value, *weights, bias, *states, scratch, *masks, xm, h_mask, hm)
        if plan.training:
            dh, dc = plan.array((rows, width)), plan.array((rows, width))
            db = plan.gradient(self.bias) if self.use_bias else plan.array(bias.shape)
            dW, dU = plan.gradient(kernel), plan.gradient(recurrent_kernel)
            gradients = (y.gradient, dh, dc, dW, dU, db)
            seen = x.value if xm is None else xm
            dx = plan.input_gradient(x)
            zeros: list[Call] = [(dh.fill, (0,)), (dc.fill, (0,))]
            arguments = (seen, *weights, *states, *gradients, dx, scratch, *masks, h_mask, hm)
            plan.call_back(y, *zeros, (backward, arguments))
        return y

    def _input_mask(self, plan: Plan, x: Tensor) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Return the dropout mask of the inputs and a buffer for the masked inputs."""
        if not plan.training or self.dropout == 0.0:
            return None, None
        mask = plan.array((x.rows, x.features))
        self._draw(plan, DROPOUT, self.dropout, x.features, mask)
        return mask, plan.array(x.value.shape)

    def _recurrent_mask(
        self, plan: Plan, steps: int, rows: int, width: int
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Return the dropout masks of the state, one per gate, and a buffer for masked states."""
        if not plan.training or self.recurrent_dropout == 0.0:
            return None, None
        mask = plan.array((GATES, rows, width))
        flat = mask.reshape(GATES * rows, width)
        self._draw(plan, RECURRENT_DROPOUT, self.recurrent_dropout, self.units, flat)
        return mask, plan.array((steps, GATES, rows, width))

    def _draw(self, plan: Plan, purpose: int, rate: float, features: int, out: np.ndarray) -> None:
        key = (self.seeds.key(purpose), plan.random_counter(), purpose)
        plan.call(plan.ops.dropout_mask, *key, rate, features, out)
