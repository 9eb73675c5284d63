"""Losses by Keras's names, forecasters' losses, and the interface for a user's own."""

from collections.abc import Hashable
from typing import Any

from nlstm.arguments.registry import Registry
from nlstm.losses.crossentropy import BinaryCrossentropy as BinaryCrossentropy
from nlstm.losses.crossentropy import BinaryFocalCrossentropy as BinaryFocalCrossentropy
from nlstm.losses.crossentropy import CategoricalCrossentropy as CategoricalCrossentropy
from nlstm.losses.crossentropy import CategoricalFocalCrossentropy as CategoricalFocalCrossentropy
from nlstm.losses.crossentropy import SparseCategoricalCrossentropy as SparseCategoricalCrossentropy
from nlstm.losses.forecasting import GaussianNLL as GaussianNLL
from nlstm.losses.forecasting import NSELoss as NSELoss
from nlstm.losses.forecasting import QuantileLoss as QuantileLoss
from nlstm.losses.forecasting import StudentTNLL as StudentTNLL
from nlstm.losses.functions import FUNCTIONS
from nlstm.losses.functions import binary_crossentropy as binary_crossentropy
from nlstm.losses.functions import binary_focal_crossentropy as binary_focal_crossentropy
from nlstm.losses.functions import categorical_crossentropy as categorical_crossentropy
from nlstm.losses.functions import categorical_focal_crossentropy as categorical_focal_crossentropy
from nlstm.losses.functions import categorical_hinge as categorical_hinge
from nlstm.losses.functions import cosine_similarity as cosine_similarity
from nlstm.losses.functions import hinge as hinge
from nlstm.losses.functions import huber as huber
from nlstm.losses.functions import kl_divergence as kl_divergence
from nlstm.losses.functions import log_cosh as log_cosh
from nlstm.losses.functions import mean_absolute_error as mean_absolute_error
from nlstm.losses.functions import mean_absolute_percentage_error as mean_absolute_percentage_error
from nlstm.losses.functions import mean_squared_error as mean_squared_error
from nlstm.losses.functions import mean_squared_logarithmic_error as mean_squared_logarithmic_error
from nlstm.losses.functions import poisson as poisson
from nlstm.losses.functions import (
    sparse_categorical_crossentropy as sparse_categorical_crossentropy,
)
from nlstm.losses.functions import squared_hinge as squared_hinge
from nlstm.losses.loss import Loss as Loss
from nlstm.losses.regression import CategoricalHinge as CategoricalHinge
from nlstm.losses.regression import CosineSimilarity as CosineSimilarity
from nlstm.losses.regression import Hinge as Hinge
from nlstm.losses.regression import Huber as Huber
from nlstm.losses.regression import KLDivergence as KLDivergence
from nlstm.losses.regression import LogCosh as LogCosh
from nlstm.losses.regression import MeanAbsoluteError as MeanAbsoluteError
from nlstm.losses.regression import MeanAbsolutePercentageError as MeanAbsolutePercentageError
from nlstm.losses.regression import MeanSquaredError as MeanSquaredError
from nlstm.losses.regression import MeanSquaredLogarithmicError as MeanSquaredLogarithmicError
from nlstm.losses.regression import Poisson as Poisson
from nlstm.losses.regression import SquaredHinge as SquaredHinge

REGISTRY = Registry(
    "loss",
    Loss,
    {
        "binary_crossentropy": BinaryCrossentropy,
        "binary_focal_crossentropy": BinaryFocalCrossentropy,
        "categorical_crossentropy": CategoricalCrossentropy,
        "categorical_focal_crossentropy": CategoricalFocalCrossentropy,
        "categorical_hinge": CategoricalHinge,
        "cosine_similarity": CosineSimilarity,
        "gaussian_nll": GaussianNLL,
        "hinge": Hinge,
        "huber": Huber,
        "kl_divergence": KLDivergence,
        "log_cosh": LogCosh,
        "mean_absolute_error": MeanAbsoluteError,
        "mean_absolute_percentage_error": MeanAbsolutePercentageError,
        "mean_squared_error": MeanSquaredError,
        "mean_squared_logarithmic_error": MeanSquaredLogarithmicError,
        "nse_loss": NSELoss,
        "poisson": Poisson,
        "quantile_loss": QuantileLoss,
        "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
        "squared_hinge": SquaredHinge,
        "student_t_nll": StudentTNLL,
    },
    {
        "bce": BinaryCrossentropy,
        "kld": KLDivergence,
        "mae": MeanAbsoluteError,
        "mape": MeanAbsolutePercentageError,
        "mse": MeanSquaredError,
        "msle": MeanSquaredLogarithmicError,
    },
)

__all__ = [
    "Loss",
    "get",
    *(found.__name__ for found in REGISTRY.classes.values()),
    *(function.__name__ for function in FUNCTIONS),
]


def get(identifier: Any) -> Loss | None:
    """Return the loss for a name, an object, a class or a function of this module; None for None.

    Raises
    ------
    ValueError
        The name is unknown.
    TypeError
        `identifier` is nothing of these; for a function the error says how to give its gradient.
    """
    if identifier is None:
        return None
    if callable(identifier) and not isinstance(identifier, Loss | type):
        if isinstance(identifier, Hashable) and identifier in FUNCTIONS:
            return FUNCTIONS[identifier](name=identifier.__name__)
        raise TypeError(
            f"The loss {getattr(identifier, '__name__', identifier)!r} is a function, and nlstm "
            "does not differentiate Python code: subclass nlstm.losses.Loss with "
            "call(y_true, y_pred) and gradient(y_true, y_pred)."
        )
    loss = REGISTRY.get(identifier, "an nlstm.losses.Loss")
    loss.check()
    return loss
