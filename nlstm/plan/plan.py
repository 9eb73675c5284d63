"""Plans: a model's work on a batch of one shape, as kernel calls whose arguments are bound once.

A step of training is then ``for function, arguments in calls: function(*arguments)``. What changes
from step to step (the rows of the batch, the learning rate, counters, sums) lives in small arrays
that the kernels read.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nlstm.kernels.operations import Array, Call, Operations
from nlstm.plan.arena import BYTE, Arena
from nlstm.plan.draws import Draws
from nlstm.plan.parameters import Parameter, aligned_size
from nlstm.plan.recompute import Recompute
from nlstm.plan.recurrence import Recurrence
from nlstm.plan.sums import Sums

__all__ = ["Call", "Plan", "Tensor", "run"]


def run(calls: list[Call]) -> None:
    """Run bound calls in order. An interrupt falls between two of them, never inside a kernel."""
    for function, arguments in calls:
        function(*arguments)


class Tensor:
    """A value that flows between layers.

    Attributes
    ----------
    value : Array, shape (T, N, S)
        Time-major; T = 1 and not `sequence` for a flat value. S >= features; padding is zero.
    features : int
    sequence : bool
        Whether the steps mean time.
    gradient : Array, shape (T, N, padded(features)), or None
        None where no gradient is needed.
    mask : Array(uint8), shape (T, N), or None
        1 where a step counts.
    limit : int or None
        Where it is known of the data that they are indices below it.
    """

    def __init__(
        self,
        value: Array,
        features: int,
        sequence: bool,
        gradient: Array | None = None,
        mask: Array | None = None,
    ) -> None:
        self.value = value
        self.features = features
        self.sequence = sequence
        self.gradient = gradient
        self.mask = mask
        self.limit: int | None = None
        self.consumers = 0
        self.more_gradients: list[Array] = []

    @property
    def steps(self) -> int:
        """T."""
        return self.value.shape[0]

    @property
    def rows(self) -> int:
        """N."""
        return self.value.shape[1]

    @property
    def sample(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return (self.steps, self.features) if self.sequence else (self.features,)


class Plan:
    """Buffers and bound calls for batches of `rows` rows and `steps` steps.

    Parameters
    ----------
    ops : Operations
        See `nlstm.kernels.load`.
    arena : Arena or None
        Where buffers lie. None binds for the size alone: see `size`.
    rows, steps : int
    training : bool
        Whether there is a backward pass, and dropout.
    counter : Array(int64), shape (1,)
        The model's count of training steps, which chooses the dropout masks.
    scratch_size : int
        Elements of the scratch that all calls share, from the measuring bind.

    Attributes
    ----------
    forward : list of Call
        In order.
    size, mask_size : int
        Numbers and bytes of the arena that were taken.
    beforehand : list of Call
        What the host does before each run: see `before`.
    fused : object or None
        The layer whose activation the loss's gradient already accounts for.
    scored : bool
        Whether losses are computed: False for prediction.
    penalised : bool
        Whether `penalty_value` is used.
    penalties : list of Call
        See `penalty`.
    constraints : list of Call
        What runs after the optimizer's calls, on the new weights.
    averages : list of Call
        What runs after these: layers change weights that the optimizer does not.
    frozen : tuple of object
        The layers whose weights training leaves alone.
    drops : bool
        Whether dropout and noise are drawn: in training.
    draws : Draws or None
        Where rows are draws of rows of data: by what dropout, and no noise, is drawn.
    observes, paired : bool
        Whether the pass changes nothing, see `observe`; whether layers that can multiply bfloat16.
    recurrences : list of Recurrence
        The calls of recurrent layers, as they were bound.
    sums : Sums or None
        Who adds up the batch over several processes.
    handed_on : HandedOn or None
        Where recurrent layers begin and end instead of at zeros: this is a piece of a sequence. To
        be set before layers are bound.
    ends : bool
        Whether what has no steps counts here: not where more pieces of one loss come after it.
    recompute : int, AUTO or None
        Whether their gates are computed again on the way back: see `nlstm.plan.recompute`.
    """

    def __init__(
        self,
        ops: Operations,
        arena: Arena | None,
        dtype: np.dtype,
        rows: int,
        steps: int,
        training: bool,
        counter: Array,
        scratch_size: int = 0,
    ) -> None:
        self.ops = ops
        self.dtype = dtype
        self.rows, self.steps, self.training = rows, steps, training
        self.forward: list[Call] = []
        self.size = self.mask_size = 0
        self.beforehand: list[Call] = []
        self.fused: object | None = None
        self.scored = False
        self.ends = True
        self.penalised = False
        self.penalties: list[Call] = []
        self.constraints: list[Call] = []
        self.averages: list[Call] = []
        self.frozen: tuple[object, ...] = ()
        self.scratch_size = 0
        self.drops, self.observes, self.paired = training, False, False
        self.draws: Draws | None = None
        self.recurrences: list[Recurrence] = []
        self.sums: Sums | None = None
        self.handed_on: Any = None
        self.recompute: Recompute = None
        self._arena = arena
        self._counter = counter
        self._counted = False
        self._groups: list[tuple[tuple[Tensor, ...], list[Call]]] = []
        self._written: set[int] = set()
        self._seen: set[Any] = set()
        self._penalty_value = ops.zeros(1, np.float64)
        self._more_weight_gradients: list[tuple[Array, Array]] = []
        self._scratch = self.array((scratch_size,))

    def array(self, shape: tuple[int, ...]) -> Array:
        """Return a buffer of `shape` from the arena. What it holds is undefined at each run."""
        size = math.prod(shape)
        start, self.size = self.size, self.size + aligned_size(size, self.dtype)
        if self._arena is None:
            return self.ops.empty(shape)  # untouched, so that it costs no memory
        return self._arena.block[start : start + size].reshape(shape)

    def mask(self, steps: int, rows: int) -> Array:
        """Return a buffer for a mask: uint8, shape (steps, rows)."""
        size = steps * rows
        start, self.mask_size = self.mask_size, self.mask_size + aligned_size(size, BYTE)
        if self._arena is None:
            return self.ops.empty((steps, rows), BYTE)
        return self._arena.masks[start : start + size].reshape(steps, rows)

    def scratch(self, size: int) -> Array:
        """Return `size` elements, shared by all calls: nothing lasts from one to the next."""
        self.scratch_size = max(self.scratch_size, size)
        return self.ops.empty(size) if self._arena is None else self._scratch[:size]

    def tensor(self, value: Array, features: int, sequence: bool, gradient: bool) -> Tensor:
        """Return a layer's output, with a buffer for its gradient where one is wanted."""
        shape = (*value.shape[:2], self.ops.padded(features, self.dtype))
        wanted = self.training and gradient
        return Tensor(value, features, sequence, self.array(shape) if wanted else None)

    def input_gradient(self, x: Tensor) -> Array | None:
        """Return where a consumer of `x` writes (=) its part of the gradient; None if unwanted.

        With several consumers each gets a buffer; the plan adds them before x's producer runs.
        """
        x.consumers += 1
        if x.gradient is None or x.consumers == 1:
            return x.gradient
        x.more_gradients.append(self.array(x.gradient.shape))
        return x.more_gradients[-1]

    def observe(self) -> None:
        """Look at a pass in training's form which leaves everything outside the arena as it is.

        Nothing is dropped, gradients of weights stay in the plan, and stateful layers begin at
        zeros and keep nothing. To be called before layers are bound.
        """
        self.drops, self.observes, self.paired = False, True, False

    def gradient(self, parameter: Parameter) -> Array:
        """Return where a layer writes (=) its part of a parameter's gradient.

        A layer that is used several times gets a buffer at each further use; the plan adds them.
        """
        if self.observes:
            return self.array(parameter.gradient.shape)
        if id(parameter) not in self._written:
            self._written.add(id(parameter))
            return parameter.gradient
        part = self.array(parameter.gradient.shape)
        self._more_weight_gradients.append((parameter.gradient, part))
        return part

    def random_counter(self) -> Array:
        """Return the training-step counter that dropout reads; from now on each run counts."""
        if self.draws is not None:
            raise TypeError(
                "A layer draws by plan.random_counter(), which predict(samples=...) has not: "
                "plan.drop draws masks of dropout."
            )
        if not self._counted:
            self._counted = True
            self.forward.insert(0, (self.ops.advance, (self._counter,)))
        return self._counter

    def drop(self, seed: int, stream: int, rate: float, features: int, out: Array) -> None:
        """Append the drawing of a dropout mask: `out`, (groups * rows, >= features)."""
        if self.draws is not None:
            self.draws.bind(self, seed, stream, rate, features, out)
            return
        key = (seed, self.random_counter(), stream)
        self.call(self.ops.dropout_mask, *key, rate, features, out)

    def call(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Append a call of the forward pass."""
        self.forward.append((function, arguments))

    def host(
        self,
        function: Callable[..., Any],
        reads: Sequence[Any],
        writes: Sequence[Any],
        *arguments: Any,
    ) -> None:
        """Append a call of NumPy code that a user wrote; see `Operations.host`."""
        self.forward.append(self.ops.host(function, reads, writes, *arguments))

    def before(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Let the host do something before each run, such as write a cell or raise an error."""
        self.beforehand.append((function, arguments))

    def first_time(self, key: Any) -> bool:
        """Whether `key` has not been asked for yet: a layer may be bound several times."""
        if key in self._seen:
            return False
        self._seen.add(key)
        return True

    @property
    def penalty_value(self) -> Array:
        """Where calls add (+=) what the batch's loss gets from weights and activations.

        float64, shape (1,); zero before the forward pass.
        """
        self.penalised = True
        return self._penalty_value

    def penalty(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Append a call that adds to `penalty_value`, and in training to gradients of weights.

        It runs where losses are computed: after the backward pass in training, after the forward
        pass in evaluation. A penalty on activations is part of the forward pass instead: a `call`
        that writes to the `input_gradient` of the tensor.
        """
        self.penalties.append((function, arguments))

    def call_back(self, outputs: Tensor | tuple[Tensor, ...], *calls: Call) -> None:
        """Give the backward calls of the layer that made `outputs`, in the order they run."""
        group = outputs if isinstance(outputs, tuple) else (outputs,)
        self._groups.append((group, list(calls)))

    def backward(self) -> list[Call]:
        """Return the calls of the backward pass: layers in reverse order of binding.

        An output that nobody used has the gradient zero.
        """
        calls: list[Call] = []
        add = self.ops.add
        for outputs, group in reversed(self._groups):
            for output in outputs:
                total = output.gradient
                if total is not None and output.consumers == 0:
                    calls.append((self.ops.fill, (total, 0)))
                calls += [(add, (total, more, total)) for more in output.more_gradients]
            calls += group
        calls += [(add, (total, part, total)) for total, part in self._more_weight_gradients]
        return calls
