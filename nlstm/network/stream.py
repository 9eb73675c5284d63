"""A model one time step at a time: control loops, audio, anything that comes in live."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nlstm.layers.layer import StreamedLayer, checked_size
from nlstm.plan.parameters import Parameter

__all__ = ["Stream", "open_stream"]


class Stream:
    """Runs the layers of a model step by step; `Sequential.stream` makes it.

    The outputs are those of `predict` over the whole sequence, to the bit. A step is one call of
    one compiled function: it allocates nothing and uses one thread.

    Parameters
    ----------
    ops : namespace
        The kernels.
    parameters : ndarray
        The model's flat weights.
    layers : sequence of StreamedLayer, or of lists of them
    batch_size : int

    Attributes
    ----------
    output : ndarray, shape (batch_size, features)
        What the last step returned.

    Examples
    --------
    >>> stream = model.stream()                                  # doctest: +SKIP
    >>> for x_t in live:                                         # doctest: +SKIP
    ...     y = stream.step(x_t)
    """

    def __init__(
        self, ops: Any, parameters: np.ndarray, layers: Sequence[Any], batch_size: int
    ) -> None:
        layers = _flat(layers)
        if not layers:
            raise ValueError("The model has no layer that computes anything.")
        dtype = parameters.dtype

        def place(parameter: Parameter | None) -> int:
            if parameter is None:
                return -1
            assert parameter.home is not None
            return parameter.home.start_of(parameter)

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
            for layer in layers
        ]
        table, (x, state_size, work_size) = ops.stream_table(rows, batch_size, dtype)
        work = ops.zeros(work_size)
        self._state = ops.zeros(state_size)
        self._shape = (batch_size, layers[0].features)
        self._x = work[x : x + batch_size * layers[0].features].reshape(self._shape)
        first, width = table[-1, -2:]
        self.output = work[first : first + batch_size * width].reshape(batch_size, width)
        self.output = self.output[:, : layers[-1].outputs]
        self._step = ops.stream_step
        width = ops.lanes(dtype)
        rates = np.array([layer.zoneout for layer in layers])
        self._arguments = (table, rates, parameters, self._state, work, batch_size, width)
        sizes = [(layer.outputs, layer.units) for layer in layers if layer.kind == "lstm"]
        self._states = self._views(sizes, batch_size, width)

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
        ValueError
            `x` has another shape; the state is unchanged.
        """
        given = np.asarray(x)
        if given.shape != self._shape and (1, *given.shape) != self._shape:
            raise ValueError(
                f"step expects x of shape (batch, features) = {self._shape}; got {given.shape}."
            )
        self._x[...] = given
        self._step(*self._arguments)
        return self.output

    def reset(self) -> None:
        """Forget the past: all states become zero."""
        self._state.fill(0)

    @property
    def state(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """(h, c) of every LSTM, copies of shape (batch_size, units). Assign to go on from there."""
        return [(h.copy(), c.copy()) for h, c in self._states]

    @state.setter
    def state(self, values: Sequence[tuple[Any, Any]]) -> None:
        arrays = [tuple(np.asarray(one) for one in pair) for pair in values]
        expected = [(h.shape, c.shape) for h, c in self._states]
        found = [tuple(one.shape for one in pair) for pair in arrays]
        if found != expected:
            raise ValueError(f"state expects arrays of shapes {expected}; got {found}.")
        for views, pair in zip(self._states, arrays, strict=True):
            for view, array in zip(views, pair, strict=True):
                view[...] = array


def open_stream(model: Any, batch_size: int = 1) -> Stream:
    """Return the model ready to run one time step at a time.

    Parameters
    ----------
    batch_size : int, default 1
        Sequences that are run side by side.

    Returns
    -------
    Stream
        It reads the model's weights as they are at each step.

    Raises
    ------
    ValueError, TypeError
        The model has no weights yet, or is no chain of layers, or a layer needs the whole
        sequence.
    """
    graph = model._graph_for(None, "stream")
    if not graph.is_chain:
        raise TypeError(
            f"{model.name} cannot run one step at a time: its layers do not form a chain."
        )
    if len(model._homes) > 1:
        raise TypeError(f"{model.name} has weights of several models; stream needs one.")
    layers = [node.layer.streamed() for node in graph.nodes]
    found = [layer for layer in layers if layer is not None]
    size = checked_size("batch_size", batch_size)
    return Stream(model.ops, model._homes[0].value, found, size)


def _flat(layers: Sequence[Any]) -> list[StreamedLayer]:
    """Return the layers with lists among them opened."""
    found: list[StreamedLayer] = []
    for layer in layers:
        found += layer if isinstance(layer, list) else [layer]
    return found
