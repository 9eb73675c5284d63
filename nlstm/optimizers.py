"""Optimizers: settings and state; the rules are kernels over the flat parameter buffer."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from nlstm.config import Configured
from nlstm.names import unknown_name
from nlstm.parameters import ParameterBuffer, aligned_zeros
from nlstm.plan import Call

__all__ = ["SGD", "Adam", "Optimizer", "get"]

# Below it one thread is done before the others have started.
PARALLEL_PARAMETERS = 1_000_000


def _number(name: str, value: Any, low: float, high: float = math.inf) -> float:
    """Return a finite number from `low` to below `high`, or raise an error that names it."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise TypeError(f"{name} must be a number; got {value!r}.")
    if not (low <= value < high and math.isfinite(value)):
        limits = f"at least {low:g}" + (f" and below {high:g}" if math.isfinite(high) else "")
        raise ValueError(f"{name} must be {limits}; got {value}.")
    return float(value)


class Optimizer(Configured):
    """The interface of an optimizer.

    Attributes
    ----------
    settings : ndarray(float64)
        What the kernel reads at each step; settings[0] is the learning rate.
    state : tuple of ndarray
        Moments, each of the shape of the flat parameter buffer. Empty until a model is built.
    """

    rule: str
    moments = 0

    def __init__(self, learning_rate: Any, *others: float, name: str) -> None:
        self.settings = np.array([_number("learning_rate", learning_rate, 0.0), *others])
        self.name = name
        self.state: tuple[np.ndarray, ...] = ()
        self._steps = np.zeros(1, np.int64)
        self._buffer: ParameterBuffer | None = None

    @property
    def learning_rate(self) -> float:
        """The learning rate; it may be set at any time."""
        return float(self.settings[0])

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self.settings[0] = _number("learning_rate", value, 0.0)

    @property
    def iterations(self) -> int:
        """Steps taken so far."""
        return int(self._steps[0])

    def bind(self, ops: Any, buffer: ParameterBuffer) -> list[Call]:
        """Return the calls that take one step on `buffer`.

        Raises
        ------
        ValueError
            The optimizer already serves another model: its moments would not fit.
        """
        if self._buffer is None:
            self._buffer = buffer
            size = buffer.value.size
            self.state = tuple(aligned_zeros(size, buffer.value.dtype) for _ in range(self.moments))
        elif self._buffer is not buffer:
            raise ValueError(
                f"This {type(self).__name__} already trains another model; give each model its own."
            )
        parallel = buffer.value.size >= PARALLEL_PARAMETERS
        update = getattr(ops, self.rule + ("_parallel" if parallel else ""))
        moments = self._moments()
        arguments = (buffer.value, buffer.gradient, *moments, self.settings, self._steps)
        return [(update, arguments)]

    def variables(self) -> dict[str, np.ndarray]:
        """Return copies of all that a file must hold for training to go on bit for bit.

        The moments are "<slot>/<number of the weight array>", in Keras's shapes.
        """
        found = {
            "iterations": np.array(self.iterations, np.int64),
            "learning_rate": np.array(self.settings[0]),
        }
        if self._buffer is not None:
            for slot, flat in enumerate(self.state):
                for number, part in enumerate(self._buffer.split(flat)):
                    found[f"moment_{slot}/{number}"] = part
        return found

    def set_variables(self, variables: Mapping[str, np.ndarray]) -> None:
        """Go on from what `variables` returned; a ValueError if it is not this optimizer's."""
        assert self._buffer is not None
        expected = self.variables()
        for name in sorted(expected.keys() | variables.keys()):
            if name not in expected or name not in variables:
                holder = "the file has" if name in variables else "the optimizer has"
                raise ValueError(f"Optimizer state does not fit: only {holder} {name!r}.")
        self._steps[0] = int(variables["iterations"])
        self.settings[0] = float(variables["learning_rate"])
        for slot, flat in enumerate(self.state):
            numbers = range(len(self._buffer.parameters))
            self._buffer.join([variables[f"moment_{slot}/{one}"] for one in numbers], flat)

    def _moments(self) -> tuple[np.ndarray, ...]:
        return self.state


class SGD(Optimizer):
    """Gradient descent, with momentum.

    Parameters
    ----------
    learning_rate : float, default 0.01
    momentum : float, default 0.0
        From 0 to below 1.
    nesterov : bool, default False
    name : str
    """

    rule = "sgd_update"

    def __init__(
        self,
        learning_rate: float = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        name: str = "SGD",
    ) -> None:
        momentum = _number("momentum", momentum, 0.0, 1.0)
        self.momentum, self.nesterov = momentum, bool(nesterov)
        self.moments = 1 if momentum else 0
        super().__init__(learning_rate, momentum, float(self.nesterov), name=name)

    def _moments(self) -> tuple[np.ndarray, ...]:
        return self.state or (np.zeros(0, self._buffer.value.dtype),)  # type: ignore[union-attr]


class Adam(Optimizer):
    """Adam, with Keras 3's formula: epsilon stands outside the bias correction.

    Parameters
    ----------
    learning_rate : float, default 0.001
    beta_1, beta_2 : float, default 0.9 and 0.999
        From 0 to below 1.
    epsilon : float, default 1e-7
    name : str

    References
    ----------
    Kingma & Ba 2015, "Adam: a method for stochastic optimization".
    """

    rule = "adam_update"
    moments = 2

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        name: str = "adam",
    ) -> None:
        self.beta_1 = _number("beta_1", beta_1, 0.0, 1.0)
        self.beta_2 = _number("beta_2", beta_2, 0.0, 1.0)
        self.epsilon = _number("epsilon", epsilon, 0.0)
        super().__init__(learning_rate, self.beta_1, self.beta_2, self.epsilon, name=name)


CLASSES: dict[str, type[Any]] = {"adam": Adam, "sgd": SGD}


def get(identifier: Any) -> Optimizer:
    """Return the optimizer for a name, an object or a class.

    Raises
    ------
    ValueError
        The name is unknown.
    TypeError
        `identifier` is nothing of these.
    """
    if isinstance(identifier, str):
        if identifier.lower() not in CLASSES:
            raise unknown_name("optimizer", identifier, CLASSES)
        return CLASSES[identifier.lower()]()
    if isinstance(identifier, type) and issubclass(identifier, Optimizer):
        return identifier()  # type: ignore[call-arg]
    if isinstance(identifier, Optimizer):
        return identifier
    raise TypeError(f"An optimizer is a name or an nlstm.optimizers.Optimizer; got {identifier!r}.")
