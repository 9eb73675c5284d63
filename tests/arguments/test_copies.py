"""Copies and pickles of what is constructed and is no layer, optimizer or model."""

import copy
import pickle

import cloudpickle
import numpy as np
import pytest

from nlstm import activations, constraints, initializers, losses, metrics, optimizers, regularizers
from nlstm.arguments.config import Configured
from nlstm.optimizers import schedules
from tests.copied import TWINS, WAYS


def halved(w):
    return w / 2


THINGS = [
    *(cls() for cls in dict.fromkeys(initializers.CLASSES.values())),
    initializers.Constant(np.arange(3.0)),
    *(cls() for cls in dict.fromkeys(losses.REGISTRY.classes.values())),
    *(cls() for cls in (regularizers.L1, regularizers.L2, regularizers.L1L2)),
    *(cls() for cls in constraints.REGISTRY.classes.values()),
    *(cls() for cls in optimizers.CLASSES.values()),
    schedules.CosineDecay(0.1, 10),
    schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2, 0.3]),
    metrics.MeanMetricWrapper(activations.relu),
    initializers.get(np.ones),
    constraints.get(halved),
]


@pytest.mark.parametrize("way", WAYS)
def test_configs_come_back(way):
    for thing in THINGS:
        twin = TWINS[way](thing)
        assert type(twin) is type(thing)
        if isinstance(thing, Configured) and not isinstance(thing, type(initializers.get(np.ones))):
            assert twin is not thing
            assert twin.get_config().keys() == thing.get_config().keys()
            np.testing.assert_equal(twin.get_config(), thing.get_config())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "metric", [metrics.MeanSquaredError(), metrics.AUC(), metrics.Mean(), metrics.F1Score()]
)
def test_a_metric_goes_on_by_itself(metric, way):
    y, p = np.array([[1.0], [0.0], [1.0]]), np.array([[0.6], [0.3], [0.2]])
    given = (y,) if type(metric) is metrics.Mean else (y, p)
    metric.reset_state()
    metric.update_state(*given)
    twin, before = TWINS[way](metric), np.copy(metric.result())
    assert np.array_equal(twin.result(), before)
    twin.update_state(given[0] * 0, *given[1:])
    assert np.array_equal(metric.result(), before)
    metric.update_state(given[0] * 0, *given[1:])
    assert np.array_equal(twin.result(), metric.result())


def test_lambdas_by_each_way():
    inner = initializers.get(lambda shape, dtype: np.full(shape, 0.5))
    for one in (
        copy.deepcopy(inner),
        cloudpickle.loads(cloudpickle.dumps(inner)),
        copy.copy(inner),
    ):
        assert one((2,)).tolist() == [0.5, 0.5]
    wrapped = metrics.MeanMetricWrapper(lambda y, p: y - p, name="difference")
    with pytest.raises(
        pickle.PicklingError,
        match="argument fn of MeanMetricWrapper 'difference' cannot be pickled: it is a lambda",
    ):
        pickle.dumps(wrapped)
    assert cloudpickle.loads(cloudpickle.dumps(wrapped)).fn(3, 1) == 2


class Reduces:
    """One of an inner class may say itself how it is pickled."""

    def __new__(cls):
        class Inner(losses.Loss):
            def __reduce__(self):
                return losses.MeanSquaredError, ()

        return Inner()


def test_what_reduces_itself_is_left_to_it():
    wrapped = metrics.LossMetric(Reduces())
    assert type(pickle.loads(pickle.dumps(wrapped)).loss) is losses.MeanSquaredError
