"""The ranks that train one model: what each takes of a batch, and that they stay of one mind."""

import contextlib
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from nlstm.distributed.comm import Comm, broadcast, gathered
from nlstm.distributed.reduction import Reduction
from nlstm.distributed.share import Share
from nlstm.plan.plan import Plan

__all__ = ["Team"]


class Team:
    """All ranks, which call its methods in the same order.

    Parameters
    ----------
    comm : Comm
    by_rank : bool, default False
        Whether each rank brings rows of its own, and all of them are its share.

    Attributes
    ----------
    share : Share
        What this rank has of the batch.
    """

    def __init__(self, comm: Comm, by_rank: bool = False) -> None:
        self.comm, self.by_rank = comm, by_rank
        self.share = Share(comm.rank, comm.size)
        self._begun = self._together = self._busy = False

    @property
    def first(self) -> bool:
        """Whether this is rank 0, which prints, writes and runs callbacks."""
        return self.comm.rank == 0

    def sums_of(self, plan: Plan) -> Reduction:
        """Return what adds up a plan's batches over all ranks."""
        return Reduction(self.comm, self.share, self.by_rank, plan)

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Return the means over all rows of a batch, from those over the rows here."""
        sums = np.append(values, 1.0) * self.share.count
        self.comm.allreduce_(sums)
        return sums[:-1] / sums[-1]

    @contextlib.contextmanager
    def agreeing(self) -> Iterator[None]:
        """Let an error before the first step be everybody's, and one after it end all ranks."""
        if self._busy:
            raise RuntimeError(
                "A call with distribute= is running: a callback runs on rank 0 alone, so what it "
                "calls cannot be distributed."
            )
        self._begun, self._together, self._busy = False, False, True
        try:
            with warnings.catch_warnings():
                if not self.first:  # rank 0 says it
                    warnings.simplefilter("ignore")
                yield
        except Exception as error:
            if not self._begun:
                self.agree(f"{type(error).__name__}: {error}")
            elif not self._together:
                traceback.print_exc()
                sys.stderr.write(f"nlstm: rank {self.comm.rank} ends all ranks.\n")
                self.comm.abort(1)
            raise
        finally:
            self._busy = False

    def agree(self, error: str | None = None, given: Any = None) -> None:
        """Go on where no rank has an error, and all were given the same."""
        self._begun = True
        found = gathered(self.comm, int(error is not None))[:, 0]
        if not found.any():
            self._compare(given)
            return
        rank = int(np.argmax(found))
        text = broadcast(self.comm, error, rank)
        if error is None:
            raise self.shared_error(f"Rank {rank} cannot begin: {text}")
        self._together = True

    def shared_error(self, text: str) -> RuntimeError:
        """Return an error that every rank raises, so that none has to be ended."""
        self._together = True
        return RuntimeError(text)

    def _compare(self, given: Any) -> None:
        """Raise where a rank was given something else than rank 0."""
        shown = repr(given)
        first = broadcast(self.comm, shown)
        differs = gathered(self.comm, int(shown != first))[:, 0]
        if differs.any():
            rank = int(np.argmax(differs))
            other = broadcast(self.comm, shown, rank)
            raise self.shared_error(
                f"Rank {rank} was given other data or arguments than rank 0: {other}, not {first}. "
                "Every rank gets all rows and takes its share of each batch; MPI(shard='rank') "
                "lets each have rows of its own."
            )

    def from_first(self, made: Callable[[], Any]) -> Any:
        """Return what rank 0 makes, on every rank; its error is everybody's."""
        value, error = None, None
        if self.first:
            try:
                value = made()
            except Exception as caught:
                error = caught
        value, text = broadcast(
            self.comm, (value, None if error is None else f"{type(error).__name__}: {error}")
        )
        if error is not None:
            self._together = True
            raise error
        if text is not None:
            raise self.shared_error(f"Rank 0 raised {text}")
        return value
