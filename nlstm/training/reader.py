"""From what a user gives to checked data: inputs, targets, weights, lengths, by name or place."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nlstm import losses
from nlstm.data.arrays import as_input, as_lengths, as_target, as_weight, class_weights, named
from nlstm.data.sources import Data, Source, is_pair
from nlstm.plan.graph import Graph
from nlstm.training.goal import Aim

__all__ = ["Reader"]


class Reader:
    """Reads data for a model, which provides its graph and names."""

    dtype: np.dtype
    _aims: list[Aim]

    # What a model provides

    def _graph_for(self, x: Any, before_build: str | None) -> Graph:
        raise NotImplementedError

    def _input_labels(self) -> Sequence[str]:
        raise NotImplementedError

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs."""
        raise NotImplementedError

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs."""
        raise NotImplementedError

    # Data

    def _inputs(self, x: Any, lengths: Any, before_build: str | None) -> tuple[Graph, Data]:
        """Check and convert inputs; nothing of the model changes."""
        if is_pair(x):
            x = x.x
        graph = self._graph_for(x, before_build)
        names = self.input_names
        samples = tuple(symbol.sample for symbol in graph.inputs)
        several = len(samples) > 1
        found: list[Source] = []
        given = zip(names, self._input_labels(), named("x", x, names), strict=True)
        for (name, label, value), sample, limit in zip(given, samples, graph.limits, strict=True):
            shown = f"x[{name!r}]" if several else "x"
            source = as_input(value, sample, label, self.dtype, shown, limit)
            if found and source.shape[0] != found[0].shape[0]:
                raise ValueError(
                    f"{shown} has {source.shape[0]} rows, but x[{names[0]!r}] has "
                    f"{found[0].shape[0]}."
                )
            found.append(source)
        if lengths is None:
            return graph, Data(samples, tuple(found))
        measured = tuple(
            None if one is None else as_lengths(one, source, sample)
            for one, source, sample in zip(
                self._lengths(lengths, names), found, samples, strict=True
            )
        )
        return graph, Data(samples, tuple(found), measured)

    def _lengths(self, lengths: Any, names: list[str]) -> list[Any]:
        if isinstance(lengths, dict):
            for name in lengths:
                if name not in names:
                    raise ValueError(f"lengths names {name!r}; the inputs are {', '.join(names)}.")
            return [lengths.get(name) for name in names]
        return [lengths] if len(names) == 1 else named("lengths", lengths, names)

    def _data(
        self,
        x: Any,
        y: Any,
        weight: Any,
        action: str,
        lengths: Any = None,
        class_weight: Any = None,
    ) -> Data:
        """Check and convert one set of data; nothing of the model changes."""
        if not any(aim.loss for aim in self._aims):
            raise ValueError(f"{action} needs a loss: call compile(optimizer, loss) first.")
        if y is None and is_pair(x):
            x, y = x.x, x.y
        if y is None:
            raise ValueError(f"{action} needs y; got None.")
        graph, data = self._inputs(x, lengths, None)
        shapes: Any = graph.output_shapes(
            [
                source.shape[1:] if len(sample) == 2 else source.shape[2:]
                for source, sample in zip(data.x, data.samples, strict=True)
            ]
        )
        names, rows = self.output_names, data.rows
        several = len(names) > 1
        if class_weight is not None:
            if several or weight is not None:
                raise ValueError(
                    "class_weight is for models of one output and without sample_weight."
                )
            weight = class_weights(y, class_weight)
        given = self._weights(weight, names)
        targets: list[Any] = []
        weights: list[Any] = []
        for aim, value, one, shape in zip(
            self._aims, self._targets(y, names), given, shapes, strict=True
        ):
            aim.resolved(shape[-1])
            if not aim.needs_target:
                targets.append(None)
                weights.append(None)
                continue
            tag = f"[{aim.name!r}]" if several else ""
            if value is None:
                raise ValueError(f"y{tag} is None, but {aim.name} has a loss or a metric.")
            loss = aim.loss or losses.MeanSquaredError()
            targets.append(as_target(value, rows, shape, loss, self.dtype, f"y{tag}"))
            steps = shape[0] if len(shape) == 2 else None
            title = f"sample_weight{tag}"
            weights.append(None if one is None else as_weight(one, rows, steps, self.dtype, title))
        return Data(data.samples, data.x, data.lengths, tuple(targets), tuple(weights))

    def _targets(self, y: Any, names: list[str]) -> list[Any]:
        """Return the targets of each output; those without a loss may be left out."""
        if isinstance(y, dict):
            used = zip(names, self._aims, strict=True)
            wanted = [name for name, aim in used if aim.needs_target]
            found = dict(zip(wanted, named("y", y, wanted), strict=True))
            return [found.get(name) for name in names]
        measured = [aim for aim in self._aims if aim.needs_target]
        if isinstance(y, list | tuple) and 1 < len(measured) == len(y) < len(names):
            values = iter(y)
            return [next(values) if aim.needs_target else None for aim in self._aims]
        if len(measured) == 1 < len(names) and not isinstance(y, list | tuple):
            return [y if aim.needs_target else None for aim in self._aims]
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
