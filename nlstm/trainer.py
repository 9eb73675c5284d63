"""What a person does with a model and data: compile, fit, evaluate, predict."""

import math
import operator
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from nlstm import losses, optimizers
from nlstm.callbacks import CallbackList, History
from nlstm.data import Data, as_input, split
from nlstm.loop import Loop
from nlstm.metrics import check as check_metric
from nlstm.plan import run
from nlstm.progress import Progress, checked_verbose
from nlstm.step import Step

__all__ = ["Trainer"]

BATCH_SIZE = 32  # Keras's default
PREDICT_ELEMENTS = 1 << 20  # of the widest layer's output: about what stays in a second-level cache
PREDICT_ROWS = (32, 512)


def _count(name: str, value: Any, least: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer; got {value!r}.") from None
    if number < least:
        raise ValueError(f"{name} must be at least {least}; got {number}.")
    return number


class Trainer(Loop):
    """The public face of the loop."""

    stop_training = False
    history: History | None = None

    def compile(self, optimizer: Any, loss: Any, metrics: Any = None) -> None:
        """Choose how the model is trained.

        Parameters
        ----------
        optimizer : str or Optimizer
            "adam", "sgd", or an object of `nlstm.optimizers`.
        loss : str or Loss
            A name such as "mean_squared_error", or an object of `nlstm.losses`.
        metrics : list of str or Metric, optional
            Reported beside the loss: "mae", "accuracy", ...

        Raises
        ------
        ValueError, TypeError
            A name is unknown (the error gives the near ones), or a thing of the wrong kind came.
        """
        new_loss, new_optimizer = losses.get(loss), optimizers.get(optimizer)
        new_metrics = _as_list(metrics)
        for metric in new_metrics:
            check_metric(metric)
        self.loss, self.optimizer, self._metrics = new_loss, new_optimizer, new_metrics
        self._forget_steps()

    def fit(
        self,
        x: Any,
        y: Any,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Sequence[Any] | None = None,
        shuffle: bool = True,
        *,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        validation_batch_size: int | None = None,
    ) -> History:
        """Train for some epochs.

        Parameters
        ----------
        x : array_like, shape (batch, steps, features) or (batch, features)
            Any real dtype; converted once.
        y : array_like
            Of the outputs' shape; (batch, 1) serves every step of outputs (batch, steps, 1). Class
            indices for the sparse losses.
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
        validation_data : (x, y) or (x, y, sample_weight), optional
            Evaluated after each epoch; wins over `validation_split`.
        shuffle : bool, default True
            Take the rows in a new random order at each epoch.
        sample_weight : array_like, shape (batch,) or (batch, steps), optional
            Weighs the loss; the sum is still divided by the number of elements, as in Keras.
        initial_epoch : int, default 0
            The epoch to start at.
        validation_batch_size : int, optional
            By default `batch_size`.

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
            the last whole step.

        Warns
        -----
        RuntimeWarning
            The loss has become NaN or infinite; once per fit.
        """
        rows = _count("batch_size", BATCH_SIZE if batch_size is None else batch_size, 1)
        epochs = _count("epochs", epochs, 0)
        initial_epoch = _count("initial_epoch", initial_epoch, 0)
        verbose = checked_verbose(verbose)
        data, validation = self._training_data(
            x, y, sample_weight, validation_split, validation_data
        )
        rows = min(rows, data.rows)
        validation_rows = _count("validation_batch_size", validation_batch_size or rows, 1)
        steps = math.ceil(data.rows / rows)
        history = History()
        params = {"epochs": epochs, "steps": steps, "verbose": verbose}
        hooks = CallbackList([*_as_list(callbacks), history], self, params)
        if verbose:
            self.ops.announce_compilation()
        self._ready(data)
        goal = self._bound_goal()
        progress = Progress(verbose, goal.logs)
        self.history, self.stop_training = history, False
        warned = False
        logs: dict[str, float] = {}
        hooks.call("on_train_begin", {})
        try:
            for epoch in range(initial_epoch, epochs):
                hooks.call("on_epoch_begin", epoch, {})
                progress.begin(f"Epoch {epoch + 1}/{epochs}", steps)
                batches = self._batches(data, rows, training=True)
                order = self._order(data.rows, shuffle)
                self._run_batches(batches, order, rows, "train", hooks, progress)
                logs = goal.logs()
                if not (warned or math.isfinite(logs["loss"])):
                    warned = self._warn_of_loss(logs["loss"], epoch)
                if validation is not None:
                    found = self._evaluate(validation, validation_rows, hooks, None)
                    logs |= {f"val_{name}": value for name, value in found.items()}
                progress.end(logs)
                hooks.call("on_epoch_end", epoch, logs)
                if self.stop_training:
                    break
        finally:
            progress.close()
        hooks.call("on_train_end", logs)
        return history

    def evaluate(
        self,
        x: Any,
        y: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        *,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Return the loss, or [loss, metrics...], or all by name, on data; dropout is off.

        Parameters
        ----------
        x, y, batch_size, verbose, sample_weight, callbacks
            As in `fit`.
        return_dict : bool, default False

        Returns
        -------
        float, list of float, or dict of str to float
        """
        rows = _count("batch_size", BATCH_SIZE if batch_size is None else batch_size, 1)
        verbose = checked_verbose(verbose)
        data = self._data(x, y, sample_weight, "evaluate")
        hooks = CallbackList(callbacks, self, {"verbose": verbose})
        self._ready(data)
        progress = Progress(verbose, self._bound_goal().logs)
        logs = self._evaluate(data, rows, hooks, progress)
        return logs if return_dict else _unwrapped(logs)

    def predict(
        self, x: Any, batch_size: int | None = None, verbose: Any = "auto", callbacks: Any = None
    ) -> np.ndarray:
        """Return the model's outputs; dropout is off.

        Parameters
        ----------
        x : array_like
            As in `fit`.
        batch_size : int, optional
            Rows at a time, by default what suits the caches. Results do not depend on it.
        verbose : {"auto", 0, 1, 2}
            1, and "auto" on a terminal or in a notebook, show a bar while it runs; nothing else is
            printed.
        callbacks : list of Callback, optional

        Returns
        -------
        ndarray, shape (batch, steps, features) or (batch, features)

        Raises
        ------
        ValueError
            `x` does not fit the model, or the model has no weights yet.
        """
        verbose = checked_verbose(verbose)
        sample = self._sample_shape(x, before_build="predict")
        data = Data(as_input(x, sample, self._input_name(), self.dtype), sample)
        steps = data.x.shape[1]
        if batch_size is None:
            rows = PREDICT_ELEMENTS // (steps * self._widest())
            rows = max(PREDICT_ROWS[0], min(rows, PREDICT_ROWS[1]))
        else:
            rows = _count("batch_size", batch_size, 1)
        rows = min(rows, data.rows)
        hooks = CallbackList(callbacks, self, {"verbose": verbose})
        progress = Progress(verbose, dict, lines=False)
        ops = self.ops
        ops.enter()
        first, *_ = batches = self._batches(data, rows, training=False, goal=False)
        output = first[0].output
        result = np.empty((data.rows, output.steps, output.features), self.dtype)

        def keep(step: Step, start: int) -> None:
            ops.scatter_steps(step.output.value, start, result)

        progress.begin("predict", math.ceil(data.rows / rows))
        hooks.call("on_predict_begin", {})
        try:
            order = np.arange(data.rows)
            self._run_batches(batches, order, rows, "predict", hooks, progress, keep)
        finally:
            progress.close()
        hooks.call("on_predict_end", {})
        return result if output.sequence else result[:, 0]

    def train_on_batch(
        self, x: Any, y: Any, sample_weight: Any = None, *, return_dict: bool = False
    ) -> Any:
        """Take one training step on the whole of `x`; return loss and metrics as `evaluate` does.

        Keras 3 goes on averaging from call to call; these figures are this batch's alone.
        """
        return self._on_batch(x, y, sample_weight, True, return_dict)

    def test_on_batch(
        self, x: Any, y: Any, sample_weight: Any = None, *, return_dict: bool = False
    ) -> Any:
        """Return loss and metrics on the whole of `x` as one batch."""
        return self._on_batch(x, y, sample_weight, False, return_dict)

    def predict_on_batch(self, x: Any) -> np.ndarray:
        """Return the model's outputs on the whole of `x` as one batch."""
        return self.predict(x, batch_size=2**31, verbose=0)

    # Parts of these

    def _training_data(
        self, x: Any, y: Any, weight: Any, share: float, validation: Sequence[Any] | None
    ) -> tuple[Data, Data | None]:
        if isinstance(share, bool) or not 0.0 <= share < 1.0:
            raise ValueError(f"validation_split must be at least 0 and below 1; got {share!r}.")
        data = self._data(x, y, weight, "fit")
        if validation is not None:
            if not isinstance(validation, tuple | list) or len(validation) not in (2, 3):
                raise ValueError("validation_data must be (x, y) or (x, y, sample_weight).")
            try:
                held_x, held_y, held_weight = (*validation, None)[:3]
                return data, self._data(held_x, held_y, held_weight, "fit")
            except (ValueError, TypeError) as error:
                raise type(error)(f"In validation_data: {error}") from None
        return split(data, share) if share else (data, None)

    def _evaluate(
        self, data: Data, rows: int, hooks: CallbackList, progress: Progress | None
    ) -> dict[str, float]:
        goal = self._bound_goal()
        rows = min(rows, data.rows)
        batches = self._batches(data, rows, training=False)
        if progress is not None:
            progress.begin("evaluate", math.ceil(data.rows / rows))
        hooks.call("on_test_begin", {})
        try:
            order = np.arange(data.rows)
            self._run_batches(batches, order, rows, "test", hooks, progress)
            logs = goal.logs()
            if progress is not None:
                progress.end(logs)
        finally:
            if progress is not None:
                progress.close()
        hooks.call("on_test_end", logs)
        return logs

    def _on_batch(self, x: Any, y: Any, weight: Any, training: bool, return_dict: bool) -> Any:
        data = self._data(x, y, weight, "train_on_batch" if training else "test_on_batch")
        self._ready(data)
        goal = self._bound_goal()
        step = self._step(data.rows, data, training, goal)
        step.index[:] = np.arange(data.rows)
        goal.reset()
        run(step.calls_on(self.ops, data))
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


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _unwrapped(logs: dict[str, float]) -> Any:
    values = list(logs.values())
    return values[0] if len(values) == 1 else values
