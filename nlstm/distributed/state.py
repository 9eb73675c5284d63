"""What rank 0 has, on all ranks: weights, and what training has made besides."""

from typing import Any

import numpy as np

from nlstm.distributed.comm import broadcast
from nlstm.distributed.team import Team
from nlstm.network.binder import Binder
from nlstm.training.state import restore_state, state_of

__all__ = ["broadcast_training", "broadcast_weights"]


def broadcast_weights(team: Team, binder: Binder) -> None:
    """Give every rank the weights of rank 0."""
    for home in binder.weights.homes:
        values = np.ascontiguousarray(home.ops.to_host(home.value))
        team.comm.broadcast_(values)
        if not team.first:
            binder.weights.exclusive(home.ops.write, home.value, values)


def broadcast_training(team: Team, run: Any) -> None:
    """Let every rank begin with rank 0's weights, moments, learning rate, seeds and counters.

    States of stateful layers are each rank's own rows, and stay.
    """
    binder, training = run.binder, run.training
    numbers, arrays = state_of(binder, training)
    own = {name: one for name, one in arrays.items() if name.startswith("/states/")}
    rest = {name: one for name, one in arrays.items() if name not in own}
    numbers, rest = broadcast(team.comm, (numbers, rest) if team.first else None)
    broadcast_weights(team, binder)
    if not team.first:
        restore_state(binder, training, numbers, rest | own)
