"""What a model gives for data: predict."""

import math
from typing import Any

import numpy as np

from nlstm.arguments.checks import checked_count
from nlstm.data.feed import Feed, is_batches, number_of_batches, pass_over, unpacked
from nlstm.data.sources import Data
from nlstm.training.hooks import CallbackList
from nlstm.training.loop import Loop, arranged
from nlstm.training.progress import Progress, checked_verbose

__all__ = ["Predictor", "checked_batches"]

PREDICT_ELEMENTS = 1 << 20  # of the widest layer's output: about what stays in a second-level cache
PREDICT_ROWS = (32, 512)


def checked_batches(name: str, value: Any) -> int | None:
    """Return a number of batches, or None for all of them."""
    return None if value is None else checked_count(name, value, 1)


class Predictor(Loop):
    """The part of a model's public face that needs no targets."""

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
        *,
        lengths: Any = None,
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

        Returns
        -------
        ndarray, shape (batch, steps, features) or (batch, features)
            As the outputs were given to the model: a list or a dict where there are several.

        Raises
        ------
        ValueError
            `x` does not fit the model, or the model has no weights yet.
        """
        verbose = checked_verbose(verbose)
        steps = checked_batches("steps", steps)
        if is_batches(x):
            return self._predict_batches(x, verbose, steps, callbacks, lengths)
        _, data = self._inputs(x, lengths, "predict")
        if batch_size is None:
            rows = self._rows_at_a_time(data)
        else:
            rows = checked_count("batch_size", batch_size, 1)
        rows = min(rows, data.rows)
        if steps is not None and steps * rows < data.rows:
            data = data.part(slice(steps * rows))
        self._check_rest(data.rows, rows)
        hooks = None if callbacks is None else CallbackList(callbacks, self, {"verbose": verbose})
        progress = Progress(verbose, dict, lines=False) if verbose == 1 else None
        return self._as_outputs(self._predict(data, rows, hooks, progress))

    def predict_on_batch(self, x: Any) -> Any:
        """Return the model's outputs on the whole of `x` as one batch."""
        return self.predict(x, batch_size=2**31, verbose=0)

    def _check_batches(self, y: Any, weight: Any, lengths: Any, share: float = 0.0) -> None:
        for name, value in (("y", y), ("sample_weight", weight), ("lengths", lengths)):
            if value is not None:
                raise ValueError(f"{name} must be None where x gives batches.")
        if share:
            raise ValueError("validation_split needs arrays, but x gives batches.")

    def _rows_at_a_time(self, data: Data) -> int:
        longest = max(source.shape[1] for source in data.x)
        rows = PREDICT_ELEMENTS // (longest * self._widest())
        return max(PREDICT_ROWS[0], min(rows, PREDICT_ROWS[1]))

    def _predict(
        self,
        data: Data,
        rows: int,
        hooks: CallbackList | None = None,
        progress: Progress | None = None,
    ) -> list[np.ndarray]:
        """Return all outputs, each (M, T, F) or (M, F)."""
        ops = self.ops
        ops.enter()
        batches = self._batches(data, rows, False, None)
        step, run = batches[0]
        found = [ops.empty((data.rows, output.steps, output.features)) for output in step.outputs]
        places: list[tuple[np.ndarray, np.ndarray]] = []
        scatter = ops.scatter_steps
        lengths = self._measured(data)
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
                if data.rows - start < rows:
                    step, run = batches[-1]
                place = np.arange(start, start + step.rows)
                index = arranged(place, lengths)
                step.take(index)
                if before is not None:
                    before(batch, {})
                run()
                for output, result in zip(step.outputs, found, strict=True):
                    scatter(output.value, start, result)
                if lengths is not None:
                    places.append((index, place))
                if after is not None:
                    after(batch, {})
                if draw is not None:
                    draw(batch)
        finally:
            if progress is not None:
                progress.close()
        if hooks is not None:
            hooks.call("on_predict_end", {})
        results = [ops.to_host(result) for result in found]
        for index, place in places:
            for result in results:
                result[index] = result[place]
        return [
            result if output.sequence else result[:, 0]
            for output, result in zip(step.outputs, results, strict=True)
        ]

    def _predict_batches(
        self, x: Any, verbose: int, steps: int | None, callbacks: Any, lengths: Any
    ) -> Any:
        self._check_batches(None, None, lengths)
        feed = Feed(lambda: pass_over(x), number_of_batches(x), steps)
        hooks = CallbackList(callbacks, self, {"verbose": verbose})
        before = hooks.batch_hook("on_predict_batch_begin")
        after = hooks.batch_hook("on_predict_batch_end")
        parts: list[list[np.ndarray]] = []
        hooks.call("on_predict_begin", {})
        for number, batch in enumerate(feed.epoch()):
            if before is not None:
                before(number, {})
            _, data = self._inputs(unpacked(batch)[0], None, "predict")
            parts.append(self._predict(data, data.rows))
            if after is not None:
                after(number, {})
        if not parts:
            raise ValueError("The data to predict for gave no batch.")
        hooks.call("on_predict_end", {})
        return self._as_outputs([np.concatenate(part) for part in zip(*parts, strict=True)])

    def _as_outputs(self, values: list[np.ndarray]) -> Any:
        """Return outputs as the model was given them: one, a list or a dict."""
        return values[0]

    def _widest(self) -> int:
        raise NotImplementedError
