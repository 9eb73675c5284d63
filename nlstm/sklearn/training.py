"""Making and training the model of an estimator or a forecaster, by its parameters."""

import copy
from collections.abc import Sequence
from typing import Any

from sklearn.utils import check_random_state

from nlstm import optimizers
from nlstm.arguments.checks import WrongKind, checked_flag
from nlstm.callbacks import EarlyStopping
from nlstm.sklearn.network import network
from nlstm.sklearn.sequences import Sequences

__all__ = ["check_made", "make", "train"]

OF_MODELS = ("units", "num_layers", "bidirectional", "dropout", "dtype")


def make(estimator: Any, features: int, heads: Sequence[tuple[int, str | None]], loss: Any) -> None:
    """Give an estimator a new model."""
    estimator.model_ = network(
        features,
        heads,
        check_random_state(estimator.random_state),
        units=estimator.units,
        num_layers=estimator.num_layers,
        bidirectional=checked_flag("bidirectional", estimator.bidirectional),
        dropout=estimator.dropout,
        dtype=estimator.dtype,
    )
    if loss is None:
        raise WrongKind("loss must be a name, a Loss or a function; got None.")
    estimator.model_.compile(_optimizer(estimator), loss)
    estimator._made_with = {name: getattr(estimator, name) for name in OF_MODELS}
    estimator.loss_curve_, estimator.validation_loss_curve_ = [], []


def check_made(estimator: Any) -> None:
    """Raise where a model that is to go on was made with other parameters than are set now."""
    before = getattr(estimator, "_made_with", {})  # those of former versions did not keep them
    for name, value in before.items():
        if getattr(estimator, name) != value:
            raise ValueError(
                f"{name} was set to {getattr(estimator, name)!r} after a fit with {value!r}, which "
                "cannot go on: warm_start=False starts anew."
            )


def _optimizer(estimator: Any) -> Any:
    """Return a new optimizer: by name with the learning rate, or a copy of one that was given."""
    if estimator.optimizer is None:
        raise WrongKind("optimizer must be a name or an nlstm.optimizers.Optimizer; got None.")
    if not isinstance(estimator.optimizer, str):
        return copy.deepcopy(estimator.optimizer)
    found = optimizers.get(estimator.optimizer)
    assert found is not None
    found.learning_rate = estimator.learning_rate
    return found


def train(
    estimator: Any,
    x: Any,
    y: Any = None,
    weight: Any = None,
    *,
    validation_data: Any = None,
    epochs: int | None = None,
) -> None:
    """Train an estimator's model; with validation data until their loss falls no more.

    Parameters
    ----------
    x : Sequences or Windows
    y, weight : optional
        Where there are no windows.
    validation_data : Windows, or (Sequences, y, weight), optional
    epochs : int, optional
        By default the estimator's.
    """
    options: dict[str, Any] = {}
    if isinstance(x, Sequences):
        options |= {"lengths": x.lengths, "sample_weight": weight}
        x = x.array
    if validation_data is not None:
        if isinstance(validation_data, tuple):
            held, *others = validation_data
            options["validation_lengths"] = held.lengths
            validation_data = (held.array, *[one for one in others if one is not None])
        stopping = EarlyStopping(
            patience=estimator.n_iter_no_change,
            min_delta=estimator.tol,
            restore_best_weights=True,
        )
        options |= {"validation_data": validation_data, "callbacks": [stopping]}
    model = estimator.model_
    if isinstance(estimator.optimizer, str):  # it may have been set since
        model.optimizer.learning_rate = estimator.learning_rate
    found = model.fit(
        x,
        y,
        epochs=estimator.epochs if epochs is None else epochs,
        batch_size=estimator.batch_size,
        verbose=min(2, int(estimator.verbose)),
        **options,
    ).history
    estimator.loss_curve_ += found["loss"]
    estimator.validation_loss_curve_ += found.get("val_loss", [])
    estimator.n_iter_ = len(found["loss"])
