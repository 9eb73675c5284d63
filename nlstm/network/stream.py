"""A model one time step at a time: control loops, audio, anything that comes in live."""

import copy
import math
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from nlstm.arguments.checks import checked_size, checked_weight
from nlstm.arguments.numbers import as_numbers, first_not_finite
from nlstm.kernels.operations import Operations
from nlstm.layers.layer import StreamedLayer
from nlstm.network.network import Network
from nlstm.network.weights import Weights
from nlstm.plan.parameters import Parameter, ParameterBuffer

__all__ = ["Stream", "open_stream"]


class Stream:
    """Runs the layers of a model step by step; `Sequential.stream` makes it.

    The outputs are those of `predict` over the whole sequence, to the bit; with `proj_size` to
    rounding, as predict multiplies projection and recurrent kernel beforehand. A step is a call of
    one compiled function: it allocates nothing and uses one thread.

    Parameters
    ----------
    ops : Operations
    home : ParameterBuffer
        The model's weights.
    layers : sequence of StreamedLayer, or of lists of them
    batch_size : int

    Attributes
    ----------
    output : ndarray, shape (batch_size, features)
        What the last step returned.

    copied_from : str or None
        The device of the model whose weights it has a copy of; None where it reads the model's own.

    Notes
    -----
    A copy goes on from the same state with equal outputs, on weights of its own: those of the
    model's copy where both are copied together, `copy.deepcopy((model, stream))`.

    Examples
    --------
    >>> stream = model.stream()                                  # doctest: +SKIP
    >>> for x_t in live:                                         # doctest: +SKIP
    ...     y = stream.step(x_t)
    """

    copied_from: str | None = None

    def __init__(
        self,
        ops: Operations,
        home: ParameterBuffer,
        layers: Sequence[StreamedLayer | list[StreamedLayer]],
        batch_size: int,
    ) -> None:
        self._layers, dtype = _flat(layers), home.value.dtype
        if not self._layers:
            raise ValueError("The model has no layer that computes anything.")
        self._ops, self._batch_size, self._lanes = ops, batch_size, ops.lanes(dtype)
        table, (x, state_size, work_size) = self._table(home)
        self._work, self._state = ops.zeros(work_size), ops.zeros(state_size)
        self._shape = (batch_size, self._layers[0].features)
        self._x = self._work[x : x + math.prod(self._shape)].reshape(self._shape)
        self._seen = dtype, self._shape
        first, width = table[-1, -2:]
        self.output = self._work[first : first + batch_size * width].reshape(batch_size, width)
        self.output = self.output[:, : self._layers[-1].outputs]
        self._rates = np.array([layer.zoneout for layer in self._layers])
        self._read_from(home, table)
        sizes = [(layer.outputs, layer.units) for layer in self._layers if layer.kind == "lstm"]
        self._states = self._views(sizes, batch_size, self._lanes)

    def __repr__(self) -> str:
        shapes = f"{self._shape} -> {self.output.shape}"
        text = f"<Stream {shapes}, {len(self._layers)} layers that compute"
        if self.copied_from is not None:
            text += f", on the CPU with a copy of the weights that lay on {self.copied_from}"
        return f"{text}>"

    def _table(self, home: ParameterBuffer) -> Any:
        """Return the kernel's table of layers, whose weights lie in `home`, and its sizes."""

        def place(parameter: Parameter | None) -> int:
            return -1 if parameter is None else home.start_of(parameter)

        rows = [
            (
                layer.kind,
                layer.features,
                layer.units,
                layer.outputs,
                place(layer.kernel),
                place(layer.recurrent_kernel),
                place(layer.bias),
                place(layer.peephole),
                place(layer.projection),
                layer.activation,
                layer.gate_activation,
            )
            for layer in self._layers
        ]
        return self._ops.stream_table(rows, self._batch_size, home.value.dtype)

    def _read_from(self, home: ParameterBuffer, table: np.ndarray) -> None:
        self._home = home
        work = self._state, self._work, self._batch_size, self._lanes
        call = self._ops.stream_step, (table, self._rates, home.value, *work)
        [(self._run, self._arguments)] = self._ops.bound([call])

    def _follow(self) -> None:
        """Read the weights from where they have moved, as when a layer came to the model."""
        home = self._layers[0].kernel.home
        assert home is not None
        self._read_from(home, self._table(home)[0])

    def _views(
        self, sizes: list[tuple[int, int]], rows: int, width: int
    ) -> list[tuple[np.ndarray, ...]]:
        """Return (h, c) of each LSTM as views of the flat state; `sizes` are their features."""
        views: list[tuple[np.ndarray, ...]] = []
        start = 0
        for pair in sizes:
            found = []
            for features in pair:
                padded = -(-features // width) * width
                window = self._state[start : start + rows * padded].reshape(rows, padded)
                found.append(window[:, :features])
                start += rows * padded
            views.append(tuple(found))
        return views

    def __getstate__(self) -> dict[str, Any]:
        """Return what copies and pickles hold; the weights come with the layers."""
        given = {"layers": self._layers, "batch_size": self._batch_size}
        given["copied_from"] = self.copied_from
        return given | {"state": self.state, "output": self.output.copy()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Open on the layers' copies, and go on from the same state."""
        layers = state["layers"]
        weights = [one for layer in layers for one in layer.parameters]
        home = ParameterBuffer.housed(weights, weights[0].ops)[0]
        Stream.__init__(self, home.ops, home, layers, state["batch_size"])
        self.state, self.copied_from = state["state"], state.get("copied_from")
        self.output[...] = state["output"]

    def __copy__(self) -> Self:
        return copy.deepcopy(self)

    def step(self, x: Any) -> np.ndarray:
        """Take one step.

        Parameters
        ----------
        x : array_like, shape (batch_size, features)
            One time step of every sequence; (features,) will do for a batch of one.

        Returns
        -------
        ndarray, shape (batch_size, features of the last layer)
            `output`: the same array at every step, overwritten by the next. Copy it to keep it.

        Raises
        ------
        TypeError, ValueError
            `x` has another shape, or does not hold finite real numbers; the state is unchanged.
        """
        seen = self._seen
        if type(x) is not np.ndarray or x.dtype is not seen[0] or x.shape != seen[1]:
            x = self._looked_at(x)
        try:
            self._x[...] = x
        except RuntimeWarning:  # where warnings are errors: the cast overflows
            raise self._not_finite(x) from None
        if self._home.moved:
            self._follow()
        if not self._run(*self._arguments):
            raise self._not_finite(x)
        return self.output

    def _looked_at(self, x: Any) -> np.ndarray:
        """Return `x` as an array; one of this dtype and shape is not looked at again."""
        given = as_numbers("x", x)
        if given.shape != self._shape and (1, *given.shape) != self._shape:
            raise ValueError(
                f"step expects x of shape (batch, features) = {self._shape}; got {given.shape}."
            )
        self._seen = given.dtype, given.shape
        return given

    def _not_finite(self, x: np.ndarray) -> ValueError:
        place = first_not_finite(x)
        if place is None:
            return ValueError(f"x is too large for {self._x.dtype}: {np.abs(x).max()} is in it.")
        index = ", ".join(map(str, place))
        return ValueError(f"x is not finite: x[{index}] is {x[place]}.")

    def reset(self) -> None:
        """Forget the past: all states become zero."""
        self._state.fill(0)

    @property
    def state(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """(h, c) of every LSTM, copies of shape (batch_size, units). Assign to go on from there."""
        return [(h.copy(), c.copy()) for h, c in self._states]

    @state.setter
    def state(self, values: Sequence[tuple[Any, Any]]) -> None:
        expected = [(h.shape, c.shape) for h, c in self._states]
        if not all(map(np.iterable, [values, *(values if np.iterable(values) else ())])):
            raise TypeError(
                f"state must be a list of (h, c) for each LSTM, of shapes {expected}; got "
                f"{values!r}."
            )
        dtype = self._x.dtype
        arrays = [tuple(_finite("state", one, dtype) for one in pair) for pair in values]
        found = [tuple(one.shape for one in pair) for pair in arrays]
        if found != expected:
            raise ValueError(f"state expects arrays of shapes {expected}; got {found}.")
        for views, pair in zip(self._states, arrays, strict=True):
            for view, array in zip(views, pair, strict=True):
                view[...] = array


def open_stream(name: str, network: Network, weights: Weights, batch_size: int) -> Stream:
    """Return a network ready to run one time step at a time.

    Parameters
    ----------
    name : str
        The model's, for errors.
    network : Network
    weights : Weights
    batch_size : int

    Raises
    ------
    ValueError, TypeError
        It is no chain of layers, or a layer needs the whole sequence.
    """
    if not network.graph.is_chain:
        raise TypeError(f"{name} cannot run one step at a time: its layers do not form a chain.")
    layers = [node.layer.streamed() for node in network.graph.nodes]
    if len(weights.homes) > 1:
        raise TypeError(f"{name} has weights of several models; stream needs one.")
    found = [layer for layer in layers if layer is not None]
    size = checked_size("batch_size", batch_size)
    return Stream(network.ops, weights.homes[0], found, size)


def _flat(layers: Sequence[StreamedLayer | list[StreamedLayer]]) -> list[StreamedLayer]:
    """Return the layers with lists among them opened."""
    found: list[StreamedLayer] = []
    for layer in layers:
        found += layer if isinstance(layer, list) else [layer]
    return found


def _finite(name: str, values: Any, dtype: np.dtype) -> np.ndarray:
    array = as_numbers(name, values)
    if first_not_finite(array) is not None:
        raise ValueError(f"{name} must be finite; it holds NaN or infinity.")
    return checked_weight(name, array.shape, array, dtype)
