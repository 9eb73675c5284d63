"""From what a user gives to checked data: inputs, targets, weights, lengths, by name or place."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nlstm.arguments.structures import matched
from nlstm.arguments.warned import warn_user
from nlstm.data.arrays import as_input, as_lengths, as_target, as_weight, named
from nlstm.data.labels import class_weights
from nlstm.data.sources import Data, Source, is_pair
from nlstm.network.network import Network
from nlstm.training.goal import Aim

__all__ = ["Reader"]


class Reader:
    """Reads data for a network; neither changes, but an aim learns from targets what is open.

    Parameters
    ----------
    network : Network
    aims : sequence of Aim
        What its outputs are measured by.
    """

    def __init__(self, network: Network, aims: Sequence[Aim] = ()) -> None:
        self.network, self.aims = network, aims

    def inputs(self, x: Any, lengths: Any = None) -> Data:
        """Check and convert inputs."""
        network, samples = self.network, self.network.samples
        lone = len(samples) == 1 and not (network.nested[0] or network.keyed)
        if lone and lengths is None and type(x) is np.ndarray:  # small calls pay for every line
            name, limit = network.input_names[0], network.graph.limits[0]
            return Data(samples, (as_input(x, samples[0], name, network.ops, "x", limit),))
        if is_pair(x):
            x = x.x
        found, names = list[Source](), list(network.input_names)
        several = len(samples) > 1
        if network.nested[0]:
            x = network.flat_inputs("x", x)
        elif network.keyed or type(x) is dict:
            _compare_keys(names, network.keyed, x)
        given = zip(names, named("x", x, names), strict=True)
        for (name, value), sample, limit in zip(given, samples, network.graph.limits, strict=True):
            shown = f"x[{name!r}]" if several else "x"
            source = as_input(value, sample, name, network.ops, shown, limit)
            if found and source.shape[0] != found[0].shape[0]:
                raise ValueError(
                    f"{shown} has {source.shape[0]} rows, but x[{names[0]!r}] has "
                    f"{found[0].shape[0]}."
                )
            found.append(source)
        if lengths is None:
            return Data(samples, tuple(found))
        measured = tuple(
            None if one is None else as_lengths(one, source, sample)
            for one, source, sample in zip(
                self._lengths(lengths, names), found, samples, strict=True
            )
        )
        return Data(samples, tuple(found), measured)

    def _lengths(self, lengths: Any, names: list[str]) -> list[Any]:
        if isinstance(lengths, dict):
            for name in lengths:
                if name not in names:
                    raise ValueError(f"lengths names {name!r}; the inputs are {', '.join(names)}.")
            return [lengths.get(name) for name in names]
        return [lengths] if len(names) == 1 else named("lengths", lengths, names)

    def data(
        self,
        x: Any,
        y: Any,
        weight: Any,
        action: str,
        lengths: Any = None,
        class_weight: Any = None,
    ) -> Data:
        """Check and convert inputs, targets and sample weights."""
        if y is None and is_pair(x):
            x, y = x.x, x.y
        if y is None:
            raise ValueError(f"{action} needs y; got None.")
        data = self.inputs(x, lengths)
        shapes: Any = self.network.graph.output_shapes(
            [
                source.shape[1:] if len(sample) == 2 else source.shape[2:]
                for source, sample in zip(data.x, data.samples, strict=True)
            ]
        )
        names, rows = list(self.network.output_names), data.rows
        ops, several = self.network.ops, len(names) > 1
        if self.network.nested[1] and y is not None:
            y = matched("y", self.network.form, y)
        values = self._targets(y, names)
        for aim, value, shape in zip(self.aims, values, shapes, strict=True):
            aim.settle(value, shape)
        if class_weight is not None:
            if several or weight is not None:
                raise ValueError(
                    "class_weight is for models of one output and without sample_weight."
                )
            width = self.aims[0].reading.target_features(shapes[0][-1])
            weight = class_weights(values[0], class_weight, shapes[0], width, ops)
        given = self._weights(weight, names)
        targets: list[Any] = []
        weights: list[Any] = []
        for aim, value, one, shape in zip(self.aims, values, given, shapes, strict=True):
            aim.resolved(shape[-1])
            if not aim.needs_target:
                targets.append(None)
                weights.append(None)
                continue
            tag = f"[{aim.name!r}]" if several else ""
            if value is None:
                raise ValueError(f"y{tag} is None, but {aim.name} has a loss or a metric.")
            targets.append(as_target(value, rows, shape, aim.reading, ops, f"y{tag}"))
            steps = shape[0] if len(shape) == 2 else None
            title = f"sample_weight{tag}"
            weights.append(None if one is None else as_weight(one, rows, steps, ops.dtype, title))
        return Data(data.samples, data.x, data.lengths, tuple(targets), tuple(weights))

    def _targets(self, y: Any, names: list[str]) -> list[Any]:
        """Return the targets of each output; those without a loss may be left out."""
        if isinstance(y, dict):
            used = zip(names, self.aims, strict=True)
            wanted = [name for name, aim in used if aim.needs_target]
            found = dict(zip(wanted, named("y", y, wanted), strict=True))
            return [found.get(name) for name in names]
        measured = [aim for aim in self.aims if aim.needs_target]
        if isinstance(y, list | tuple) and 1 < len(measured) == len(y) < len(names):
            values = iter(y)
            return [next(values) if aim.needs_target else None for aim in self.aims]
        if len(measured) == 1 < len(names) and not isinstance(y, list | tuple):
            return [y if aim.needs_target else None for aim in self.aims]
        return named("y", y, names)

    def _weights(self, weight: Any, names: list[str]) -> list[Any]:
        """Return the sample weights of each output; one array serves all."""
        if isinstance(weight, dict):
            for name in weight:
                if name not in names:
                    raise ValueError(
                        f"sample_weight names {name!r}; the outputs are {', '.join(names)}."
                    )
            return [weight.get(name) for name in names]
        entries = isinstance(weight, list | tuple) and len(names) > 1
        if entries and any(one is None or np.ndim(one) for one in weight):
            return named("sample_weight", weight, names)
        return [weight] * len(names)


def _compare_keys(names: Sequence[str], keyed: bool, x: Any) -> None:
    """Warn, as Keras does, where a list came for a dict, or a dict has entries that nothing takes.

    `as_input` raises where one is missing.
    """
    if not isinstance(x, Mapping):
        text = f"x came without names, for a dict of {', '.join(names)}."
    else:
        left = [key for key in x if key not in names]
        if not left or len(left) == len(x):
            return
        text = f"x has entries that no input takes: {', '.join(map(repr, left))}."
    # Keras's own words, by which some leave it out
    words = "The structure of `inputs` doesn't match the expected structure"
    warn_user(f"{words}: {text}", UserWarning)
