"""Loss and metrics of a model on data: evaluate, and one batch at a time."""

from typing import Any

from nlstm.arguments.checks import checked_flag
from nlstm.arguments.former import check_without_effect
from nlstm.data.feed import is_batches
from nlstm.data.sources import Data
from nlstm.training.arguments import (
    WITHOUT_EFFECT,
    as_list,
    check_batches,
    check_rest,
    checked_batches,
    checked_rows,
    samples_of_first,
)
from nlstm.training.feeds import raw_feed
from nlstm.training.machines import on_machines
from nlstm.training.progress import Progress, checked_verbose
from nlstm.training.reader import Reader
from nlstm.training.run import Run
from nlstm.training.trainable import Trainable

__all__ = ["evaluate", "test_on_batch", "unwrapped"]


@on_machines
def evaluate(
    self: Trainable,
    x: Any = None,
    y: Any = None,
    batch_size: int | None = None,
    verbose: Any = "auto",
    sample_weight: Any = None,
    steps: int | None = None,
    callbacks: Any = None,
    return_dict: bool = False,
    *,
    lengths: Any = None,
    distribute: Any = None,
    **former: Any,
) -> Any:
    """Return the loss, or [loss, metrics...], or all by name, on data; dropout is off.

    Parameters
    ----------
    x, y, batch_size, verbose, sample_weight, callbacks, lengths, distribute
        As in `fit`.
    steps : int, optional
        Batches to take; by default all.
    return_dict : bool, default False
    **former
        For old code: `workers` and the like have no effect.

    Returns
    -------
    float, list of float, or dict of str to float
        With several outputs: the loss, that of each output, then the metrics by name.
    """
    if former:
        check_without_effect("evaluate", former, *WITHOUT_EFFECT)
    steps = checked_batches("steps", steps)
    checked_rows("batch_size", batch_size, None, 1)
    verbose = distribute.verbose(checked_verbose(verbose))
    return_dict = checked_flag("return_dict", return_dict)
    design, training = self.design, self.training
    data: Data | None = None
    if is_batches(x):
        check_batches(y, sample_weight, lengths)
    training.check_compiled("evaluate")
    if is_batches(x):
        feed = raw_feed(x, None, steps)
        binder = self.binder_for(*samples_of_first(design, training, feed, "evaluate"))
    else:
        network = design.network_for(x)
        reader = Reader(network, training.aims)
        data = reader.data(x, y, sample_weight, "evaluate", lengths)
        rows = min(checked_rows("batch_size", batch_size, steps, data.rows), data.rows)
        check_rest(network, data.rows, rows, steps)
        binder = self.binder_for(*data.samples)
    hooks = distribute.hooks(as_list(callbacks), [], self, {"verbose": verbose})
    with binder.turn(training.in_numpy), binder.bench(training) as bench:
        given: dict[str, Any] = {"steps": steps}
        if data is not None:
            given |= {"shapes": data.key, "rows": data.rows, "batch": rows}
        run = distribute.run(binder, bench, training, hooks, given)
        if data is None:
            feed.make = run.reading(False)
        else:
            feed = run.array_feed(data, rows, False, None, steps)
        logs = run.evaluate(feed, Progress(verbose, run.logs))
    return logs if return_dict else unwrapped(logs)


def test_on_batch(
    self: Trainable,
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    return_dict: bool = False,
    *,
    lengths: Any = None,
) -> Any:
    """Return loss and metrics on the whole of `x` as one batch."""
    return_dict = checked_flag("return_dict", return_dict)
    self.training.check_compiled("test_on_batch")
    reader = Reader(self.design.network_for(x), self.training.aims)
    data = reader.data(x, y, sample_weight, "test_on_batch", lengths)
    logs = Run.once(self.binder_for(*data.samples), self.training, data, updates=False)
    return logs if return_dict else unwrapped(logs)


def unwrapped(logs: dict[str, float]) -> Any:
    """Return the one value, or a list of all."""
    values = list(logs.values())
    return values[0] if len(values) == 1 else values
