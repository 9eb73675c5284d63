"""Training a model: fit, and one batch at a time."""

from typing import Any

import numpy as np

from nlstm.arguments.checks import checked_flag, checked_integer
from nlstm.arguments.former import check_without_effect, taken_for
from nlstm.arguments.warned import warn_user
from nlstm.data.feed import is_batches
from nlstm.data.sources import Data, split
from nlstm.network.binder import Binder
from nlstm.training.arguments import (
    WITHOUT_EFFECT,
    as_list,
    check_batches,
    check_rest,
    check_same_rows,
    checked_batches,
    checked_frequency,
    checked_rows,
    checked_share,
    read_validation,
    samples_of_first,
)
from nlstm.training.bptt import checked_bptt
from nlstm.training.evaluate import unwrapped
from nlstm.training.feeds import raw_feed
from nlstm.training.history import History
from nlstm.training.machines import checkpointing, on_machines
from nlstm.training.progress import Progress, checked_verbose
from nlstm.training.reader import Reader
from nlstm.training.run import Run
from nlstm.training.trainable import Trainable
from nlstm.training.training import Training

__all__ = ["fit", "train_on_batch"]


@on_machines
def fit(
    self: Trainable,
    x: Any = None,
    y: Any = None,
    batch_size: int | None = None,
    epochs: int = 1,
    verbose: Any = "auto",
    callbacks: Any = None,
    validation_split: float = 0.0,
    validation_data: Any = None,
    shuffle: bool = True,
    class_weight: dict[int, float] | None = None,
    sample_weight: Any = None,
    initial_epoch: int = 0,
    steps_per_epoch: int | None = None,
    validation_steps: int | None = None,
    validation_batch_size: int | None = None,
    validation_freq: Any = 1,
    *,
    lengths: Any = None,
    validation_lengths: Any = None,
    bptt_steps: int | None = None,
    bptt_update: str = "piece",
    distribute: Any = None,
    checkpoint: Any = None,
    checkpoint_every: int | None = None,
    **former: Any,
) -> History:
    """Train for some epochs.

    Parameters
    ----------
    x : array_like, shape (batch, steps, features) or (batch, features)
        Any real dtype; converted once. A list or a dict by input names where the model has
        several inputs. Or what yields batches: a generator, an iterable, or an object with
        ``__len__`` and ``__getitem__``, of x, (x, y) or (x, y, sample_weight). Or a source of
        windows, such as `nlstm.windows.Windows`.
    y : array_like
        Of the outputs' shape; (batch, 1) serves every step of outputs (batch, steps, 1). Class
        indices for the sparse losses. A list or a dict by output names where there are several.
    batch_size : int, default 32
        Rows per training step; the last one of an epoch may have fewer.
    epochs : int, default 1
        The epoch to end at.
    verbose : {"auto", 0, 1, 2}
        0 nothing, 1 a live bar, 2 a line an epoch; "auto" is 1 on a terminal or in a notebook,
        else 2.
    callbacks : list of Callback, optional
    validation_split : float, default 0
        Share of the rows, the last ones, held back for validation.
    validation_data : (x, y) or (x, y, sample_weight) or batches, optional
        Evaluated after each epoch; wins over `validation_split`.
    shuffle : bool, default True
        Take the rows in a new random order at each epoch; numbered batches too, but not those
        of generators and other iterables.
    class_weight : dict of int to float, optional
        Weighs each row, or each step, by its class; classes that are missing weigh 1.
    sample_weight : array_like, shape (batch,), (batch, steps) or (batch, steps, 1), optional
        Weighs the loss; the sum is still divided by the number of elements, as in Keras. A list
        or a dict by output names weighs each output on its own.
    initial_epoch : int, default 0
        The epoch to start at.
    steps_per_epoch : int, optional
        Batches in an epoch; the next one goes on from there, and one in which the rows end is cut
        short. By default all. Without `batch_size`, arrays are cut into so many batches.
    validation_steps : int, optional
        Batches of a validation; as `steps_per_epoch`.
    validation_batch_size : int, optional
        By default `batch_size`.
    validation_freq : int or collection of int, default 1
        Validate after every so many epochs, or after these, counted from 1.
    lengths, validation_lengths : array_like of int, shape (batch,), optional
        How many steps of each row count, as a mask would say it; the rest is padding. A list or
        dict where there are several inputs, with None for those without.
    bptt_steps : int, optional
        Truncated back-propagation through time: train on pieces of so many steps, each of which
        goes on from the states before it, as a loop over stateful layers does; memory is that of
        a piece. Every batch starts from zeros. Where the outputs have no steps, the last
        `bptt_steps` are trained on, and those before give the states alone. By default sequences
        are trained on as a whole.
    bptt_update : {"piece", "sequence"}
        Update the weights after each piece, or once a batch, by the gradient of the loss over
        whole sequences, which is cut off between pieces.
    distribute : "mpi" or nlstm.distributed.MPI, optional
        Train on all processes that mpiexec or srun started: each computes its share of every
        batch, and all have the same weights. `batch_size` is that of all together.
    checkpoint : path, optional
        A folder for this fit alone. After each epoch it gets all that a fit needs to go on; the
        same fit, started again, goes on from there, and on another number of processes too. Another
        model, loss or optimizer is an error that names what differs: see `BackupAndRestore`.
    checkpoint_every : int, optional
        Batches after which it gets that too.
    **former
        For old code: `nb_epoch` is `epochs`; `workers`, `use_multiprocessing` and
        `max_queue_size` have no effect.

    Returns
    -------
    History
        ``history.history`` has one list per loss and metric. The same object is `model.history`
        from the start of fit, so that it holds the epochs so far after an interrupt.

    Raises
    ------
    ValueError, TypeError
        The data do not fit the model; nothing was changed.
    KeyboardInterrupt
        Ctrl-C falls between two steps or inside one before its update: the weights are those of
        the last whole step. The same holds for any error of a generator.

    Warns
    -----
    RuntimeWarning
        The loss has become NaN or infinite; once per fit. Or batches ran out, of x or of
        validation_data, without which training goes on.
    UserWarning
        There are no weights to train, so that fit evaluates. Or `lengths` come without
        `validation_lengths` for validation_data that are arrays.
    """
    if former:
        epochs = taken_for("fit", former, "nb_epoch", "epochs", epochs)
        check_without_effect("fit", former, *WITHOUT_EFFECT)
    checked_rows("batch_size", batch_size, None, 1)
    epochs = checked_integer("epochs", epochs, 0)
    initial_epoch = checked_integer("initial_epoch", initial_epoch, 0)
    steps = checked_batches("steps_per_epoch", steps_per_epoch)
    held_steps = checked_batches("validation_steps", validation_steps)
    verbose = distribute.verbose(checked_verbose(verbose))
    if not (isinstance(shuffle, str) and shuffle == "batch"):  # Keras 2's, for files of arrays
        shuffle = checked_flag("shuffle", shuffle)
    is_due = checked_frequency(validation_freq)
    bptt = checked_bptt(bptt_steps, bptt_update)
    share, design, training = checked_share(validation_split), self.design, self.training
    data: Data | None = None
    held: Data | None = None
    if is_batches(x):
        check_batches(y, sample_weight, lengths, share)
    training.check_compiled("fit", trains=True)
    if not is_batches(x):
        network = design.network_for(x)
        reader = Reader(network, training.aims)
        data = reader.data(x, y, sample_weight, "fit", lengths, class_weight)
        if share and validation_data is None:
            # Class weights are for training alone.
            plain = data if class_weight is None else reader.data(x, y, None, "fit", lengths)
            data, held = split(data, share)[0], split(plain, share)[1]
        rows = min(checked_rows("batch_size", batch_size, steps, data.rows), data.rows)
        check_rest(network, data.rows, rows)
    if validation_data is not None and not is_batches(validation_data):
        held = read_validation(design, training, validation_data, validation_lengths, lengths)
    if bptt is not None and data is not None:
        bptt.check(network, data, held)
    if held is not None:
        held_size = batch_size if validation_batch_size is None else validation_batch_size
        held_rows = checked_rows("validation_batch_size", held_size, held_steps, held.rows)
        held_rows = min(held_rows, held.rows)
        if data is not None:
            if held.samples != data.samples:
                raise ValueError(
                    f"In validation_data: samples have shapes {held.samples}; those of x have "
                    f"{data.samples}."
                )
            check_same_rows(network, rows, held_rows)

    def order(rows: int) -> np.ndarray:
        return self.training.order(rows)  # of the one that a callback has compiled, if any did

    shuffled = order if shuffle else None
    if data is None:
        feed = raw_feed(x, shuffled, steps)
    size = steps or (feed.size if data is None else -(-data.rows // rows))
    history = History()
    params = {"epochs": epochs, "steps": size, "verbose": verbose}
    own = [history, *checkpointing(checkpoint, checkpoint_every, distribute)]
    hooks = distribute.hooks(as_list(callbacks), own, self, params)
    if data is None:
        binder = self.binder_for(*samples_of_first(design, training, feed, "fit", class_weight))
        if bptt is not None:
            bptt.check(binder.network, held)
    else:
        binder = self.binder_for(*data.samples)
    if held is not None:
        check_rest(binder.network, held.rows, held_rows, held_steps)
    updates = _has_weights_to_train(binder, training)
    if not updates:
        shuffled = None
    with binder.turn(training.in_numpy), binder.bench(training) as bench:
        given: dict[str, Any] = {
            "epochs": epochs,
            "first": initial_epoch,
            "steps": steps,
            "updates": updates,
        }
        if data is not None:
            given |= {"shapes": data.key, "rows": data.rows, "batch": rows}
        run = distribute.run(binder, bench, training, hooks, given, bptt)
        if data is None:
            feed.make = run.reading(updates, class_weight)
        else:
            feed = run.array_feed(data, rows, updates, shuffled, steps)
        validation = None
        if held is not None:
            validation = run.array_feed(held, held_rows, False, None, held_steps)
        elif validation_data is not None:
            validation = raw_feed(validation_data, None, held_steps)
            validation.make = run.reading(False)
        self.history, self.stop_training = history, False
        progress = Progress(verbose, run.logs)
        run.train(feed, epochs, initial_epoch, progress, validation, is_due)
    return history


def train_on_batch(
    self: Trainable,
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    class_weight: dict[int, float] | None = None,
    return_dict: bool = False,
    *,
    lengths: Any = None,
) -> Any:
    """Take one training step on the whole of `x`; return loss and metrics as `evaluate` does.

    The figures are this batch's alone.
    """
    return_dict = checked_flag("return_dict", return_dict)
    self.training.check_compiled("train_on_batch", trains=True)
    reader = Reader(self.design.network_for(x), self.training.aims)
    data = reader.data(x, y, sample_weight, "train_on_batch", lengths, class_weight)
    binder = self.binder_for(*data.samples)
    updates = _has_weights_to_train(binder, self.training)
    logs = Run.once(binder, self.training, data, updates)
    return logs if return_dict else unwrapped(logs)


def _has_weights_to_train(binder: Binder, training: Training) -> bool:
    """Whether a step changes anything; warn where it only evaluates, as Keras does then."""
    if binder.weights.trained(training.frozen):
        return True
    warn_user("The model has no weights to train: it is evaluated.", UserWarning)
    return False
