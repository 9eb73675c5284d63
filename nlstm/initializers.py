"""Initial values of weights, by Keras's names and formulas."""

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nlstm.arguments.checks import (
    checked_array,
    checked_choice,
    checked_dtype,
    checked_integer,
    checked_number,
    checked_seed,
)
from nlstm.arguments.config import Configured, overridden
from nlstm.arguments.registry import Registry
from nlstm.arguments.seeds import SeedStream

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "get",
]


def _as_shape(shape: Any) -> tuple[int, ...]:
    sizes = shape if isinstance(shape, tuple | list) else (shape,)
    return tuple(checked_integer("shape", size, 0) for size in sizes)


class Initializer(Configured):
    """The interface: called with a shape, it returns values."""

    seed: int | None = None

    def __call__(
        self,
        shape: tuple[int, ...],
        dtype: Any = None,
        generator: np.random.Generator | None = None,
    ) -> np.ndarray:
        """Return an array of `shape`, float64 by default.

        A seed given by the user wins over `generator`; without either, `nlstm.set_random_seed` and
        the order of calls decide.
        """
        if self.seed is not None:
            generator = np.random.Generator(np.random.Philox(self.seed))
        elif generator is None:
            generator = SeedStream().generator(0)
        wanted = np.float64 if dtype is None else checked_dtype(dtype)
        return self.draw(_as_shape(shape), generator).astype(wanted)

    def draw(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """Return an array of `shape`."""
        raise NotImplementedError


class Constant(Initializer):
    """Every element is `value`."""

    def __init__(self, value: float = 0.0) -> None:
        try:
            number = np.ndim(value) == 0
        except ValueError:
            number = False
        self.value = checked_number("value", value) if number else checked_array("value", value)

    def draw(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """Return an array of `shape`."""
        try:
            return np.full(shape, self.value, np.float64)
        except ValueError:
            came = np.shape(self.value)
            raise ValueError(f"value of shape {came} does not fit the shape {shape}.") from None


class Zeros(Constant):
    """Every element is 0."""

    def __init__(self) -> None:
        super().__init__(0.0)


class Ones(Constant):
    """Every element is 1."""

    def __init__(self) -> None:
        super().__init__(1.0)


class RandomUniform(Initializer):
    """Uniform on [minval, maxval)."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None):
        self.minval = checked_number("minval", minval)
        self.maxval = checked_number("maxval", maxval)
        if self.minval > self.maxval:
            raise ValueError(f"minval {minval} is above maxval {maxval}.")
        self.seed = checked_seed("seed", seed)

    def draw(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """Return an array of `shape`."""
        return generator.uniform(self.minval, self.maxval, shape)


class RandomNormal(Initializer):
    """Normal with that mean and standard deviation."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        self.mean, self.stddev = checked_number("mean", mean), checked_number("stddev", stddev, 0)
        self.seed = checked_seed("seed", seed)

    def draw(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """Return an array of `shape`."""
        return generator.normal(self.mean, self.stddev, shape)


class TruncatedNormal(RandomNormal):
    """Normal, drawn again wherever it is more than two standard deviations off the mean."""

    def draw(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """Return an array of `shape`."""
        z = generator.standard_normal(shape)
        while (outside := np.abs(z) > 2.0).any():
            z[outside] = generator.standard_normal(int(outside.sum()))
        return self.mean + self.stddev * z


class VarianceScaling(Initializer):
    """Spread chosen by the number of inputs and outputs.

    Parameters
    ----------
    scale : float
        The variance is ``scale / fan``.
    mode : {"fan_in", "fan_out", "fan_avg"}
    distribution : {"truncated_normal", "untruncated_normal", "uniform"}
        "normal" is the first.
    seed : int, optional
    """

    TRUNCATION = 0.87962566103423978  # standard deviation of a unit normal cut at +-2

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
    ) -> None:
        self.scale = checked_number("scale", scale, above=0)
        self.mode = checked_choice("mode", mode, ("fan_in", "fan_out", "fan_avg"))
        known = ("truncated_normal", "untruncated_normal", "uniform")
        wanted = checked_choice("distribution", distribution, (*known, "normal"))
        self.distribution = known[0] if wanted == "normal" else wanted
        self.seed = checked_seed("seed", seed)

    def draw(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """Return an array of `shape`."""
        fan_in, fan_out = (shape[0], shape[-1]) if shape else (1, 1)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return generator.uniform(-limit, limit, shape)
        if self.distribution == "untruncated_normal":
            return generator.normal(0.0, math.sqrt(variance), shape)
        return TruncatedNormal(0.0, math.sqrt(variance) / self.TRUNCATION).draw(shape, generator)


def _scaling(name: str, scale: float, mode: str, distribution: str) -> type[VarianceScaling]:
    def __init__(self: VarianceScaling, seed: int | None = None) -> None:
        VarianceScaling.__init__(self, scale, mode, distribution, seed)

    doc = f"Variance {scale:g} / {mode}, {distribution.replace('_', ' ')}."
    return type(
        name,
        (VarianceScaling,),
        {"__init__": __init__, "__doc__": doc, "__module__": __name__},
    )


GlorotUniform = _scaling("GlorotUniform", 1.0, "fan_avg", "uniform")
GlorotNormal = _scaling("GlorotNormal", 1.0, "fan_avg", "truncated_normal")
HeUniform = _scaling("HeUniform", 2.0, "fan_in", "uniform")
HeNormal = _scaling("HeNormal", 2.0, "fan_in", "truncated_normal")
LecunUniform = _scaling("LecunUniform", 1.0, "fan_in", "uniform")
LecunNormal = _scaling("LecunNormal", 1.0, "fan_in", "truncated_normal")


class Orthogonal(Initializer):
    """Orthonormal columns, or rows where there are fewer rows than columns.

    References
    ----------
    Saxe, McClelland & Ganguli 2014, "Exact solutions to the nonlinear dynamics of learning in deep
    linear neural networks".
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        self.gain, self.seed = checked_number("gain", gain), checked_seed("seed", seed)

    def draw(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """Return an array of `shape`, which must have two axes."""
        if len(shape) != 2:
            raise ValueError(f"Orthogonal needs a shape of two axes; got {shape}.")
        q, r = np.linalg.qr(generator.standard_normal((max(shape), min(shape))))
        q *= np.where(np.diag(r) < 0, -1.0, 1.0)  # without it q is not uniform
        return self.gain * (q.T if shape[0] < shape[1] else q)


class Identity(Initializer):
    """The identity matrix times `gain`."""

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = checked_number("gain", gain)

    def draw(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """Return an array of `shape`, which must have two axes."""
        if len(shape) != 2:
            raise ValueError(f"Identity needs a shape of two axes; got {shape}.")
        return self.gain * np.eye(*shape)


CLASSES: dict[str, type[Initializer]] = {
    "constant": Constant,
    "glorot_normal": GlorotNormal,
    "glorot_uniform": GlorotUniform,
    "he_normal": HeNormal,
    "he_uniform": HeUniform,
    "identity": Identity,
    "lecun_normal": LecunNormal,
    "lecun_uniform": LecunUniform,
    "normal": RandomNormal,
    "one": Ones,
    "ones": Ones,
    "orthogonal": Orthogonal,
    "random_normal": RandomNormal,
    "random_uniform": RandomUniform,
    "truncated_normal": TruncatedNormal,
    "uniform": RandomUniform,
    "variance_scaling": VarianceScaling,
    "zero": Zeros,
    "zeros": Zeros,
}
ALIASES = {"IdentityInitializer": Identity, "OrthogonalInitializer": Orthogonal}
REGISTRY: Registry[Initializer] = Registry("initializer", Initializer, CLASSES, ALIASES)

# Keras's names for them as functions
constant = Constant
glorot_normal = GlorotNormal
glorot_uniform = GlorotUniform
he_normal = HeNormal
he_uniform = HeUniform
identity = Identity
lecun_normal = LecunNormal
lecun_uniform = LecunUniform
ones = Ones
orthogonal = Orthogonal
random_normal = RandomNormal
random_uniform = RandomUniform
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
zeros = Zeros
OrthogonalInitializer, IdentityInitializer = Orthogonal, Identity


class _Function(Initializer):
    """A user's own function of the shape."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def draw(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        made = checked_array("What the initializer gives", self.function(shape, dtype="float64"))
        return np.asarray(made, np.float64)


class _Values(Initializer):
    """The values themselves, for weights of one shape."""

    def __init__(self, values: Any) -> None:
        self.values = checked_array("initializer", values)

    def draw(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        if tuple(shape) != self.values.shape:
            raise ValueError(
                f"The initializer is an array of shape {self.values.shape}; the shape needed is "
                f"{tuple(shape)}."
            )
        return np.array(self.values, np.float64)


def of_weights(identifier: Any) -> Initializer:
    """Return what `get` does; for None Keras's default of weights."""
    found = get(identifier)
    return GlorotUniform() if found is None else found


def get(identifier: Any) -> Initializer | None:
    """Return the initializer for a name, an object, a class, or a function of (shape, dtype).

    An array stands for itself, None for None.

    Raises
    ------
    ValueError
        The name is unknown.
    TypeError
        `identifier` is nothing of these.
    """
    if identifier is None:
        return None
    if hasattr(identifier, "__array__") and not isinstance(identifier, type):
        return _Values(identifier)
    own = isinstance(identifier, Initializer) or (
        isinstance(identifier, type) and issubclass(identifier, Initializer)
    )
    if callable(identifier) and not own:
        return _Function(identifier)
    found = REGISTRY.get(identifier, "a callable")
    return found if _takes_generator(found) else _Function(found)


def _takes_generator(initializer: Initializer) -> bool:
    """Return whether it is called as nlstm's are; a user's may be called as Keras's are."""
    if not overridden(initializer, "__call__"):
        return True
    parameters = inspect.signature(initializer.__call__).parameters
    return "generator" in parameters or any(
        one.kind is one.VAR_KEYWORD for one in parameters.values()
    )
