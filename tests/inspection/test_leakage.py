"""What of the test was seen before."""

import warnings

import numpy as np
import pytest

from nlstm.inspection import leakage
from nlstm.windows import MinMaxScaler, StandardScaler, Windows

SERIES = np.random.default_rng(0).normal(size=(100, 2)).cumsum(axis=0)


def cut(series=SERIES, **more):
    return Windows(series, sequence_length=5, **{"horizon": 3, "targets": [0], **more})


@pytest.mark.parametrize("more", [{}, {"sampling_rate": 2}, {"stride": 3}])
def test_a_split_by_time_is_clean(more):
    windows = cut(**more)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for test in (windows.since(70), 70):
            found = leakage(windows.before(70), test)
            assert not found and found.overlapping == 0
    assert str(found) == "Nothing of the test was found in the training."


@pytest.mark.parametrize("as_step", [False, True])
def test_windows_that_reach_into_the_test(as_step):
    windows = cut()
    test = windows.since(70)
    training = windows.part(windows.origins < 70)  # targets of the last two lie in the test
    with pytest.warns(UserWarning, match="2 of 65 training windows reach into the test"):
        found = leakage(training, 70 if as_step else test)
    assert found and found.overlapping == 2


def test_a_test_in_the_middle():
    windows = cut()
    test = windows.since(40).before(60)
    later = windows.part(windows.origins - 5 >= 60)
    assert not leakage(later, test)
    near = windows.part(windows.origins - 5 >= 59)  # the first begins at what is forecast last
    with pytest.warns(UserWarning, match="1 of "):
        assert leakage(near, test).overlapping == 1


def test_several_series():
    windows = cut([SERIES, SERIES[:50]])
    first = windows.part(windows.series_index == 0)
    second = windows.part(windows.series_index == 1)
    assert not leakage(second, first)
    with pytest.warns(UserWarning):
        assert leakage(windows, first).overlapping == len(first)


@pytest.mark.parametrize("kind", [StandardScaler, MinMaxScaler])
def test_scalers(kind):
    windows = cut()
    given = windows.before(70), windows.since(70)
    assert leakage(*given, scaler=kind().fit(SERIES[:70]), series=SERIES).scaler_saw is False
    with pytest.warns(UserWarning, match=r"fit it on series\[:70\]"):
        found = leakage(*given, scaler=kind().fit(SERIES), series=SERIES)
    assert found.scaler_saw and len(found.findings) == 1
    other = leakage(*given, scaler=kind().fit(SERIES[10:40]), series=SERIES)
    assert other.scaler_saw is None and not other
    assert str(other).endswith("not all before the test, nor the whole series.")
    assert not found.note
    with pytest.raises(ValueError, match="scaler needs series"):
        leakage(*given, scaler=kind().fit(SERIES))
    with pytest.raises(TypeError, match="after fit"):
        leakage(*given, scaler=kind(), series=SERIES)


def test_dates_and_scalers_of_several_series():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(SERIES, pandas.date_range("2020-01-01", periods=100))
    windows = cut(frame)
    assert not leakage(windows.before("2020-03-11"), "2020-03-11", series=frame,
                       scaler=StandardScaler().fit(SERIES[:70]))  # fmt: skip
    with pytest.warns(UserWarning, match="begins at 2020-03-11"):
        assert leakage(windows, "2020-03-11").overlapping == 30
    both = [SERIES, 3 * SERIES[:50]]
    test = cut(both).since(40)
    parts = [one[:40] for one in both]
    for each in (False, True):
        scaler = StandardScaler(per_series=each)
        found = leakage(cut(both).before(40), test, scaler=scaler.fit(parts), series=both)
        assert found.scaler_saw is False
        with pytest.warns(UserWarning, match="the whole series"):
            leakage(cut(both).before(40), test, scaler=scaler.fit(both), series=both)


def test_rows_that_are_in_both():
    x = np.random.default_rng(0).normal(size=(20, 4, 2))
    assert not leakage(x[:10], x[10:])
    with pytest.warns(UserWarning, match="3 of 10 rows of the test are in the training data too"):
        found = leakage(x[:13], x[10:])
    assert found.repeated == 3 and repr(found) == "<Leakage: 1 finding>"
    assert found.to_dict()["repeated"] == 3
    with pytest.raises(ValueError, match="rows of one shape"):
        leakage(x, x[:, :2])
    with pytest.raises(TypeError, match="windows must be Windows"):
        leakage(x, cut())
