"""Splits of series: what they keep apart, by looking at every step that each window takes."""

import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold, TimeSeriesSplit, cross_val_score

from nlstm.inspection import leakage
from nlstm.windows import (
    BlockedSplit,
    ExpandingSplit,
    PurgedKFold,
    SlidingSplit,
    Windows,
    windows,
)

KINDS = (ExpandingSplit, SlidingSplit, BlockedSplit, PurgedKFold)


@st.composite
def some_windows(draw):
    lengths = draw(st.lists(st.integers(30, 70), min_size=1, max_size=3))
    shape = draw(st.tuples(*[st.integers(1, n) for n in (5, 3, 3, 2)]))
    made = Windows([np.arange(n) * 1.0 for n in lengths], *shape)
    return (
        made.part(np.random.default_rng(0).permutation(len(made))) if draw(st.booleans()) else made
    )


def steps_of(part, from_target=False):
    """Return (series, step) of all that these windows take; or of what they forecast."""
    length, rate = part.sequence_length, part.sampling_rate
    ahead = np.arange(0 if from_target else -length, part.horizon) * rate
    taken = part.origins[:, None] + ahead
    return {(s, t) for s, row in zip(part.series_index.tolist(), taken.tolist()) for t in row}


def splits_of(split, given_windows):
    try:
        return list(split.split(given_windows))
    except ValueError as error:  # too few windows for so many splits
        assert "rows" in str(error)
        assume(False)


@settings(deadline=None)
@given(
    some_windows(),
    st.sampled_from(KINDS),
    st.integers(2, 4),
    st.integers(0, 3),
    st.sampled_from(["windows", "targets"]),
)
def test_training_and_test_share_no_step(made, kind, count, gap, purge):
    split = kind(count, gap=gap, purge=purge)
    found = splits_of(split, made)
    assert len(found) == split.get_n_splits(made) == count
    tested = np.concatenate([test for _, test in found])
    assert len(set(tested.tolist())) == tested.size  # once at most
    if kind is PurgedKFold:
        assert sorted(tested.tolist()) == list(range(len(made)))
    times = made.shares
    if kind in (ExpandingSplit, SlidingSplit):  # the latest, all of them
        assert times[tested].tolist() == sorted(times)[-tested.size :]
    for training, test in found:
        assert (np.diff(times[training]) >= 0).all() and (np.diff(times[test]) >= 0).all()
        seen, asked = made.part(training), made.part(test)
        assert not steps_of(seen) & steps_of(asked, from_target=purge == "targets")
        if kind is not PurgedKFold:
            assert times[training].max() <= times[test].min()
        if len(np.unique(made.series_index)) == 1:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                assert not leakage(seen, asked)


@settings(deadline=None)
@given(some_windows(), st.integers(2, 4), st.integers(0, 3), st.integers(0, 4))
def test_purged_training_is_all_the_rest(made, count, gap, embargo):
    """What is taken out overlaps, or lies within gap or embargo of what overlaps."""
    for training, test in splits_of(PurgedKFold(count, gap=gap, embargo=embargo), made):
        asked = steps_of(made.part(test))
        low, high = ({}, {})
        for series, step in asked:
            low[series] = min(step, low.get(series, step))
            high[series] = max(step, high.get(series, step))
        begin = made.origins - made.sequence_length * made.sampling_rate
        end = made.origins + (made.horizon - 1) * made.sampling_rate
        expected = []
        for series in np.unique(made.series_index):
            own = np.flatnonzero(made.series_index == series)
            own = own[np.argsort(begin[own])]
            times = made.shares
            before = own[(times[own] < times[test].min())]
            after = own[(times[own] > times[test].max())]
            ties = np.setdiff1d(np.setdiff1d(own, before), after)
            assume(not np.setdiff1d(ties, test).size)  # equal shares of several series
            before = before[end[before] < low.get(series, np.inf)]
            after = after[begin[after] > high.get(series, -1)]
            expected += [*before[: max(0, before.size - gap)], *after[gap + embargo :]]
        assert sorted(training.tolist()) == sorted(expected)


@settings(deadline=None)
@given(
    st.integers(8, 60),
    st.integers(2, 5),
    st.none() | st.integers(1, 6),
    st.integers(0, 5),
    st.none() | st.integers(1, 20),
)
def test_without_purge_parts_are_those_of_scikit_learn(rows, count, size, gap, most):
    arguments = {"test_size": size, "gap": gap, "max_train_size": most}
    x = np.zeros((rows, 2))
    try:
        theirs = list(TimeSeriesSplit(count, **arguments).split(x))
    except ValueError:
        with pytest.raises(ValueError, match="rows"):
            list(ExpandingSplit(count, **arguments).split(x))
        return
    ours = list(ExpandingSplit(count, **arguments).split(x))
    for one, other in zip(ours, theirs, strict=True):
        for mine, its in zip(one, other, strict=True):
            np.testing.assert_array_equal(mine, its)


@pytest.mark.parametrize("rows, count", [(10, 3), (7, 7), (12, 2)])
def test_purged_folds_without_reach_are_those_of_kfold(rows, count):
    x = np.zeros(rows)
    ours, theirs = PurgedKFold(count).split(x), KFold(count).split(x)
    for one, other in zip(ours, theirs, strict=True):
        assert [a.tolist() for a in one] == [a.tolist() for a in other]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stride", [1, 2])
def test_arrays_are_split_as_windows_are(kind, stride):
    series = np.arange(120.0)
    made = Windows(series, 6, 3, stride)
    x, _ = windows(series, 6, 3, stride)
    told = kind(3, gap=1, steps=6, horizon=3, stride=stride).split(x)
    for one, other in zip(kind(3, gap=1).split(made), told, strict=True):
        assert [a.tolist() for a in one] == [a.tolist() for a in other]


def test_rolling_training_parts_have_one_size():
    x = np.zeros(100)
    found = [(t.size, u.size) for t, u in SlidingSplit(4, train_size=30).split(x)]
    assert found == 4 * [(30, 17)]
    found = [(t.size, u.size) for t, u in SlidingSplit(4, train_size=30, steps=9).split(x)]
    assert found == 4 * [(30, 15)]  # 9 rows overlap
    assert [t.size for t, _ in ExpandingSplit(2, min_train_size=51).split(x)] == [52, 76]
    assert {t.size for t, _ in SlidingSplit(4, test_size=10, train_size=7).split(x)} == {7}
    assert {t.size for t, _ in SlidingSplit(4, test_size=10, gap=5).split(x)} == {55}
    expanding = [t.size for t, _ in ExpandingSplit(4, test_size=10, gap=5).split(x)]
    assert expanding == [55, 65, 75, 85]


def test_blocks_share_no_step():
    made = Windows(np.arange(200.0), 4, 2)
    taken = [
        steps_of(made.part(np.concatenate(both))) for both in BlockedSplit(4, gap=1).split(made)
    ]
    assert all(not one & other for n, one in enumerate(taken) for other in taken[:n])


def test_embargo_may_be_a_share():
    x = np.zeros(100)
    for one, other in zip(
        PurgedKFold(4, embargo=0.055).split(x), PurgedKFold(4, embargo=6).split(x)
    ):
        np.testing.assert_array_equal(one[0], other[0])


def test_the_naive_split_leaks():
    """What these splits are for: the same look finds the fault of one that does not purge."""
    made = Windows(np.arange(100.0), 5, 3)
    training, test = list(TimeSeriesSplit(4).split(np.zeros(len(made))))[-1]
    with pytest.warns(UserWarning, match="2 of 75 training windows reach into the test"):
        assert leakage(made.part(training), made.part(test)).overlapping == 2
    training, test = list(ExpandingSplit(4).split(made))[-1]
    assert not leakage(made.part(training), made.part(test))


def test_scikit_learn_takes_them():
    series = np.sin(np.arange(150) / 5.0)
    x, y = windows(series, 5, 1)
    x, y = x[:, :, 0], y[:, 0, 0]
    for kind in KINDS:
        split = kind(3, steps=5)
        assert (cross_val_score(Ridge(1e-6), x, y, cv=split) > 0.9).all()
        search = GridSearchCV(Ridge(), {"alpha": [1e-6, 1e6]}, cv=split).fit(x, y)
        assert search.best_params_ == {"alpha": 1e-6} and search.n_splits_ == 3


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: ExpandingSplit(0), ValueError, "n_splits must be at least 1; got 0"),
        (lambda: PurgedKFold(1), ValueError, "n_splits must be at least 2; got 1"),
        (lambda: ExpandingSplit(gap=-1), ValueError, "gap must be at least 0"),
        (lambda: ExpandingSplit(test_size=2.5), TypeError, "test_size must be an integer"),
        (lambda: ExpandingSplit(purge="x"), ValueError, "purge"),
        (lambda: ExpandingSplit(max_train_size=2, min_train_size=3), ValueError, "at most max_t"),
        (lambda: PurgedKFold(embargo=1.5), ValueError, "embargo must be .* or a share below 1"),
        (lambda: PurgedKFold(embargo=-0.1), ValueError, "embargo must be .* or a share below 1"),
        (lambda: PurgedKFold(embargo="x"), TypeError, "embargo must be an integer"),
        (lambda: next(ExpandingSplit().split({"a": [1]})), TypeError, "X must be Windows, or have"),
        (lambda: next(ExpandingSplit().split(np.zeros(()))), TypeError, "X must be Windows, or"),
        (
            lambda: next(ExpandingSplit(9).split([1, 2])),
            ValueError,
            "leave too few of 2 to train on",
        ),
        (lambda: next(PurgedKFold(9).split([1, 2])), ValueError, "at most the number of rows, 2"),
        (lambda: next(ExpandingSplit().split(None)), TypeError, "X must be Windows, or have rows"),
        (
            lambda: next(ExpandingSplit().split(np.zeros((50, 7, 2)))),
            ValueError,
            "steps must be given for X of shape",
        ),
        (
            lambda: next(ExpandingSplit(steps=3).split(Windows(np.arange(50.0), 3))),
            ValueError,
            "steps is for arrays",
        ),
        (
            lambda: next(ExpandingSplit(2, test_size=9, min_train_size=20).split(np.zeros(30))),
            ValueError,
            "min_train_size must be at most 12, the rows left before the first test, which begins",
        ),
        (
            lambda: next(SlidingSplit(2, train_size=29).split(np.zeros(30))),
            ValueError,
            "2 test parts of 1 rows leave too few of 30 to train on: .* smaller train_size",
        ),
        (
            lambda: next(ExpandingSplit(5).split(Windows(np.arange(30.0), 9))),
            ValueError,
            "Split 1 of 5 has no training rows",
        ),
    ],
)
def test_faults_are_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_it_shows_how_it_was_made():
    assert repr(PurgedKFold(3, embargo=0.01)) == "PurgedKFold(n_splits=3, embargo=0.01)"
