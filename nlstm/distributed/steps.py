"""Steps on this rank's part of each batch, whole or in pieces."""

import numpy as np

from nlstm.data.row_order import dealt
from nlstm.data.sources import Data
from nlstm.data.step import Step
from nlstm.distributed.comm import gathered
from nlstm.distributed.team import Team
from nlstm.kernels.operations import Cell
from nlstm.training.feeds import Ready, Steps
from nlstm.training.pieces import Pieces

__all__ = ["SharedPieces", "SharedSteps"]


def own_part(team: Team, counter: Cell, index: np.ndarray, full: int) -> np.ndarray:
    """Return this rank's part of a batch, and tell layers which rows they are.

    Parameters
    ----------
    full : int
        Rows of a whole batch, where each rank brings its own; 0 where all have as many.
    """
    share = team.share
    if team.by_rank:
        part = share.keep(index, full or share.size * index.size)
    else:
        part = share.take(index)
    counter.host[1:] = share.first, part.size, share.whole
    counter.push()
    return part


class SharedSteps(Steps):
    """Steps on this rank's part of each batch."""

    team: Team
    counter: Cell
    full = 0  # rows of a whole batch, where each rank brings its own

    def follow_orders(self) -> bool:
        """Take rows one batch at a time."""
        return False

    def chosen(self, index: np.ndarray) -> tuple[Step, Ready]:
        """Return the step for this rank's part of some rows, and what runs it."""
        if self.lengths is not None and index.size:
            index = index[dealt(self.lengths[index])]
        part = own_part(self.team, self.counter, index, self.full)
        ready = self.bound(part.size)
        ready[0].take(part)
        return ready


class SharedPieces:
    """Steps on the pieces of this rank's part of each batch.

    Parameters
    ----------
    team : Team
    counter : Cell
        The binder's.
    pieces : Pieces

    Attributes
    ----------
    full : int
        As of `SharedSteps`.
    """

    full = 0

    def __init__(self, team: Team, counter: Cell, pieces: Pieces) -> None:
        self._team, self._counter, self._pieces = team, counter, pieces
        steps = gathered(team.comm, pieces.steps)[:, 0]
        if (steps != steps[0]).any():
            raise team.shared_error(
                f"bptt_steps needs sequences of as many steps on all ranks; got {steps.tolist()}."
            )

    @property
    def data(self) -> Data:
        """What rows are taken from."""
        return self._pieces.data

    def __call__(self, index: np.ndarray) -> Ready:
        """Return what runs all pieces of this rank's part of some rows."""
        return self._pieces(own_part(self._team, self._counter, index, self.full))
