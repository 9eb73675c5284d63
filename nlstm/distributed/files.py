"""Checkpoints of several ranks: rank 0 reads and writes, with the states of all rows."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nlstm.distributed.share import own_states, whole_states
from nlstm.distributed.team import Team

__all__ = ["SharedFiles"]

STATES = "/states/"
Kept = tuple[dict[str, Any], dict[str, np.ndarray]]


class SharedFiles:
    """Who writes and reads a fit's checkpoints.

    Parameters
    ----------
    team : Team
    """

    def __init__(self, team: Team) -> None:
        self._team = team

    @property
    def first(self) -> bool:
        """Whether files are this rank's."""
        return self._team.first

    def write(
        self,
        write: Callable[[dict[str, np.ndarray], Mapping[str, Any]], None],
        arrays: dict[str, np.ndarray],
        state: Mapping[str, Any],
    ) -> None:
        """Write on rank 0, whose error is everybody's."""
        names = [name for name in arrays if name.startswith(STATES)]
        states = [arrays[name] for name in names]
        whole = whole_states(states, self._team.share, self._team.comm.allreduce_)
        arrays = arrays | dict(zip(names, whole, strict=True))
        self._team.from_first(lambda: write(arrays, state))

    def read(self, read: Callable[[], Kept | None]) -> Kept | None:
        """Return what rank 0 reads, with the states of this rank's rows."""
        found = self._team.from_first(read)
        if found is None:
            return None
        state, arrays = found
        for name in [name for name in arrays if name.startswith(STATES)]:
            arrays[name] = own_states([arrays[name]], self._team.share)[0]
        return state, arrays
