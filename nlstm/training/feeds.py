"""What an epoch runs: the batches of arrays, and those that come one by one."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from nlstm.data.feed import Feed, number_of_batches, pass_over
from nlstm.data.row_order import dealt
from nlstm.data.sources import Data
from nlstm.data.step import Step
from nlstm.kernels.devices import is_gpu
from nlstm.kernels.operations import Cell
from nlstm.network.binder import Bench
from nlstm.network.network import Network

__all__ = ["Ready", "Steps", "array_feed", "raw_feed"]

MANY = 1 << 20  # rows, of which no list is made that nobody needs
Ready = Callable[[], None]  # runs a step whose rows are chosen
StepOf = Callable[[int, Data], Step]


class Steps:
    """The bound steps that take their rows from one set of data.

    Parameters
    ----------
    step_of : callable
        Returns the step for so many rows of data.
    network : Network
    bench : Bench
        Whose plans `step_of` makes.
    data : Data
    gate : callable, optional
        What steps run through: see `Weights.shared`.

    Attributes
    ----------
    lengths : ndarray or None
        By which rows are put in another order inside their batch.
    """

    _order: Cell | None = None  # a GPU's: how many rows were taken, and all in order
    _taken = 0

    def __init__(
        self,
        step_of: StepOf,
        network: Network,
        bench: Bench,
        data: Data,
        gate: Callable[..., Any] | None = None,
    ) -> None:
        self._step_of, self._network, self._bench, self.data = step_of, network, bench, data
        self._gate = gate
        self.lengths = _lengths_of(network, data)
        self._ready: dict[int, tuple[Step, Ready]] = {}
        self._generation = -1

    def __call__(self, index: np.ndarray) -> Ready:
        """Return what runs the step on some rows."""
        return self.chosen(index)[1]

    def chosen(self, index: np.ndarray) -> tuple[Step, Ready]:
        """Return the step for some rows, which it takes next, and what runs it.

        It takes them in the order in which threads get even shares of all steps.
        """
        ready = self.bound(index.size)
        lengths = self.lengths
        ready[0].take(index if lengths is None else index[dealt(lengths[index])])
        return ready

    def bound(self, rows: int) -> tuple[Step, Ready]:
        """Return the step for so many rows, and what runs it."""
        ready = self._ready.get(rows)
        if ready is None or self._generation != self._bench.plans.generation:
            step = self._step_of(rows, self.data)
            if self._generation != self._bench.plans.generation:
                self._ready.clear()  # those were bound to memory that has moved
                self._generation = self._bench.plans.generation
            if self._order is None:
                program = step.program(self._network.ops, self.data)
            else:
                program = step.program(self._network.ops, self.data, self._order.device)
            run = program if self._gate is None else partial(self._gate, program)
            ready = self._ready[rows] = step, run
        return ready

    def follow_orders(self) -> bool:
        """Let steps take their rows by themselves from an order, where they run on a GPU."""
        ops = self._network.ops
        if is_gpu(ops.device):
            self._order = ops.cell(np.int64, 1 + self.data.rows)
        return self._order is not None

    def begin(self, index: np.ndarray, rows: int) -> Iterator[slice]:
        """Upload an order of all rows, and give the places of its batches for `next`."""
        assert self._order is not None
        parts = [slice(start, start + rows) for start in range(0, index.size, rows)]
        found, lengths = self._order.host, self.lengths
        for part in parts:
            batch = index[part]
            found[1:][part] = batch if lengths is None else batch[dealt(lengths[batch])]
        self._go_to(0)
        return iter(parts)

    def next(self, part: slice) -> Ready:
        """Return what runs the step on the rows in a part of the order."""
        rows = min(part.stop, self.data.rows) - part.start
        run = self.bound(rows)[1]
        if part.start != self._taken:  # those before were taken in an earlier process
            self._go_to(part.start)
        self._taken += rows
        return run

    def _go_to(self, start: int) -> None:
        assert self._order is not None
        self._order.host[0] = self._taken = start
        self._order.push()


def array_feed(
    steps_of: Any, rows: int, order: Callable[[int], np.ndarray] | None, steps: int | None
) -> Feed:
    """Return the batches of arrays: cut from the rows, by `order` anew at each pass."""
    total = steps_of.data.rows
    rows = min(rows, total)
    queued = steps_of.follow_orders()

    def begin() -> Iterator[Any]:
        steps_of.bound(rows)  # what cannot be bound draws no order
        if order is None and not queued and total > MANY:
            places = ((start, min(start + rows, total)) for start in range(0, total, rows))
            return (np.arange(*place) for place in places)
        index = np.arange(total) if order is None else order(total)
        if queued:
            return steps_of.begin(index, rows)
        return (index[start : start + rows] for start in range(0, total, rows))

    feed = Feed(begin, -(-total // rows), steps)
    feed.make = steps_of.next if queued else steps_of
    feed.again = lambda: (
        (steps_of.data, np.arange(start, min(start + rows, total)))
        for start in range(0, total, rows)
    )
    return feed


def raw_feed(x: Any, order: Callable[[int], np.ndarray] | None, steps: int | None) -> Feed:
    """Return batches that come one by one, as they come: see `Feed.make`."""
    feed = Feed(lambda: pass_over(x, order), number_of_batches(x), steps)
    feed.once = hasattr(x, "__next__")
    if not feed.once:
        feed.again = lambda: islice(pass_over(x), feed.size)
    return feed


def _lengths_of(network: Network, data: Data) -> np.ndarray | None:
    """Return the lengths by which rows may be put in another order inside their batch."""
    found = next((one for one in data.lengths if one is not None), None)
    return None if found is None or network.stateful else found
