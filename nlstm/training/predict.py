"""What a model gives for data: predict."""

import contextlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nlstm.arguments.former import check_without_effect
from nlstm.data.feed import Feed, is_batches, number_of_batches, pass_over, unpacked
from nlstm.data.sources import Data
from nlstm.network.binder import Bench, Binder
from nlstm.network.network import Network
from nlstm.training.arguments import (
    WITHOUT_EFFECT,
    check_batches,
    check_rest,
    checked_batches,
    checked_rows,
)
from nlstm.training.feeds import Steps
from nlstm.training.hooks import CallbackList
from nlstm.training.long_predict import in_pieces
from nlstm.training.machines import ALONE, engine_of
from nlstm.training.predict_rows import first_batches, rows_at_a_time
from nlstm.training.progress import Progress, checked_verbose
from nlstm.training.reader import Reader
from nlstm.training.results import Results, results_in
from nlstm.training.sampled import Sampler, Sampling, checked_sampling
from nlstm.training.trainable import Trainable

__all__ = ["outputs_of", "predict", "predict_on_batch", "shapes_of"]


def predict(
    self: Trainable,
    x: Any,
    batch_size: int | None = None,
    verbose: Any = "auto",
    steps: int | None = None,
    callbacks: Any = None,
    *,
    lengths: Any = None,
    out: Any = None,
    samples: int | None = None,
    quantiles: Any = None,
    seed: int | None = None,
    distribute: Any = None,
    **former: Any,
) -> Any:
    """Return the model's outputs; dropout is off, unless `samples` draws are asked for.

    Parameters
    ----------
    x : array_like
        As in `fit`. Of batches only x counts.
    batch_size : int, optional
        Rows at a time, by default what suits the caches; draws count as rows. Results do not
        depend on it.
    verbose : {"auto", 0, 1, 2}
        1, and "auto" on a terminal or in a notebook, show a bar while it runs; nothing else is
        printed.
    steps : int, optional
        Batches to take; by default all.
    callbacks : list of Callback, optional
    lengths : array_like of int, optional
        As in `fit`.
    out : ndarray or np.memmap, or a list or dict of them as the outputs are, optional
        Of the outputs' shape and a floating dtype: each batch is written to it as it comes, so
        that nothing grows with the rows. It is what is returned. Of an interrupt or an error
        what was written stays; rows that were not reached are left as they were.
    samples : int, optional
        Give so many draws with dropout on: see the notes.
    quantiles : sequence of float, optional
        Give these quantiles of the draws, such as (0.05, 0.5, 0.95), instead of them.
    seed : int, optional
        The same seed gives the same draws; by default `nlstm.set_random_seed` and the order of
        calls decide.
    distribute : "mpi" or nlstm.distributed.MPI, optional
        Share the rows among the processes of one mpiexec, each of which gets all outputs, in the
        `out` that it gives. Not for draws.
    **former
        For old code: `workers` and the like have no effect.

    Returns
    -------
    ndarray, shape (batch, steps, features) or (batch, features)
        As the outputs were given to the model: a list or a dict where there are several. With
        `samples` draws, or their quantiles, come first: (samples, batch, ...).

    Raises
    ------
    ValueError
        `x` does not fit the model, or the model has no weights yet; or draws are asked for, and it
        has no dropout.

    Notes
    -----
    Draws spread as the model is unsure of its weights, as far as its dropout says it (Gal &
    Ghahramani 2016): ``draws.mean(axis=0)``, ``draws.std(axis=0)``. What varies is the dropout that
    training draws, `Dropout`, `SpatialDropout1D`, `dropout` and `recurrent_dropout`; the masks of
    recurrent layers stay the same over a sequence. All else is as without `samples`: averages of
    `BatchNormalization`, the mean of zoneout, no `GaussianNoise`. A draw depends on the seed, its
    number and the row's number alone. Nothing of the model changes: each draw of a stateful model
    goes on by itself from the states that it has, which stay, and keeps its masks from batch to
    batch.
    """
    if former:
        check_without_effect("predict", former, *WITHOUT_EFFECT)
    if distribute is not None and (engine := engine_of(distribute)) is not ALONE:
        for name, value in (("samples", samples), ("quantiles", quantiles), ("seed", seed)):
            if value is not None:
                raise ValueError(
                    f"{name}={value!r} is for draws, which one process makes: leave distribute "
                    "out, or give each rank a part of x to predict by itself."
                )
        return engine.predict(self, x, batch_size, verbose, steps, callbacks, lengths, out)
    verbose = checked_verbose(verbose)
    steps = checked_batches("steps", steps)
    sampling = None
    if samples is not None or quantiles is not None or seed is not None:
        sampling = checked_sampling(samples, quantiles, seed)
        if out is not None:
            raise ValueError("out takes predictions; what samples gives is returned alone.")
    if is_batches(x):
        check_batches(None, None, lengths)
        each = CallbackList(callbacks, self, {"verbose": verbose})
        return _predict_batches(self, x, steps, each, sampling, verbose, out)
    network = self.design.network_for(x)
    data = Reader(network).inputs(x, lengths)
    if self.design.graph is None:  # the data decide, as in fit
        network = self.binder_for(*data.samples).network
    if batch_size is None and steps is None:
        rows = rows_at_a_time(network, data)
    else:
        rows = checked_rows("batch_size", batch_size, steps, data.rows)
    if steps is not None:
        data = first_batches(data, rows, steps)
    places, rows = None if batch_size is None else rows, min(rows, data.rows)
    check_rest(network, data.rows, rows)
    into = None if out is None else results_in(out, network, data.rows, shapes_of(network, data))
    hooks = None if callbacks is None else CallbackList(callbacks, self, {"verbose": verbose})
    progress = Progress(verbose, dict, lines=False) if verbose == 1 else None
    binder = self.binder_of(network)
    with binder.turn(), binder.bench(self.training) as bench:
        if sampling is not None:
            found = Sampler(binder, bench, sampling).all(data, rows, places, hooks, progress)
        elif hooks is None:  # from beginning to end with the same weights
            found = binder.weights.shared(_together, binder, bench, data, rows, progress, into)
        else:
            found = _predict(binder, bench, data, rows, hooks, progress, into)
    return network.as_outputs(found) if out is None else out


def predict_on_batch(self: Trainable, x: Any) -> Any:
    """Return the model's outputs on the whole of `x` as one batch."""
    return self.predict(x, batch_size=2**31, verbose=0)


def outputs_of(binder: Binder, bench: Bench, data: Data) -> list[np.ndarray]:
    """Return all outputs, some rows at a time, or all where states go from batch to batch."""
    rows = data.rows if binder.network.stateful else rows_at_a_time(binder.network, data)
    given = binder, bench, data, min(rows, data.rows), None, None
    return binder.weights.shared(_together, *given)


def _together(
    binder: Binder,
    bench: Bench,
    data: Data,
    rows: int,
    progress: Progress | None,
    into: Results | None,
) -> list[np.ndarray]:
    """Return all outputs, on a share of the processors where other threads predict too."""
    crowd = binder.weights.readers
    if crowd == 1:
        return _predict(binder, bench, data, rows, None, progress, into)
    ops = binder.network.ops
    before = ops.enter(crowd)
    try:
        return _predict(binder, bench, data, rows, None, progress, into)
    finally:
        ops.leave(before)


def _predict(
    binder: Binder,
    bench: Bench,
    data: Data,
    rows: int,
    hooks: CallbackList | None = None,
    progress: Progress | None = None,
    into: Results | None = None,
) -> list[np.ndarray]:
    """Return all outputs, each (M, T, F) or (M, F), or none where they go `into` others."""
    gate = None if hooks is None else binder.weights.shared

    def step_of(rows: int, data: Data) -> Any:
        return binder.step(bench, rows, data)

    places = None if into is None else into.views(data.rows)
    long = in_pieces(binder, bench, data, rows, gate, places)
    steps_of = Steps(step_of, binder.network, bench, data, gate) if long is None else long
    ops, (step, _) = binder.network.ops, steps_of.bound(rows)
    found = [] if long is None else long.found
    if long is None and into is None:
        found = [ops.empty((data.rows, one.steps, one.features)) for one in step.outputs]
    moved: list[tuple[np.ndarray, np.ndarray]] = []
    before = after = draw = None
    if hooks is not None:
        before = hooks.batch_hook("on_predict_batch_begin")
        after = hooks.batch_hook("on_predict_batch_end")
        hooks.begin_mode("predict")
    if progress is not None:
        progress.begin("predict", math.ceil(data.rows / rows))
        draw = progress.step_hook
    try:
        if hooks is not None:
            hooks.call("on_predict_begin", {})
        for batch, start in enumerate(range(0, data.rows, rows)):
            place = np.arange(start, min(start + rows, data.rows))
            step, run = steps_of.chosen(place)
            if before is not None:
                before(batch, {})
            run()
            if into is not None and long is None:
                into.write(ops, step, start, steps_of.lengths is not None)
            elif long is None:
                for output, result in zip(step.outputs, found, strict=True):
                    ops.scatter_steps(output.value, start, result)
            if into is None and steps_of.lengths is not None:
                moved.append((step.index.host.copy(), place))
            if after is not None:
                after(batch, {})
            if draw is not None:
                draw(batch)
            if hooks is not None and hooks.stopped("predict"):
                break
        if hooks is not None:
            hooks.call("on_predict_end", {})
    except BaseException:
        if hooks is not None:
            hooks.give_up("predict")
        raise
    finally:
        if progress is not None:
            progress.close()
    results = []
    for output, result in zip(step.outputs, found if into is None else (), strict=into is None):
        host = ops.to_host(result) if long is None else result
        for index, place in moved:
            host[index] = host[place]
        host = host[: place[-1] + 1]
        results.append(host if output.sequence else host[:, 0])
    return results


def shapes_of(network: Network, data: Data) -> list[Any]:
    """Return the shape of a sample of each output."""
    return network.graph.output_shapes(
        [
            source.shape[1:] if len(sample) == 2 else source.shape[2:]
            for source, sample in zip(data.x, data.samples, strict=True)
        ]
    )


def _predict_batches(
    self: Trainable,
    x: Any,
    steps: int | None,
    hooks: CallbackList,
    sampling: Sampling | None,
    verbose: int,
    out: Any,
) -> Any:
    feed = Feed(lambda: pass_over(x), number_of_batches(x), steps)
    network = _network_for_batches(self, feed)
    reader, binder = Reader(network), self.binder_of(network)
    feed.make = lambda batch: reader.inputs(unpacked(batch)[0])
    into = None if out is None else results_in(out, network, None, None)
    progress = Progress(verbose, dict, lines=False)
    before = hooks.batch_hook("on_predict_batch_begin")
    after = hooks.batch_hook("on_predict_batch_end")
    parts: list[list[np.ndarray]] = []
    progress.begin("predict", feed.size)
    draw, number, stopped = progress.step_hook, -1, False
    turn, benches = binder.turn(), binder.bench(self.training)
    with contextlib.closing(progress), turn, benches as bench, hooks.around_predict():
        sampler = None if sampling is None else Sampler(binder, bench, sampling)
        for number, data in enumerate(feed.epoch()):
            if before is not None:
                before(number, {})
            if sampler is not None:
                parts.append(sampler.all(data, data.rows))
            elif into is None:
                parts.append(binder.weights.shared(_predict, binder, bench, data, data.rows))
            else:
                into.expect([(data.rows, *one) for one in shapes_of(network, data)])
                rows = (data.rows, None, None, into)
                binder.weights.shared(_predict, binder, bench, data, *rows)
                into.first += data.rows
            if after is not None:
                after(number, {})
            if draw is not None:
                draw(number)
            stopped = hooks.stopped("predict")
            if stopped:
                break
        if number < 0:
            raise ValueError("The data to predict for gave no batch.")
    if into is not None:
        if not stopped:
            into.check_full()
        return out
    names = network.output_names
    outputs = zip(names, zip(*parts, strict=True), strict=True)
    axis = 0 if sampling is None else 1
    joined = [_joined(*one, axis) for one in outputs]
    return network.as_outputs(joined)


def _network_for_batches(self: Trainable, feed: Feed) -> Network:
    """Return the network, which the first batch may decide."""
    if self.design.graph is not None:
        return self.design.network("predict")
    first = feed.peek()
    if first is None:
        raise ValueError("The data to predict for gave no batch.")
    x = unpacked(first)[0]
    return self.binder_for(*Reader(self.design.network_for(x)).inputs(x).samples).network


def _joined(name: str, parts: Sequence[np.ndarray], axis: int) -> np.ndarray:
    """Return the outputs of all batches as one array, joined on the axis of rows."""
    for number, part in enumerate(parts):
        if part.shape[axis + 1 :] != parts[0].shape[axis + 1 :]:
            raise ValueError(
                f"x gives batches of unlike steps, whose outputs are no one array: {name} has "
                f"shape {parts[0].shape} for batch 0, {part.shape} for batch {number}. "
                "predict_on_batch takes them one by one."
            )
    return np.concatenate(parts, axis)
