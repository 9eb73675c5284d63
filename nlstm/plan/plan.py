"""Plans: a model's work on a batch of one shape, as kernel calls whose arguments are bound once.

A step of training is then ``for function, arguments in calls: function(*arguments)``. What changes
from step to step (the rows of the batch, the learning rate, counters, sums) lives in small arrays
that the kernels read.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nlstm.plan.parameters import Parameter, aligned_size, aligned_zeros

__all__ = ["Arena", "Call", "Plan", "Tensor", "run"]

Call = tuple[Callable[..., Any], tuple[Any, ...]]


def run(calls: list[Call]) -> None:
    """Run bound calls in order. An interrupt falls between two of them, never inside a kernel."""
    for function, arguments in calls:
        function(*arguments)


class Arena:
    """The working memory of a model: one block that all plans share, grown to the largest."""

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype = dtype
        self.block = aligned_zeros(0, dtype)

    def reserve(self, size: int) -> bool:
        """Make room for `size` elements; True if the block moved, so that older views are dead."""
        if size <= self.block.size:
            return False
        self.block = aligned_zeros(0, self.dtype)  # the old block goes before the new one comes
        self.block = aligned_zeros(size, self.dtype)
        return True


class Tensor:
    """A value that flows between layers.

    Attributes
    ----------
    value : ndarray, shape (T, N, S)
        Time-major; T = 1 and not `sequence` for a flat value. S >= features; padding is zero.
    features : int
    sequence : bool
        Whether the steps mean time.
    gradient : ndarray, shape (T, N, padded(features)), or None
        None where no gradient is needed.
    mask : ndarray(uint8), shape (T, N), or None
        1 where a step counts.
    """

    def __init__(
        self,
        value: np.ndarray,
        features: int,
        sequence: bool,
        gradient: np.ndarray | None = None,
        mask: np.ndarray | None = None,
    ) -> None:
        self.value = value
        self.features = features
        self.sequence = sequence
        self.gradient = gradient
        self.mask = mask
        self.consumers = 0
        self.more_gradients: list[np.ndarray] = []

    @property
    def steps(self) -> int:
        """T."""
        return self.value.shape[0]

    @property
    def rows(self) -> int:
        """N."""
        return self.value.shape[1]


class Plan:
    """Buffers and bound calls for batches of `rows` rows and `steps` steps.

    Parameters
    ----------
    ops : namespace
        The kernels (`nlstm.kernels.load`).
    arena : Arena or None
        Where buffers lie. None binds for the size alone: see `size`.
    rows, steps : int
    training : bool
        Whether there is a backward pass, and dropout.
    counter : ndarray(int64), shape (1,)
        The model's count of training steps, which chooses the dropout masks.
    scratch_size : int
        Elements of the scratch that all calls share, from the measuring bind.

    Attributes
    ----------
    forward : list of Call
        In order.
    size : int
        Elements of the arena that were taken.
    fused : object or None
        The layer whose activation the loss's gradient already accounts for.
    scored : bool
        Whether losses are computed: False for prediction.
    penalised : bool
        Whether `penalty_value` is used.
    penalties, constraints : list of Call
        See `penalty` and `constrain`.
    """

    def __init__(
        self,
        ops: Any,
        arena: Arena | None,
        dtype: np.dtype,
        rows: int,
        steps: int,
        training: bool,
        counter: np.ndarray,
        scratch_size: int = 0,
    ) -> None:
        self.ops = ops
        self.dtype = dtype
        self.rows, self.steps, self.training = rows, steps, training
        self.forward: list[Call] = []
        self.size = 0
        self.fused: object | None = None
        self.scored = False
        self.penalised = False
        self.penalties: list[Call] = []
        self.constraints: list[Call] = []
        self.scratch_size = 0
        self._arena = arena
        self._counter = counter
        self._counted = False
        self._groups: list[tuple[tuple[Tensor, ...], list[Call]]] = []
        self._written: set[int] = set()
        self._seen: set[Any] = set()
        self._penalty_value = np.zeros(1)
        self._more_weight_gradients: list[tuple[np.ndarray, np.ndarray]] = []
        self._scratch = self.array((scratch_size,))

    def array(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return a buffer of `shape` from the arena. What it holds is undefined at each run."""
        size = math.prod(shape)
        start, self.size = self.size, self.size + aligned_size(size, self.dtype)
        if self._arena is None:
            return np.empty(shape, self.dtype)  # untouched, so that it costs no memory
        return self._arena.block[start : start + size].reshape(shape)

    def mask(self, steps: int, rows: int) -> np.ndarray:
        """Return a buffer for a mask: uint8, shape (steps, rows)."""
        items = -(-steps * rows // self.dtype.itemsize)
        return self.array((items,)).view(np.uint8)[: steps * rows].reshape(steps, rows)

    def scratch(self, size: int) -> np.ndarray:
        """Return `size` elements, shared by all calls: nothing lasts from one to the next."""
        self.scratch_size = max(self.scratch_size, size)
        return np.empty(size, self.dtype) if self._arena is None else self._scratch[:size]

    def tensor(self, value: np.ndarray, features: int, sequence: bool, gradient: bool) -> Tensor:
        """Return a layer's output, with a buffer for its gradient where one is wanted."""
        shape = (*value.shape[:2], self.ops.padded(features, self.dtype))
        wanted = self.training and gradient
        return Tensor(value, features, sequence, self.array(shape) if wanted else None)

    def input_gradient(self, x: Tensor) -> np.ndarray | None:
        """Return where a consumer of `x` writes (=) its part of the gradient; None if unwanted.

        With several consumers each gets a buffer; the plan adds them before x's producer runs.
        """
        x.consumers += 1
        if x.gradient is None or x.consumers == 1:
            return x.gradient
        x.more_gradients.append(self.array(x.gradient.shape))
        return x.more_gradients[-1]

    def gradient(self, parameter: Parameter) -> np.ndarray:
        """Return where a layer writes (=) its part of a parameter's gradient.

        A layer that is used several times gets a buffer at each further use; the plan adds them.
        """
        if id(parameter) not in self._written:
            self._written.add(id(parameter))
            return parameter.gradient
        part = self.array(parameter.gradient.shape)
        self._more_weight_gradients.append((parameter.gradient, part))
        return part

    def random_counter(self) -> np.ndarray:
        """Return the training-step counter that dropout reads; from now on each run counts."""
        if not self._counted:
            self._counted = True
            self.forward.insert(0, (self.ops.advance, (self._counter,)))
        return self._counter

    def call(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Append a call of the forward pass."""
        self.forward.append((function, arguments))

    def first_time(self, key: Any) -> bool:
        """Whether `key` has not been asked for yet: a layer may be bound several times."""
        if key in self._seen:
            return False
        self._seen.add(key)
        return True

    @property
    def penalty_value(self) -> np.ndarray:
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

    def constrain(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Append a call that runs after the optimizer's, on the new weights."""
        self.constraints.append((function, arguments))

    def call_back(self, outputs: Tensor | tuple[Tensor, ...], *calls: Call) -> None:
        """Give the backward calls of the layer that made `outputs`, in the order they run."""
        group = outputs if isinstance(outputs, tuple) else (outputs,)
        self._groups.append((group, list(calls)))

    def backward(self) -> list[Call]:
        """Return the calls of the backward pass: layers in reverse order of binding.

        An output that nobody used has the gradient zero.
        """
        calls: list[Call] = []
        for outputs, group in reversed(self._groups):
            for output in outputs:
                total = output.gradient
                if total is not None and output.consumers == 0:
                    calls.append((total.fill, (0,)))
                calls += [(np.add, (total, more, total)) for more in output.more_gradients]
            calls += group
        calls += [(np.add, (total, part, total)) for total, part in self._more_weight_gradients]
        return calls
