"""What a copy or a pickle of a model holds: what a file holds, and the objects that were given.

Layers, losses, metrics, callbacks and whatever was set on the model go as they are; weights as
arrays in Keras's shapes; the optimizer with its moments. What was bound to memory stays behind.
"""

from typing import Any, Protocol

from nlstm.arguments.copies import found_again, plain_state
from nlstm.network.binder import Binder
from nlstm.network.design import Design
from nlstm.plan.turns import turn
from nlstm.training.training import Training

__all__ = ["rebuild", "state_of"]

STAY_BEHIND = frozenset({"_binder", "_building", "_arguments"})


class Copied(Protocol):
    """A model, as far as this file knows it."""

    name: str
    design: Design
    training: Training
    _binder: Binder | None
    _building: Any

    def binder_for(self) -> Binder:
        """Return what binds the network; weights are made."""


def state_of(model: Copied) -> dict[str, Any]:
    """Return what copies and pickles of a model hold."""
    kept = {name: one for name, one in vars(model).items() if name not in STAY_BEHIND}
    binder, training, made = model._binder, model.training, None
    if binder is not None:
        binder.counter.pull()
        made = int(binder.counter.host[0]), binder.serves(training)
    # The design comes first: its graph is written flat, and what follows finds it there.
    kept = {"design": model.design, **kept}
    return plain_state(kept, f"{type(model).__name__} {model.name!r}") | {"_binder": made}


def rebuild(model: Copied, state: dict[str, Any]) -> None:
    """Make a model of what `state_of` gave."""
    made = state.pop("_binder")
    vars(model).update(found_again(state))
    model._binder, model._building = None, turn()
    if made is None:
        return
    steps, trained = made
    binder = model.binder_for()
    binder.counter.host[0] = steps
    binder.counter.push()
    if trained:
        binder.optimized(model.training)  # takes the moments
