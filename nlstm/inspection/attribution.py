"""`attribute`: which feature at which step made an output what it is."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nlstm.arguments.checks import (
    WrongKind,
    checked_choice,
    checked_number,
    checked_seed,
    checked_size,
)
from nlstm.arguments.numbers import as_numbers
from nlstm.arguments.warned import warn_user
from nlstm.inspection import gradients
from nlstm.inspection.attributions import Attribution
from nlstm.inspection.occlusion import occluded
from nlstm.inspection.passes import Observed, looked_up
from nlstm.inspection.tables import percent
from nlstm.inspection.targets import Target, chosen
from nlstm.network.binder import Bench

__all__ = ["METHODS", "attribute"]

METHODS = ("gradient", "gradient_x_input", "integrated_gradients", "smoothgrad", "occlusion")
STEPS = (50, 100, 200, 400, 800)
MISSED = 0.01  # of completeness; more is warned of


def attribute(
    model: Any,
    x: Any,
    target: Any = None,
    method: str = "integrated_gradients",
    *,
    baseline: Any = None,
    steps: int | None = None,
    samples: int = 50,
    noise: float = 0.1,
    window: Any = (1, 1),
    lengths: Any = None,
    batch_size: int | None = None,
    seed: int = 0,
) -> Attribution:
    """Return what each number of the input has done for one number of the output.

    Parameters
    ----------
    model : Sequential or Model
        It stays as it is. Stateful layers are seen from zeros on.
    x : array_like, or list or dict of them, or Windows
        As in `predict`.
    target : int, (int, int), array_like of int, or dict, optional
        Which number of the output: a feature; of outputs with steps (step, feature). An array has
        one for each row. Of several outputs ``{"name": ...}`` chooses one. It may be left out where
        a row's output is one number.
    method : str
        "gradient": what a small change of the input would do. "gradient_x_input". \
        "integrated_gradients": the mean gradient on the way from the baseline, times the way; the \
        values of a row sum up to the difference of the outputs. "smoothgrad": the mean gradient \
        around the input. "occlusion": what the output loses where the baseline takes the place of \
        a window of the input.
    baseline : number, array_like or "mean", default zeros
        For integrated gradients and occlusion: what stands for "nothing". Of the shape of x, of
        one row, of one step, or one number; of several inputs a dict by their names. For tokens an
        index; by default the embedding's zeros, and for occlusion token 0. "mean" is the mean of
        each feature in x.
    steps : int, optional
        Places of the integral (Gauss's and Legendre's); by default 50, and twice as many as long as
        more than 1 % is missed, up to 800.
    samples, noise : int, float
        For SmoothGrad: gradients a row, and the deviation of the noise by that of each feature.
    window : (int or None, int or None), default (1, 1)
        For occlusion: steps and features that are hidden together, None for all: (1, None) hides
        steps, (None, 1) features.
    lengths : array_like of int, optional
        As in `predict`.
    batch_size : int, optional
        Rows at a time, by default what suits the caches. Values do not depend on it.
    seed : int, default 0
        Of the noise.

    Returns
    -------
    Attribution
        `values` has the shape of x. For tokens it is one number each: the sum over the embedding's
        features, and for "gradient" and "smoothgrad" the length of the gradient.

    Warns
    -----
    RuntimeWarning
        Integrated gradients miss more than 1 % of the difference.

    Notes
    -----
    Gradients are those of the kernels that training runs, dropout left out.

    References
    ----------
    Sundararajan, Taly & Yan 2017, "Axiomatic attribution for deep networks"; Smilkov et al. 2017,
    "SmoothGrad"; Zeiler & Fergus 2014, "Visualizing and understanding convolutional networks".

    Examples
    --------
    >>> import numpy as np, nlstm
    >>> from nlstm.inspection import attribute
    >>> from nlstm.layers import LSTM, Dense
    >>> model = nlstm.Sequential([LSTM(4, input_shape=(5, 3)), Dense(1)])
    >>> attribute(model, np.ones((2, 5, 3))).values.shape
    (2, 5, 3)
    """
    method = checked_choice("method", method, METHODS)
    places = STEPS if steps is None else (checked_size("steps", steps),)
    samples = checked_size("samples", samples)
    noise = checked_number("noise", noise, 0)
    seed = checked_seed("seed", seed) or 0
    observed = Observed(model, x, lengths, cut=method != "occlusion")
    asked = _Asked(observed, target, baseline, batch_size)
    if method == "occlusion":
        return asked.occlusion(_checked_window(window))
    if method == "integrated_gradients":
        return asked.integrated(places)
    if method == "smoothgrad":
        return asked.smooth(samples, noise, seed)
    return asked.plain(method)


def _checked_window(window: Any) -> tuple[int | None, int | None]:
    if not isinstance(window, list | tuple) or len(window) != 2:
        raise WrongKind(f"window must be a pair (steps, features); got {window!r}.")
    return tuple(None if one is None else checked_size("window", one) for one in window)  # type: ignore[return-value]


class _Asked:
    """One question to a model."""

    def __init__(self, observed: Observed, target: Any, baseline: Any, batch_size: Any) -> None:
        self.observed, self.batch_size = observed, batch_size
        self.target: Target = observed.watching(self._target, target)
        self.slopes = gradients.Slopes(observed, self.target)
        entries = observed.entries
        self.places = self.slopes.places if any(e.moves for e in entries) else range(len(entries))
        self._baseline = baseline

    def _target(self, bench: Bench, target: Any) -> Target:
        one = self.observed.bound(bench, 1)
        network = self.observed.network
        samples = [(y.steps, y.features, y.sequence) for y in one.outputs]
        return chosen(target, network.output_names, samples, self.observed.rows)

    def plain(self, method: str) -> Attribution:
        """Return gradients, times the input if wanted."""

        def run(bench: Bench, rows: slice) -> Any:
            found, values, outputs = gradients.plain(self.slopes, bench, rows)
            if method == "gradient":
                return found, outputs
            moving = [values[n] for n in self.slopes.places]
            return [one * x for one, x in zip(found, moving, strict=True)], outputs

        values, outputs = self._over_rows(run)
        return Attribution(method, self.target.text, self._shaped(values, method), outputs)

    def smooth(self, samples: int, noise: float, seed: int) -> Attribution:
        """Return SmoothGrad."""
        scales = [noise * self._spread(n)[1] for n in self.slopes.places]
        values, outputs = self._over_rows(
            lambda bench, rows: gradients.smooth(self.slopes, bench, rows, scales, samples, seed)
        )
        shaped = self._shaped(values, "gradient")
        return Attribution("smoothgrad", self.target.text, shaped, outputs)

    def integrated(self, places: tuple[int, ...]) -> Attribution:
        """Return integrated gradients of the first number of places that misses little."""
        found = self._integrated(places[0])
        for steps in places[1:]:
            if found.completeness is None or found.completeness <= MISSED:
                break
            found = self._integrated(steps)
        if found.completeness is not None and found.completeness > MISSED:
            missed = percent(found.completeness)
            warn_user(
                f"Integrated gradients of {found.steps} steps miss {missed} of what they explain: "
                "more steps may miss less, unless the model jumps on the way from the baseline, as "
                "where a mask ends."
            )
        return found

    def _integrated(self, steps: int) -> Attribution:
        baselines = _Baselines(self.observed, self._baseline, self.slopes.places, self._spread)
        values, outputs, base = self._over_rows(
            lambda bench, rows: gradients.integrated(
                self.slopes, bench, rows, baselines.of(rows), steps
            )
        )
        differences = outputs.astype(np.float64) - base
        totals = sum(one.sum(axis=(0, 2), dtype=np.float64) for one in values)
        gaps = totals - differences
        whole = np.abs(differences).sum()
        missed = float(np.abs(gaps).sum() / whole) if whole > 0.0 else 0.0
        shaped = self._shaped(values, "integrated_gradients")
        rest = (outputs, base, gaps, missed, steps)
        return Attribution("integrated_gradients", self.target.text, shaped, *rest)

    def occlusion(self, window: tuple[int | None, int | None]) -> Attribution:
        """Return what is lost without each part."""
        observed, target = self.observed, self.target
        places = range(len(observed.entries))
        baselines = _Baselines(observed, self._baseline, places, self._spread)
        values, outputs, base = self._over_rows(
            lambda bench, rows: occluded(observed, target, bench, rows, baselines.of(rows), window)
        )
        self.places = places
        whole = (window[0] is None, window[1] is None)
        shaped = self._shaped(values, "occlusion")
        return Attribution("occlusion", target.text, shaped, outputs, base, whole=whole)

    def _over_rows(self, run: Any) -> Any:
        """Return what `run` gives for all batches of rows, joined."""

        def all_rows(bench: Bench) -> list[Any]:
            return [run(bench, rows) for rows in self.observed.batches(self.batch_size)]

        parts = self.observed.watching(all_rows)
        values = [np.concatenate(ones, axis=1) for ones in zip(*(p[0] for p in parts), strict=True)]
        return values, *(np.concatenate(ones) for ones in zip(*(p[1:] for p in parts), strict=True))

    def _shaped(self, values: list[np.ndarray], method: str) -> Any:
        """Return values of entries (T, N, F) as the inputs are shaped, by name where several."""
        network = self.observed.network
        found: dict[str, np.ndarray] = {}
        for place, value in zip(self.places, values, strict=True):
            entry = self.observed.entries[place]
            name = network.input_names[entry.number]
            sample = network.graph.inputs[entry.number].sample
            if entry.embedding is not None:
                by_token = np.sqrt((value**2).sum(2)) if method == "gradient" else value.sum(2)
                shaped = by_token.T
            else:
                shaped = value.swapaxes(0, 1) if len(sample) == 2 else value[0]
            found[name] = found[name] + shaped if name in found else np.ascontiguousarray(shaped)
        return found if len(network.graph.inputs) > 1 else next(iter(found.values()))

    def _spread(self, place: int) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and deviation of each feature of an entry, over rows and steps."""
        observed = self.observed
        embedding = observed.entries[place].embedding
        if embedding is not None:
            table = embedding.embeddings.get().astype(np.float64)
            return table.mean(axis=0), table.std(axis=0)
        count, total, squares = 0, 0.0, 0.0
        for rows in observed.batches(self.batch_size):
            part = observed.values(place, rows).astype(np.float64)
            count += part.shape[0] * part.shape[1]
            total, squares = total + part.sum((0, 1)), squares + (part**2).sum((0, 1))
        mean = np.asarray(total) / count
        return mean, np.sqrt(np.maximum(squares / count - mean**2, 0.0))


class _Baselines:
    """What stands for nothing, for some entries of a model."""

    def __init__(self, observed: Observed, given: Any, places: Any, spread: Any) -> None:
        self.observed, self.places = observed, list(places)
        network = observed.network
        self._whole: list[Any] = []
        names = network.input_names
        if isinstance(given, Mapping):
            wrong = [name for name in given if name not in names]
            if wrong:
                raise ValueError(f"baseline names {wrong[0]!r}; the inputs are {', '.join(names)}.")
        for place in self.places:
            number = observed.entries[place].number
            one = given.get(names[number]) if isinstance(given, Mapping) else given
            self._whole.append(self._checked(one, place, spread))

    def _checked(self, given: Any, place: int, spread: Any) -> np.ndarray:
        """Return an array that broadcasts to (T, rows, F)."""
        observed, entry = self.observed, self.observed.entries[place]
        (steps, features), dtype = observed.shape(place), observed.ops.dtype
        if isinstance(given, str):
            if given != "mean":
                raise ValueError(f"baseline must be numbers or 'mean'; got {given!r}.")
            if entry.embedding is None and not entry.moves:
                raise ValueError("baseline='mean' is for numbers; x holds indices.")
            return spread(place)[0].astype(dtype)
        if given is None:
            return np.zeros((1, 1, 1), dtype)
        array = as_numbers("baseline", given)
        sequence = len(observed.network.graph.inputs[entry.number].sample) == 2
        shape = (observed.rows, steps, features) if sequence else (observed.rows, features)
        if entry.embedding is not None:
            shape = (observed.rows, steps)
        try:
            whole = np.broadcast_to(array, shape)
        except ValueError:
            raise ValueError(
                f"baseline of shape {array.shape} does not fit x of shape {shape}."
            ) from None
        if not np.isfinite(whole).all():
            raise ValueError("baseline must be finite; it holds NaN or infinity.")
        if entry.embedding is not None:
            limit = entry.embedding.input_dim
            if whole.min() < 0 or whole.max() >= limit or (whole % 1).any():
                raise ValueError(f"baseline must hold indices from 0 to {limit - 1}.")
            return looked_up(entry.embedding, whole)
        whole = whole.swapaxes(0, 1) if sequence else whole[None]
        return whole.astype(dtype) if whole.dtype != dtype else whole

    def of(self, rows: slice) -> list[np.ndarray]:
        """Return those of some rows, (T, N, F) each."""
        found = []
        for place, whole in zip(self.places, self._whole, strict=True):
            steps, features = self.observed.shape(place)
            part = whole[:, rows] if whole.ndim == 3 and whole.shape[1] > 1 else whole
            shape = (steps, rows.stop - rows.start, features)
            found.append(np.broadcast_to(part, shape))
        return found
