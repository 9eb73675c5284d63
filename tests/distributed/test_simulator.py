"""The simulator against closed forms, and what it says of known cases."""

import math

import numpy as np
import pytest

from nlstm.distributed.simulator import (
    Cluster,
    Work,
    best_by_drawing,
    best_interval,
    daly,
    drawn_step,
    harmonic,
    predict,
    simulate,
    young,
)

ETHERNET = {"latency": 25e-6, "bandwidth": 1.1e9}


def test_the_cost_of_an_all_reduce():
    size = 16.8e6
    assert Cluster(1, **ETHERNET).all_reduce(size) == 0.0
    expected = 2 * 6 * 25e-6 + 2 * 63 / 64 * size / 1.1e9 + size / 8e9
    assert Cluster(64, **ETHERNET).all_reduce(size) == pytest.approx(expected)
    assert Cluster(32, **ETHERNET, ranks_per_node=2).all_reduce(size) == pytest.approx(expected)
    assert Cluster(2, 0.0, 1e30).all_reduce(8e9) == pytest.approx(1.0)


def test_a_plain_fit_is_its_steps():
    assert predict(Work(10**11, 1e-5, 1e3), Cluster(1, **ETHERNET)).seconds == pytest.approx(1e6)
    told = predict(Work(1000, 0.02, 1e6), Cluster(1, **ETHERNET))
    assert told.seconds == pytest.approx(20.0)
    assert (told.efficiency, told.communication, told.lost) == (1.0, 0.0, 0.0)
    assert simulate(Work(1000, 0.02, 1e6), Cluster(1, **ETHERNET), 3) == pytest.approx(20.0)


def test_the_slowest_of_many_ranks():
    cluster = Cluster(64, **ETHERNET, stragglers=0.1)
    work = Work(100, 0.05, 0.0)
    expected = 0.05 * (1 + 0.1 * harmonic(64)) + cluster.all_reduce(0.0)
    assert predict(work, cluster).step == pytest.approx(expected)
    drawn = drawn_step(work, cluster, np.random.default_rng(0))
    assert drawn == pytest.approx(expected, rel=0.01)
    assert harmonic(4) == pytest.approx(25 / 12)


@pytest.mark.parametrize("failures, checkpoint", [(0.5, 5.0), (5.0, 30.0), (20.0, 10.0)])
def test_failures_cost_what_the_formula_says(failures, checkpoint):
    cluster = Cluster(16, **ETHERNET, failures=failures, restart=120.0)
    work = Work(200_000, 0.5, 1e6, checkpoint)
    told = predict(work, cluster)
    drawn = simulate(work, cluster, runs=400)
    error = 4 * drawn.std() / math.sqrt(len(drawn))
    assert abs(drawn.mean() - told.seconds) < error + 0.005 * told.seconds
    assert 0 < told.lost < 1
    without = predict(work, Cluster(16, **ETHERNET)).seconds
    assert without < told.seconds


def test_the_best_interval_is_dalys():
    cluster = Cluster(64, **ETHERNET, failures=1.0, restart=60.0)
    mean = cluster.between_failures
    assert mean == pytest.approx(86400 / 64)
    interval = best_interval(20.0, cluster)
    assert interval == daly(20.0, mean)
    # Of the formula: no interval beside it is better.
    work = Work(1_000_000, 0.1, 1e6, 20.0)

    def seconds(t):
        return predict(Work(1_000_000, 0.1, 1e6, 20.0, t), cluster).seconds

    assert predict(work, cluster).interval == pytest.approx(interval)
    assert all(seconds(interval) < seconds(interval * by) for by in (0.7, 0.85, 1.2, 1.4))
    # By drawing: the least is near, in steps of 1.5.
    intervals = interval * 1.5 ** np.arange(-3.0, 4.0)
    assert 0.6 < best_by_drawing(work, cluster, intervals, 100) / interval < 1.6


def test_young_and_daly_agree_where_failures_are_rare():
    assert young(10.0, 1e6) == pytest.approx(math.sqrt(2e7))
    assert daly(10.0, 1e8) == pytest.approx(young(10.0, 1e8), rel=1e-3)
    assert daly(10.0, 4.0) == 4.0
    assert best_interval(10.0, Cluster(8, **ETHERNET)) == math.inf


def test_a_fit_that_never_ends_is_told():
    cluster = Cluster(1000, **ETHERNET, failures=1000.0, restart=600.0)
    work = Work(10_000, 1.0, 1e6, 60.0, interval=3600.0)
    assert predict(work, cluster).seconds > 1e20
    assert np.isinf(simulate(work, cluster, 1)).all()


@pytest.mark.parametrize("units", [128, 256, 512, 1024])
@pytest.mark.parametrize("faster, low, high", [(1, 0.90, 0.97), (2, 0.82, 0.94)])
def test_64_nodes_on_10_gigabit_ethernet(units, faster, low, high):
    """256 rows of 28 steps a rank, and nodes that do 0.25e12 operations a second."""
    size = 4 * 4 * units * (units + 8 + 1)
    compute = 3 * 2 * 256 * 28 * 4 * units * (units + 8) / 0.25e12 / faster
    told = predict(Work(1, compute, size), Cluster(64, **ETHERNET))
    assert low < told.efficiency < high


@pytest.mark.parametrize(
    "make, text",
    [
        (lambda: Cluster(0, **ETHERNET), "nodes must be a positive integer"),
        (lambda: Cluster(2, -1.0, 1.0), "latency must be at least 0"),
        (lambda: Cluster(2, 1.0, 0.0), "bandwidth must be above 0"),
        (lambda: Cluster(2, 1.0, 1.0, failures=-1.0), "failures must be at least 0"),
        (lambda: Work(0, 1.0, 1.0), "steps must be at least 1"),
        (lambda: Work(1, 0.0, 1.0), "compute must be above 0"),
        (lambda: Work(1, 1.0, 1.0, interval=0.0), "interval must be above 0"),
    ],
)
def test_wrong_numbers(make, text):
    with pytest.raises(ValueError, match=text):
        make()
