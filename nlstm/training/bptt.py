"""Truncated back-propagation through time, as fit is told of it."""

from collections.abc import Callable
from typing import Any

from nlstm.arguments.checks import checked_choice, checked_integer
from nlstm.data.pieces import steps_of
from nlstm.data.sources import Data
from nlstm.network.binder import Bench, Binder
from nlstm.network.cutting import CannotCut, Cut, cut_of
from nlstm.network.network import Network
from nlstm.plan.sums import AddingUp
from nlstm.training.pieces import Aimed, Pieces

__all__ = ["Bptt", "checked_bptt"]

UPDATES = "piece", "sequence"


class Bptt:
    """How sequences are cut for training.

    Parameters
    ----------
    steps : int
        Of a piece.
    sums_up : bool
        Whether a sequence has one update.
    """

    def __init__(self, steps: int, sums_up: bool) -> None:
        self.steps, self.sums_up = steps, sums_up
        self._cut: tuple[Network, Cut] | None = None

    def __repr__(self) -> str:
        update = UPDATES[self.sums_up]
        return f'bptt_steps={self.steps}, bptt_update="{update}"'

    def cut(self, network: Network) -> Cut:
        """Return how a network's sequences are cut; raise a ValueError where they cannot be."""
        if self._cut is None or self._cut[0] is not network:
            try:
                self._cut = network, cut_of(network)
            except CannotCut as error:
                raise ValueError(
                    f"bptt_steps={self.steps} cuts sequences into pieces, which this model does "
                    f"not allow: {error}"
                ) from None
        return self._cut[1]

    def check(self, network: Network, *data: Data | None) -> None:
        """Raise where the sequences of a network, or those of data, cannot be cut."""
        cut = self.cut(network)
        for one in data:
            if one is not None:
                steps_of(one, cut, network.input_names)

    def pieces(
        self,
        binder: Binder,
        bench: Bench,
        data: Data,
        aimed: Aimed,
        gate: Callable[..., Any],
        updates: bool,
        team: AddingUp | None = None,
    ) -> Pieces:
        """Return the steps on the pieces of data."""
        cut = self.cut(binder.network)
        sums_up = self.sums_up and updates
        return Pieces(binder, bench, data, cut, self.steps, aimed, gate, sums_up, team)


def checked_bptt(steps: Any, update: Any) -> Bptt | None:
    """Return what `bptt_steps` and `bptt_update` say; None where sequences stay whole."""
    update = checked_choice("bptt_update", update, UPDATES)
    if steps is not None:
        return Bptt(checked_integer("bptt_steps", steps, 1), update == "sequence")
    if update != UPDATES[0]:
        raise ValueError(f'bptt_update="{update}" needs bptt_steps, the steps of a piece.')
    return None
