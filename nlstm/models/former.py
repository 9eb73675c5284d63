"""Methods that models had in Keras 1 and 2: each one says what it is today, and does it."""

from typing import Any

import numpy as np

from nlstm.arguments.former import check_without_effect, taken_for, warn_former
from nlstm.training.history import History

__all__ = [
    "evaluate_generator",
    "fit_generator",
    "predict_classes",
    "predict_generator",
    "predict_proba",
    "reset_states",
]

QUEUE = (
    "max_queue_size", "max_q_size", "workers", "nb_worker", "use_multiprocessing", "pickle_safe",
)  # fmt: skip


def fit_generator(
    self: Any,
    generator: Any,
    steps_per_epoch: int | None = None,
    epochs: int = 1,
    verbose: Any = 1,
    callbacks: Any = None,
    validation_data: Any = None,
    validation_steps: int | None = None,
    validation_freq: Any = 1,
    class_weight: Any = None,
    shuffle: bool = True,
    initial_epoch: int = 0,
    **former: Any,
) -> History:
    """Former name of `fit` for generators."""
    warn_former("fit_generator is now fit, which takes generators too.")
    epochs = taken_for("fit_generator", former, "nb_epoch", "epochs", epochs)
    check_without_effect("fit_generator", former, *QUEUE)
    return self.fit(
        generator, epochs=epochs, verbose=verbose, callbacks=callbacks, shuffle=shuffle,
        validation_data=validation_data, class_weight=class_weight, initial_epoch=initial_epoch,
        steps_per_epoch=steps_per_epoch, validation_steps=validation_steps,
        validation_freq=validation_freq,
    )  # fmt: skip


def evaluate_generator(
    self: Any,
    generator: Any,
    steps: int | None = None,
    callbacks: Any = None,
    verbose: Any = 0,
    **former: Any,
) -> Any:
    """Former name of `evaluate` for generators."""
    warn_former("evaluate_generator is now evaluate, which takes generators too.")
    check_without_effect("evaluate_generator", former, *QUEUE)
    return self.evaluate(generator, steps=steps, callbacks=callbacks, verbose=verbose)


def predict_generator(
    self: Any,
    generator: Any,
    steps: int | None = None,
    callbacks: Any = None,
    verbose: Any = 0,
    **former: Any,
) -> Any:
    """Former name of `predict` for generators."""
    warn_former("predict_generator is now predict, which takes generators too.")
    check_without_effect("predict_generator", former, *QUEUE)
    return self.predict(generator, steps=steps, callbacks=callbacks, verbose=verbose)


def predict_classes(self: Any, x: Any, batch_size: int | None = None, verbose: Any = 0) -> Any:
    """Return the most probable class of each row, or whether one probability is above a half."""
    warn_former(
        "predict_classes is now predict(x).argmax(axis=-1), or predict(x) > 0.5 for one output."
    )
    found = self.predict(x, batch_size=batch_size, verbose=verbose)
    return found.argmax(axis=-1) if found.shape[-1] > 1 else (found > 0.5).astype(np.int32)


def predict_proba(self: Any, x: Any, batch_size: int | None = None, verbose: Any = 0) -> Any:
    """Former name of `predict`."""
    warn_former("predict_proba is now predict.")
    return self.predict(x, batch_size=batch_size, verbose=verbose)


def reset_states(self: Any) -> None:
    """Reset the state of every stateful layer."""
    warn_former("reset_states of a model is now reset_state of its layers.")
    for layer in self.design.layers:
        getattr(layer, "reset_state", _nothing)()


def _nothing() -> None:
    pass
