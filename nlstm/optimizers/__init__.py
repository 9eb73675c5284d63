"""Optimizers and learning-rate schedules by Keras's names."""

from typing import Any

from nlstm.arguments.registry import Registry
from nlstm.optimizers import schedules as schedules
from nlstm.optimizers.adaptive import Adam as Adam
from nlstm.optimizers.adaptive import Adamax as Adamax
from nlstm.optimizers.adaptive import AdamW as AdamW
from nlstm.optimizers.adaptive import Nadam as Nadam
from nlstm.optimizers.adaptive import RMSprop as RMSprop
from nlstm.optimizers.descent import SGD as SGD
from nlstm.optimizers.descent import Adadelta as Adadelta
from nlstm.optimizers.descent import Adagrad as Adagrad
from nlstm.optimizers.descent import Lion as Lion
from nlstm.optimizers.optimizer import Optimizer as Optimizer

CLASSES: dict[str, Any] = {
    found.__name__.lower(): found
    for found in (SGD, Adadelta, Adagrad, Adam, AdamW, Adamax, Lion, Nadam, RMSprop)
}
REGISTRY: Registry[Optimizer] = Registry("optimizer", Optimizer, CLASSES)

# What Keras's optimizers are written by.
NEVER_CALLED = ("update_step", "apply", "apply_gradients", "minimize", "build", "get_updates")

__all__ = ["Optimizer", "get", "schedules", *(found.__name__ for found in CLASSES.values())]


def get(identifier: Any) -> Optimizer | None:
    """Return the optimizer for a name in any case, an object or a class; None for None.

    Raises
    ------
    ValueError
        The name is unknown.
    TypeError
        `identifier` is nothing of these.
    """
    if identifier is None:
        return None
    if isinstance(identifier, str) and identifier.lower() in CLASSES:
        identifier = identifier.lower()
    found = REGISTRY.get(identifier, "an nlstm.optimizers.Optimizer")
    own = [name for name in NEVER_CALLED if hasattr(type(found), name)]
    if own or not hasattr(found, "rule"):
        what = f"{own[0]} would not be called" if own else "it has none"
        raise TypeError(
            f"{type(found).__name__}: nlstm's optimizers are kernels, and {what}; subclass one of "
            "nlstm.optimizers for other settings, or nlstm.optimizers.schedules."
            "LearningRateSchedule for another learning rate."
        )
    return found
