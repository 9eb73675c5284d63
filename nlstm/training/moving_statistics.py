"""What `BatchNormalization` keeps of the data, found anew for weights that were not trained so."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from nlstm.data.feed import Feed, unpacked
from nlstm.data.sources import Data
from nlstm.data.step import Step
from nlstm.kernels.operations import Array
from nlstm.layers import BatchNormalization
from nlstm.network.binder import Bench, Binder
from nlstm.plan.parameters import Parameter
from nlstm.plan.plan import Plan, Tensor
from nlstm.training.reader import Reader
from nlstm.training.training import Training

__all__ = ["find_anew", "moving"]


class Moments(NamedTuple):
    """A step in training's form that changes nothing, and the moments of its batch."""

    step: Step
    latest: list[tuple[Array, Array]]  # a moving average, and what the batch has in its place


def moving(binder: Binder, training: Training) -> list[Parameter]:
    """Return the averages that training keeps of the data."""
    layers = [one for layer in binder.network.layers for one in (layer, *layer.inside)]
    found = {
        id(parameter): parameter
        for one in layers
        if isinstance(one, BatchNormalization) and one not in training.frozen
        for parameter in (one.moving_mean, one.moving_variance)
    }
    return list(found.values())


def find_anew(binder: Binder, training: Training, feed: Feed) -> None:
    """Let all averages be the means, over a pass of the data, of what the batches have.

    Weights, states of stateful layers and the counter of dropout stay.

    Raises
    ------
    ValueError
        The data cannot be gone through again.
    """
    if feed.again is None:
        raise ValueError(
            "BatchNormalization needs its averages anew, but a generator can be gone through once."
        )
    places = {id(one.packed): one for one in moving(binder, training)}
    sums: dict[int, Any] = {}
    rows: dict[int, int] = {}  # of the batches of a layer, which may be called several times
    ops, counter = binder.network.ops, binder.counter
    counter.pull()
    before = counter.host.copy()
    try:
        with binder.bench(training) as bench:
            for data, index in _batches(binder, feed):
                found = _moments(binder, training, bench, data, index.size)
                found.step.take(index)
                binder.weights.shared(found.step.program(ops, data))
                for average, latest in found.latest:
                    value = np.array(ops.to_host(latest), np.float64)
                    rows[id(average)] = rows.get(id(average), 0) + index.size
                    sums[id(average)] = sums.get(id(average), 0.0) + index.size * value
    finally:
        counter.host[:] = before
        counter.push()
    for place, total in sums.items():
        places[place].set(total[: places[place].size] / rows[place])


def _batches(binder: Binder, feed: Feed) -> Iterator[tuple[Data, np.ndarray]]:
    assert feed.again is not None
    reader = Reader(binder.network)
    for item in feed.again():
        if isinstance(item, tuple) and isinstance(item[0], Data):
            yield item
        else:
            data = reader.inputs(unpacked(item)[0])
            yield data, np.arange(data.rows)


def _moments(binder: Binder, training: Training, bench: Bench, data: Data, rows: int) -> Moments:
    def bind(plan: Plan) -> Moments:
        plan.observes, plan.frozen = True, tuple(training.frozen)
        graph, (shapes, measured, _, _) = binder.network.graph, data.key
        inputs = []
        for number, ((steps, features), symbol) in enumerate(
            zip(shapes, graph.inputs, strict=True)
        ):
            value = plan.array((steps, rows, features))
            mask = plan.mask(steps, rows) if measured and measured[number] else None
            inputs.append(Tensor(value, features, len(symbol.sample) == 2, mask=mask))
            inputs[-1].limit = graph.limits[number]
        outputs = graph.bind(plan, inputs)
        index = plan.ops.cell(np.int64, rows)
        step = Step(index, inputs, outputs, [], [], plan.forward, plan.beforehand)
        kind = plan.ops.batch_average
        latest = [given[:2] for function, given in plan.averages if function is kind]
        return Moments(step, latest)

    key = ("moments", rows, data.key)
    found = bench.plans.kept(key)
    if found is None:
        found = binder.made(bench, key, rows, data.x[0].shape[1], bind, training=True)
    return found
