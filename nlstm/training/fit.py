"""What a person does with a model and data: compile, fit, evaluate, and by batches."""

import math
import warnings
from typing import Any

from nlstm import optimizers
from nlstm.arguments.checks import checked_count
from nlstm.arguments.config import encode
from nlstm.data.feed import Feed, is_batches
from nlstm.data.sources import Data, is_pair, split
from nlstm.training.goal import aims
from nlstm.training.history import History
from nlstm.training.hooks import CallbackList
from nlstm.training.predict import Predictor, checked_batches
from nlstm.training.progress import Progress, checked_verbose

__all__ = ["Trainer"]

BATCH_SIZE = 32  # Keras's default


class Trainer(Predictor):
    """The public face of the loop."""

    stop_training = False
    history: History | None = None
    _feed: Feed | None = None  # what fit runs on
    _resume = (0, 0)  # the epoch and batch to start at, which a callback may change as fit begins
    _compile_arguments: dict[str, Any] | None = None

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Choose how the model is trained.

        Parameters
        ----------
        optimizer : str or Optimizer, default "rmsprop"
            "adam", "sgd", or an object of `nlstm.optimizers`.
        loss : str or Loss, or list or dict of them
            A name such as "mean_squared_error", or an object of `nlstm.losses`. With several
            outputs one for all, or a list or a dict by output names; None leaves an output out.
        loss_weights : float, or list or dict of float, optional
            Weighs the losses in their sum, which training makes small.
        metrics, weighted_metrics : list of str or Metric, optional
            Reported beside the loss: "mae", "accuracy", ... The weighted ones get the sample
            weights. With several outputs a list with an entry for each, or a dict.
        run_eagerly, steps_per_execution, jit_compile, auto_scale_loss
            For old code; without effect.

        Raises
        ------
        ValueError, TypeError
            A name is unknown (the error gives the near ones), or a thing of the wrong kind came.
        """
        names = self.output_names
        new_aims = aims(names, loss, loss_weights, metrics, weighted_metrics)
        new_optimizer = optimizers.get(optimizer)
        self.optimizer, self._aims = new_optimizer, new_aims
        self._note_frozen()
        found = [aim.loss for aim in new_aims]
        self.loss = found[0] if len(found) == 1 else found
        self._compile_arguments = {
            "optimizer": new_optimizer,
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
        }
        self._forget_steps()

    def get_compile_config(self) -> dict[str, Any] | None:
        """Return the arguments of `compile`, as JSON can hold them; None before it."""
        arguments = self._compile_arguments
        if arguments is None or self.optimizer is None:
            return None
        return {name: encode(value, f"{name} of compile") for name, value in arguments.items()}

    def fit(
        self,
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
        sample_weight : array_like, shape (batch,) or (batch, steps), optional
            Weighs the loss; the sum is still divided by the number of elements, as in Keras. A list
            or a dict by output names weighs each output on its own.
        initial_epoch : int, default 0
            The epoch to start at.
        steps_per_epoch : int, optional
            Batches in an epoch; the next one goes on from there. By default all.
        validation_steps : int, optional
            Batches of a validation; by default all.
        validation_batch_size : int, optional
            By default `batch_size`.
        validation_freq : int or collection of int, default 1
            Validate after every so many epochs, or after these, counted from 1.
        lengths, validation_lengths : array_like of int, shape (batch,), optional
            How many steps of each row count, as a mask would say it; the rest is padding. A list or
            dict where there are several inputs, with None for those without.

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
            The loss has become NaN or infinite; once per fit. Or batches ran out.
        """
        rows = checked_count("batch_size", BATCH_SIZE if batch_size is None else batch_size, 1)
        epochs = checked_count("epochs", epochs, 0)
        initial_epoch = checked_count("initial_epoch", initial_epoch, 0)
        steps = checked_batches("steps_per_epoch", steps_per_epoch)
        held_steps = checked_batches("validation_steps", validation_steps)
        verbose = checked_verbose(verbose)
        frequency = _checked_frequency(validation_freq)
        if isinstance(validation_split, bool) or not 0.0 <= validation_split < 1.0:
            raise ValueError(
                f"validation_split must be at least 0 and below 1; got {validation_split!r}."
            )
        held: Data | None = None
        if is_batches(x):
            self._check_batches(y, sample_weight, lengths, validation_split)
            self._check_compiled("fit")
            feed = self._batch_feed(x, True, shuffle, steps, class_weight)
        else:
            data = self._data(x, y, sample_weight, "fit", lengths, class_weight)
            if validation_split and validation_data is None:
                # Class weights are for training alone.
                plain = data if class_weight is None else self._data(x, y, None, "fit", lengths)
                data, held = split(data, validation_split)[0], split(plain, validation_split)[1]
            rows = min(rows, data.rows)
            feed = self._array_feed(data, rows, True, shuffle, steps)
        validation: Feed | None = None
        if is_batches(validation_data):
            validation = self._batch_feed(validation_data, False, False, held_steps)
        elif validation_data is not None:
            held = self._validation_data(validation_data, validation_lengths)
        if held is not None:
            if not is_batches(x) and held.samples != data.samples:
                raise ValueError(
                    f"In validation_data: samples have shapes {held.samples}; those of x have "
                    f"{data.samples}."
                )
            held_rows = checked_count("validation_batch_size", validation_batch_size or rows, 1)
            if not is_batches(x):
                self._check_same_rows(rows, min(held_rows, held.rows))
            validation = self._array_feed(held, held_rows, False, False, held_steps)
        history = History()
        params = {"epochs": epochs, "steps": feed.size, "verbose": verbose}
        hooks = CallbackList([*_as_list(callbacks), history], self, params)
        if verbose:
            self.ops.announce_compilation()
        if is_batches(x):
            self.ops.enter()
            feed.peek()
        else:
            self._ready(data)
            self._bound_goal()
        progress = Progress(verbose, self._running_logs)
        self.history, self.stop_training = history, False
        warned = False
        logs: dict[str, float] = {}
        self._feed, self._resume = feed, (initial_epoch, 0)
        hooks.call("on_train_begin", {})
        initial_epoch, first = self._resume
        try:
            for epoch in range(initial_epoch, epochs):
                hooks.call("on_epoch_begin", epoch, {})
                progress.begin(f"Epoch {epoch + 1}/{epochs}", feed.size)
                count, first = self._run(feed, "train", hooks, progress, first), 0
                if count == 0:
                    _warn_of_no_batches(epoch)
                    break
                progress.steps = count
                logs = self._running_logs()
                if not (warned or math.isfinite(logs["loss"])):
                    warned = self._warn_of_loss(logs["loss"], epoch)
                if validation is not None and _is_due(epoch, frequency):
                    found = self._evaluate(validation, hooks, None)
                    logs |= {f"val_{name}": value for name, value in found.items()}
                progress.end(logs)
                hooks.call("on_epoch_end", epoch, logs)
                if self.stop_training or (steps is not None and count < steps):
                    break
        finally:
            progress.close()
            self._feed = None
        if self.optimizer is not None and epochs > 0:
            self.optimizer.finalize()
        hooks.call("on_train_end", logs)
        return history

    def evaluate(
        self,
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
    ) -> Any:
        """Return the loss, or [loss, metrics...], or all by name, on data; dropout is off.

        Parameters
        ----------
        x, y, batch_size, verbose, sample_weight, callbacks, lengths
            As in `fit`.
        steps : int, optional
            Batches to take; by default all.
        return_dict : bool, default False

        Returns
        -------
        float, list of float, or dict of str to float
            With several outputs: the loss, that of each output, then the metrics by name.
        """
        rows = checked_count("batch_size", BATCH_SIZE if batch_size is None else batch_size, 1)
        steps = checked_batches("steps", steps)
        verbose = checked_verbose(verbose)
        if is_batches(x):
            self._check_batches(y, sample_weight, lengths)
            self._check_compiled("evaluate")
            feed = self._batch_feed(x, False, False, steps)
        else:
            data = self._data(x, y, sample_weight, "evaluate", lengths)
            self._ready(data)
            self._bound_goal()
            feed = self._array_feed(data, rows, False, False, steps)
        hooks = CallbackList(callbacks, self, {"verbose": verbose})
        if is_batches(x):
            self.ops.enter()
            feed.peek()
        logs = self._evaluate(feed, hooks, Progress(verbose, self._running_logs))
        return logs if return_dict else _unwrapped(logs)

    def train_on_batch(
        self,
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
        data = self._data(x, y, sample_weight, "train_on_batch", lengths, class_weight)
        return self._on_batch(data, True, return_dict)

    def test_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        return_dict: bool = False,
        *,
        lengths: Any = None,
    ) -> Any:
        """Return loss and metrics on the whole of `x` as one batch."""
        data = self._data(x, y, sample_weight, "test_on_batch", lengths)
        return self._on_batch(data, False, return_dict)

    # Parts of these

    def _check_compiled(self, action: str) -> None:
        if not any(aim.loss for aim in self._aims):
            raise ValueError(f"{action} needs a loss: call compile(optimizer, loss) first.")

    def _validation_data(self, given: Any, lengths: Any) -> Data:
        if is_pair(given):
            given = (given, None)
        if not isinstance(given, tuple | list) or len(given) not in (2, 3):
            raise ValueError("validation_data must be (x, y) or (x, y, sample_weight).")
        try:
            x, y, weight = (*given, None)[:3]
            return self._data(x, y, weight, "fit", lengths)
        except (ValueError, TypeError) as error:
            raise type(error)(f"In validation_data: {error}") from None

    def _check_same_rows(self, rows: int, held_rows: int) -> None:
        for layer in self._layers if held_rows != rows else ():
            if getattr(layer, "stateful", False):
                raise ValueError(
                    f"{layer.name} is stateful, so that all batches need as many rows: those of x "
                    f"have {rows}, those of validation_data {held_rows}."
                )

    def _evaluate(
        self, feed: Feed, hooks: CallbackList, progress: Progress | None
    ) -> dict[str, float]:
        if progress is not None:
            progress.begin("evaluate", feed.size)
        else:
            feed.restart()
        hooks.call("on_test_begin", {})
        try:
            count = self._run(feed, "test", hooks, progress)
            if count == 0:
                raise ValueError("The data to evaluate gave no batch.")
            logs = self._running_logs()
            if progress is not None:
                progress.steps = count
                progress.end(logs)
        finally:
            if progress is not None:
                progress.close()
        hooks.call("on_test_end", logs)
        return logs

    def _on_batch(self, data: Data, training: bool, return_dict: bool) -> Any:
        _, run = self._whole(data, training)
        goal = self._bound_goal()
        goal.reset()
        run()
        logs = goal.logs()
        if training and not math.isfinite(logs["loss"]):
            self._warn_of_loss(logs["loss"], None)
        return logs if return_dict else _unwrapped(logs)

    def _warn_of_loss(self, loss: float, epoch: int | None) -> bool:
        broken = self.first_non_finite_weights()
        where = "" if epoch is None else f" in epoch {epoch + 1}"
        weights = (
            f"the first weights that are not finite are {broken}"
            if broken
            else ("all weights are still finite")
        )
        warnings.warn(
            f"The loss became {loss}{where}; {weights}. "
            "A smaller learning rate or data of smaller values may help.",
            RuntimeWarning,
            stacklevel=3,
        )
        return True


def _checked_frequency(value: Any) -> Any:
    """Return the epochs between validations, or the set of epochs that end with one."""
    if isinstance(value, list | tuple | set | range):
        return {checked_count("validation_freq", one, 1) for one in value}
    return checked_count("validation_freq", value, 1)


def _is_due(epoch: int, frequency: Any) -> bool:
    return epoch + 1 in frequency if isinstance(frequency, set) else not (epoch + 1) % frequency


def _warn_of_no_batches(epoch: int) -> None:
    if epoch == 0:
        raise ValueError("x gave no batch.")
    warnings.warn(
        f"The data ran out before epoch {epoch + 1}: training stops. A generator can be gone "
        "through once; steps_per_epoch cuts it into epochs.",
        RuntimeWarning,
        stacklevel=3,
    )


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _unwrapped(logs: dict[str, float]) -> Any:
    values = list(logs.values())
    return values[0] if len(values) == 1 else values
