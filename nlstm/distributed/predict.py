"""Predictions that ranks share: each computes its rows, and all get the whole."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from nlstm.data.feed import is_batches, pass_over, unpacked
from nlstm.data.sources import Data
from nlstm.distributed.hooks import SharedHooks
from nlstm.distributed.run import check_device, shared_states
from nlstm.distributed.team import Team
from nlstm.training.arguments import check_batches, check_rest, checked_batches, checked_rows
from nlstm.training.hooks import CallbackList
from nlstm.training.predict import outputs_of, shapes_of
from nlstm.training.predict_rows import first_batches, rows_at_a_time
from nlstm.training.progress import checked_verbose
from nlstm.training.reader import Reader
from nlstm.training.results import Results, results_in
from nlstm.training.trainable import Trainable

__all__ = ["predict_shared"]


def predict_shared(
    team: Team,
    model: Trainable,
    x: Any,
    batch_size: int | None,
    verbose: Any,
    steps: int | None,
    callbacks: Any,
    lengths: Any,
    out: Any = None,
) -> Any:
    """Return what `predict` does, all rows on every rank. Arguments as of `predict`.

    Where each rank brings its own rows, each gets those. Into `out` they go batch by batch, and no
    rank has more of them in memory.
    """
    checked_verbose(verbose)
    steps = checked_batches("steps", steps)
    hooks = SharedHooks(team, callbacks or (), (), model, {"verbose": verbose})
    if is_batches(x):
        check_batches(None, None, lengths)
        batches = _read(model, x, steps)
        first = next(batches, None)
        if first is None:
            raise ValueError("The data to predict for gave no batch.")
        network, every = first[0], first[1]
        parts: Iterator[Data] = (data for _, data in batches)
        into = None if out is None else results_in(out, network, None, None)
        if into is not None:
            into.expect([(every.rows, *one) for one in shapes_of(network, every)])
    else:
        network = model.design.network_for(x)
        every = Reader(network).inputs(x, lengths)
        if model.design.graph is None:
            network = model.binder_for(*every.samples).network
        rows = rows_at_a_time(network, every) * team.comm.size
        if batch_size is not None or steps is not None:
            rows = checked_rows("batch_size", batch_size, steps, every.rows)
        if steps is not None:
            every = first_batches(every, rows, steps)
        rows = min(rows, every.rows)
        check_rest(network, every.rows, rows)
        whole, parts = every, iter(())
        shapes = shapes_of(network, every)
        into = None if out is None else results_in(out, network, every.rows, shapes)
        if network.stateful or hooks.callbacks or team.by_rank or into is not None:
            starts = range(0, whole.rows, rows)
            parts = (whole.part(slice(start, start + rows)) for start in starts[1:])
            every = whole.part(slice(rows))
    binder = model.binder_of(network)
    check_device(team, binder)
    given = every.rows, every.key, binder.weights.shapes, into is None
    team.agree(None, into is None if team.by_rank else given)
    found = _all_parts(team, model, binder, every, parts, hooks, into)
    return network.as_outputs(found) if into is None else out


def _read(model: Trainable, x: Any, steps: int | None) -> Iterator[tuple[Any, Data]]:
    """Give the network and the inputs of each batch."""
    for number, batch in enumerate(pass_over(x)):
        if steps is not None and number == steps:
            return
        given = unpacked(batch)[0]
        network = model.design.network_for(given)
        data = Reader(network).inputs(given)
        yield model.binder_for(*data.samples).network, data


def _all_parts(
    team: Team,
    model: Trainable,
    binder: Any,
    first: Data,
    rest: Iterator[Data],
    hooks: CallbackList,
    into: Results | None,
) -> list[np.ndarray]:
    """Return the outputs of all batches, or none where they go `into` others."""
    found: list[list[np.ndarray]] = []
    team.share.mode, team.share.step = "predict", 0
    hooks.begin_mode("predict")
    hooks.call("on_predict_begin", {})
    before = hooks.batch_hook("on_predict_batch_begin")
    after = hooks.batch_hook("on_predict_batch_end")
    with binder.turn(), binder.bench(model.training) as bench, shared_states(team, binder):
        data: Data | None = first
        number, stopped = 0, False
        while data is not None:
            if before is not None:
                before(number, {})
            outputs = _part(team, binder, bench, data)
            if into is None:
                found.append(outputs)
            else:
                into.expect([one.shape for one in outputs])
                into.append(outputs)
            if after is not None:
                after(number, {})
            number, stopped = number + 1, hooks.stopped("predict")
            data = None if stopped else next(rest, None)
    hooks.call("on_predict_end", {})
    if into is not None and not stopped:
        into.check_full()
    return [np.concatenate(parts) for parts in zip(*found, strict=True)]


def _part(team: Team, binder: Any, bench: Any, data: Data) -> list[np.ndarray]:
    """Return the outputs of one batch, of which this rank computes its rows."""
    rows, share = data.rows, team.share
    if team.by_rank:
        share.keep(np.arange(rows), rows)
        return outputs_of(binder, bench, data)
    index = share.take(np.arange(rows))
    mine = data.part(slice(int(index[0]), int(index[-1]) + 1))
    start, stop = share.first, share.first + share.count
    found = []
    for output in outputs_of(binder, bench, mine):
        whole = np.zeros((rows, *output.shape[1:]), output.dtype)
        whole[start:stop] = output[: share.count]
        team.comm.allreduce_(whole.view(f"u{whole.itemsize}"))  # to the bit: zeros elsewhere
        found.append(whole)
    return found
