"""What a model gives for data: predict."""

import math
from typing import Any

import numpy as np

from nlstm.arguments.checks import checked_integer
from nlstm.arguments.former import check_without_effect
from nlstm.data.feed import Feed, is_batches, number_of_batches, pass_over, unpacked
from nlstm.data.sources import Data
from nlstm.network.binder import Bench, Binder
from nlstm.network.network import Network
from nlstm.training.arguments import WITHOUT_EFFECT, check_batches, check_rest, checked_batches
from nlstm.training.feeds import Steps
from nlstm.training.hooks import CallbackList
from nlstm.training.progress import Progress, checked_verbose
from nlstm.training.reader import Reader
from nlstm.training.trainable import Trainable

__all__ = ["predict", "predict_on_batch"]

PREDICT_ELEMENTS = 1 << 20  # of the widest layer's output: about what stays in a second-level cache
PREDICT_ROWS = (32, 512)


def predict(
    self: Trainable,
    x: Any,
    batch_size: int | None = None,
    verbose: Any = "auto",
    steps: int | None = None,
    callbacks: Any = None,
    *,
    lengths: Any = None,
    **former: Any,
) -> Any:
    """Return the model's outputs; dropout is off.

    Parameters
    ----------
    x : array_like
        As in `fit`. Of batches only x counts.
    batch_size : int, optional
        Rows at a time, by default what suits the caches. Results do not depend on it.
    verbose : {"auto", 0, 1, 2}
        1, and "auto" on a terminal or in a notebook, show a bar while it runs; nothing else is
        printed.
    steps : int, optional
        Batches to take; by default all.
    callbacks : list of Callback, optional
    lengths : array_like of int, optional
        As in `fit`.
    **former
        For old code: `workers` and the like have no effect.

    Returns
    -------
    ndarray, shape (batch, steps, features) or (batch, features)
        As the outputs were given to the model: a list or a dict where there are several.

    Raises
    ------
    ValueError
        `x` does not fit the model, or the model has no weights yet.
    """
    if former:
        check_without_effect("predict", former, *WITHOUT_EFFECT)
    verbose = checked_verbose(verbose)
    steps = checked_batches("steps", steps)
    if is_batches(x):
        check_batches(None, None, lengths)
        return _predict_batches(self, x, steps, CallbackList(callbacks, self, {"verbose": verbose}))
    network = self.design.network("predict")
    data = Reader(network).inputs(x, lengths)
    if batch_size is None:
        rows = _rows_at_a_time(network, data)
    else:
        rows = checked_integer("batch_size", batch_size, 1)
    rows = min(rows, data.rows)
    if steps is not None and steps * rows < data.rows:
        data = data.part(slice(steps * rows))
    check_rest(network, data.rows, rows)
    hooks = None if callbacks is None else CallbackList(callbacks, self, {"verbose": verbose})
    progress = Progress(verbose, dict, lines=False) if verbose == 1 else None
    binder = self.binder_of(network)
    with binder.bench(self.training) as bench:
        return network.as_outputs(_predict(binder, bench, data, rows, hooks, progress))


def predict_on_batch(self: Trainable, x: Any) -> Any:
    """Return the model's outputs on the whole of `x` as one batch."""
    return self.predict(x, batch_size=2**31, verbose=0)


def _rows_at_a_time(network: Network, data: Data) -> int:
    longest = max(source.shape[1] for source in data.x)
    rows = PREDICT_ELEMENTS // (longest * network.widest)
    return max(PREDICT_ROWS[0], min(rows, PREDICT_ROWS[1]))


def _predict(
    binder: Binder,
    bench: Bench,
    data: Data,
    rows: int,
    hooks: CallbackList | None = None,
    progress: Progress | None = None,
) -> list[np.ndarray]:
    """Return all outputs, each (M, T, F) or (M, F)."""

    def step_of(rows: int, data: Data) -> Any:
        return binder.step(bench, rows, data)

    steps_of = Steps(step_of, binder.network, bench, data)
    ops, (step, _) = binder.network.ops, steps_of.bound(rows)
    found = [ops.empty((data.rows, output.steps, output.features)) for output in step.outputs]
    moved: list[tuple[np.ndarray, np.ndarray]] = []
    before = after = draw = None
    if hooks is not None:
        before = hooks.batch_hook("on_predict_batch_begin")
        after = hooks.batch_hook("on_predict_batch_end")
        hooks.call("on_predict_begin", {})
    if progress is not None:
        progress.begin("predict", math.ceil(data.rows / rows))
        draw = progress.step_hook
    try:
        for batch, start in enumerate(range(0, data.rows, rows)):
            place = np.arange(start, min(start + rows, data.rows))
            step, run = steps_of.chosen(place)
            if before is not None:
                before(batch, {})
            run()
            for output, result in zip(step.outputs, found, strict=True):
                ops.scatter_steps(output.value, start, result)
            if steps_of.lengths is not None:
                moved.append((step.index.host.copy(), place))
            if after is not None:
                after(batch, {})
            if draw is not None:
                draw(batch)
    finally:
        if progress is not None:
            progress.close()
    if hooks is not None:
        hooks.call("on_predict_end", {})
    results = []
    for output, result in zip(step.outputs, found, strict=True):
        host = ops.to_host(result)
        for index, place in moved:
            host[index] = host[place]
        results.append(host if output.sequence else host[:, 0])
    return results


def _predict_batches(self: Trainable, x: Any, steps: int | None, hooks: CallbackList) -> Any:
    network = self.design.network("predict")
    reader, binder = Reader(network), self.binder_of(network)
    feed = Feed(lambda: pass_over(x), number_of_batches(x), steps)
    feed.make = lambda batch: reader.inputs(unpacked(batch)[0])
    before = hooks.batch_hook("on_predict_batch_begin")
    after = hooks.batch_hook("on_predict_batch_end")
    parts: list[list[np.ndarray]] = []
    hooks.call("on_predict_begin", {})
    with binder.bench(self.training) as bench:
        for number, data in enumerate(feed.epoch()):
            if before is not None:
                before(number, {})
            parts.append(_predict(binder, bench, data, data.rows))
            if after is not None:
                after(number, {})
    if not parts:
        raise ValueError("The data to predict for gave no batch.")
    hooks.call("on_predict_end", {})
    return network.as_outputs([np.concatenate(part) for part in zip(*parts, strict=True)])
