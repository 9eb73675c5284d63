"""Methods that models had in Keras 1 and 2: each one says what it is today, and does it."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nlstm.arguments.former import check_without_effect, taken_for, warn_former

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


# What the methods for generators took, by place.
QUEUES = ("max_queue_size", "workers", "use_multiprocessing")
FIT = (
    "steps_per_epoch", "epochs", "verbose", "callbacks", "validation_data", "validation_steps",
    "validation_freq", "class_weight", *QUEUES, "shuffle", "initial_epoch",
)  # fmt: skip
# What counted rows, and what counts batches in its place.
ROWS = {
    "samples_per_epoch": "steps_per_epoch",
    "nb_val_samples": "validation_steps",
    "val_samples": "steps",
}
ASK = ("steps", "callbacks", *QUEUES, "verbose")


def _for_generators(method: str, order: tuple[str, ...], **defaults: Any) -> Callable[..., Any]:
    """Return the former method for generators, in whose place `method` is."""
    name = f"{method}_generator"

    def run(self: Any, generator: Any, *by_place: Any, **by_name: Any) -> Any:
        warn_former(f"{name} is now {method}, which takes generators too.")
        if len(by_place) > len(order):
            raise TypeError(f"{name} takes {len(order)} arguments behind the generator at most.")
        given = dict(zip(order, by_place, strict=False))
        twice = sorted(given.keys() & by_name)
        if twice:
            raise TypeError(f"{name} got {twice[0]} twice.")
        given |= by_name
        if "epochs" in order and "nb_epoch" in given:
            given["epochs"] = taken_for(name, given, "nb_epoch", "epochs", None)
        for rows in given.keys() & ROWS.keys():
            raise TypeError(
                f"{rows} of {name} counted rows; {ROWS[rows]} counts batches: divide by the rows "
                "of one."
            )
        known = {one: value for one, value in given.items() if one in order and one not in QUEUE}
        check_without_effect(name, {one: given[one] for one in given if one not in known}, *QUEUE)
        return getattr(self, method)(generator, **defaults | known)

    run.__name__, run.__qualname__ = name, f"Model.{name}"
    run.__doc__ = f"Former name of `{method}` for generators."
    return run


fit_generator = _for_generators("fit", FIT)
evaluate_generator = _for_generators("evaluate", ASK, verbose=0)
predict_generator = _for_generators("predict", ASK, verbose=0)


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
