"""Losses by Keras's names: which kernel serves one, and what targets it takes."""

from typing import Any

from nlstm.config import Configured
from nlstm.names import unknown_name

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "SparseCategoricalCrossentropy",
    "get",
]


class Loss(Configured):
    """What training makes small.

    Parameters
    ----------
    name : str, optional

    Attributes
    ----------
    kernel : str
        The kernels' name for it.
    sparse : bool
        Whether targets are class indices instead of one value per feature.
    fused_activation : str or None
        The activation whose gradient the loss can take over, because the two together are simpler
        and stay exact where the activation saturates.
    """

    kernel: str
    sparse = False
    fused_activation: str | None = None
    from_logits = False

    def __init__(self, name: str | None = None) -> None:
        self.name = name or self.kernel

    def fuses(self, activation: str | None) -> bool:
        """Whether the gradient goes behind the last layer's `activation`."""
        return self.fused_activation is not None and (
            activation == self.fused_activation and not self.from_logits
        )

    @property
    def unit_range(self) -> bool:
        """Whether targets are probabilities."""
        return not self.sparse and self.fused_activation is not None

    def target_features(self, features: int) -> int:
        """Return how many numbers a target has where an output has `features`."""
        return 1 if self.sparse else features

    def function(self, ops: Any, activation: str | None) -> Any:
        """Return the kernel for outputs that come from `activation`."""
        return ops.loss(self.kernel_name(activation))

    def kernel_name(self, activation: str | None) -> str:
        """Return the kernels' name for this loss on outputs that come from `activation`."""
        if self.from_logits:
            return f"{self.kernel}_from_logits"
        return f"{self.kernel}_from_{activation}" if self.fuses(activation) else self.kernel


class MeanSquaredError(Loss):
    """Mean of (prediction - target)**2."""

    kernel = "mean_squared_error"


class MeanAbsoluteError(Loss):
    """Mean of abs(prediction - target)."""

    kernel = "mean_absolute_error"


class _Crossentropy(Loss):
    def __init__(self, from_logits: bool = False, name: str | None = None) -> None:
        super().__init__(name)
        self.from_logits = bool(from_logits)


class BinaryCrossentropy(_Crossentropy):
    """Cross-entropy of yes-or-no questions, one per feature.

    Parameters
    ----------
    from_logits : bool
        Whether predictions are logits instead of probabilities.
    name : str, optional

    Notes
    -----
    Probabilities are clipped to [1e-7, 1 - 1e-7], as in Keras. On a layer that ends in a sigmoid
    the gradient is that of the logits, so that it does not vanish there.
    """

    kernel = "binary_crossentropy"
    fused_activation = "sigmoid"


class CategoricalCrossentropy(_Crossentropy):
    """Cross-entropy of one distribution over the features; targets are distributions (one-hot).

    Parameters
    ----------
    from_logits : bool
        Whether predictions are logits instead of probabilities.
    name : str, optional
    """

    kernel = "categorical_crossentropy"
    fused_activation = "softmax"


class SparseCategoricalCrossentropy(_Crossentropy):
    """Cross-entropy of one distribution over the features; targets are class indices.

    Parameters
    ----------
    from_logits : bool
        Whether predictions are logits instead of probabilities.
    name : str, optional
    """

    kernel = "sparse_categorical_crossentropy"
    sparse = True
    fused_activation = "softmax"


CLASSES: dict[str, type[Loss]] = {
    found.kernel: found
    for found in (
        MeanSquaredError,
        MeanAbsoluteError,
        BinaryCrossentropy,
        CategoricalCrossentropy,
        SparseCategoricalCrossentropy,
    )
}
ALIASES = {"mse": MeanSquaredError, "mae": MeanAbsoluteError, "bce": BinaryCrossentropy}
BY_NAME: dict[str, type[Loss]] = (
    CLASSES
    | ALIASES
    | {name.upper(): found for name, found in ALIASES.items()}
    | {found.__name__: found for found in CLASSES.values()}
)


def get(identifier: Any) -> Loss:
    """Return the loss for a name, an object or a class.

    Raises
    ------
    ValueError
        The name is unknown.
    TypeError
        `identifier` is nothing of these.
    """
    if isinstance(identifier, str):
        if identifier not in BY_NAME:
            raise unknown_name("loss", identifier, CLASSES | ALIASES)
        return BY_NAME[identifier]()
    if isinstance(identifier, type) and issubclass(identifier, Loss):
        return identifier()
    if isinstance(identifier, Loss):
        return identifier
    raise TypeError(f"A loss is a name or an nlstm.losses.Loss; got {identifier!r}.")
