"""Series as people hold them: lists of frames, groups, dicts, generators, masked arrays."""

import array

import numpy as np
import pytest

from nlstm.windows import StandardScaler, Windows, backtest, timeseries_dataset_from_array, windows

pandas = pytest.importorskip("pandas")
ONE, TWO = np.arange(12.0), 3.0 * np.arange(9.0)
FRAME = pandas.DataFrame({"id": ["a"] * 12 + ["b"] * 9, "value": np.concatenate([ONE, TWO])})
FORMS = {
    "series": lambda: [pandas.Series(ONE), pandas.Series(TWO)],
    "frames": lambda: [pandas.DataFrame({"v": ONE}), pandas.DataFrame({"v": TWO})],
    "array.array": lambda: [array.array("d", ONE), array.array("d", TWO)],
    "tuple": lambda: (ONE, TWO),
    "dict": lambda: {"a": ONE.tolist(), "b": TWO.tolist()},
    "generator": lambda: (one for one in (ONE, TWO)),
    "group-by": lambda: FRAME.groupby("id")["value"],
    "pairs": lambda: list(FRAME.groupby("id")["value"]),
}


@pytest.mark.parametrize("form", FORMS)
def test_several_series_are_read_as_such(form):
    wanted, found = Windows([ONE, TWO], 3), Windows(FORMS[form](), 3)
    np.testing.assert_array_equal(found.x[:], wanted.x[:])
    np.testing.assert_array_equal(found.series_index, wanted.series_index)
    scaler = StandardScaler(per_series=True).fit(FORMS[form]())
    np.testing.assert_allclose(scaler.shift[:, 0], [ONE.mean(), TWO.mean()])
    scaled = scaler.transform(FORMS[form]())
    scaled = list(scaled.values()) if form == "dict" else scaled
    for one, given in zip(scaled, (ONE, TWO), strict=True):
        np.testing.assert_allclose(one.ravel(), (given - given.mean()) / given.std())


def test_a_list_of_numbers_or_rows_is_one_series():
    assert len(Windows([1.0, 2.0, 3.0, 4.0], 2)) == 2
    assert Windows([[1, 2], [3, 4], [5, 6]], 2).x.shape == (1, 2, 2)
    assert len(Windows([np.float64(1), np.float64(2), np.float64(3)], 2)) == 1


def test_a_masked_element_counts_as_nan():
    masked = np.ma.masked_array(np.arange(8.0), mask=np.arange(8) == 5)
    with pytest.raises(ValueError, match="series holds nan in row 5"):
        Windows(masked, 2)
    with pytest.raises(ValueError, match=r"series\[1\] holds nan in row 5"):
        Windows([np.arange(8.0), masked], 2)
    assert len(Windows(masked, 2, drop_nan=True)) == 3
    scaler = StandardScaler().fit(masked)
    assert scaler.shift[0, 0] == pytest.approx(masked.mean())
    assert np.isnan(scaler.transform(masked)[5])
    assert np.isnan(windows(masked, 2, 1)[0][4, 1, 0])
    (x,) = timeseries_dataset_from_array(masked, None, 8)
    assert np.isnan(x[0, 5])


@pytest.mark.parametrize(
    "call, kind, message",
    [
        (lambda: Windows({}, 3), ValueError, "series must hold at least one"),
        (lambda: Windows("abc", 3), TypeError, "series must be an array of numbers; got str"),
        (lambda: Windows([ONE, "abc"], 3), TypeError, r"series\[1\] must be an array"),
        (lambda: Windows({"a": ONE, "b": ["x"]}, 3), TypeError, r"series\['b'\] must hold real"),
        (lambda: Windows(ONE, 3, scaling=["first"]), ValueError, "scaling must be one of"),
        (lambda: Windows(ONE, 3, drop_nan="yes"), TypeError, "drop_nan must be True or False"),
        (lambda: Windows(ONE, 3, inputs={0}), TypeError, "inputs must be an array"),
        (lambda: StandardScaler("yes"), TypeError, "per_series must be True or False"),
        (lambda: backtest(3, ONE, 5, 1), TypeError, "model must have predict"),
        (lambda: timeseries_dataset_from_array(ONE, None, 3, seed="x"), TypeError, "seed must be"),
        (lambda: timeseries_dataset_from_array("x", None, 3), TypeError, "data must be an array"),
    ],
)
def test_wrong_kinds_are_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_frames_with_columns_in_another_order_are_an_error():
    one = pandas.DataFrame({"rain": ONE, "flow": 2 * ONE})
    for call in (lambda both: Windows(both, 3), StandardScaler().fit):
        with pytest.raises(ValueError, match=r"series\['b'\] has columns \['flow', 'rain'\], but"):
            call({"a": one, "b": one[["flow", "rain"]]})
    assert len(Windows([one, one.rename(columns={"flow": "q"})], 3)) == 18


def test_dates_that_go_back_are_an_error():
    days = pandas.date_range("2001-01-01", periods=12, tz="UTC")
    series = pandas.Series(ONE, days)
    with pytest.raises(
        ValueError, match="oldest step first; row 1 has 2001-01-11 .* after 2001-01"
    ):
        Windows(series[::-1], 3)
    with pytest.raises(
        ValueError, match=r"series\[1\] must have its oldest .* row 12 has 2001-01-01"
    ):
        Windows([series, pandas.concat([series, series])], 3)
    assert len(Windows(series, 3)) == 9 and len(Windows(pandas.Series(ONE)[::-1], 3)) == 9
    assert StandardScaler().fit(series[::-1]).shift == ONE.mean()


@pytest.mark.parametrize("targets", ["flow", ["flow"], np.array(["flow"], object)])
def test_columns_of_frames_go_by_name(targets):
    frame = pandas.DataFrame({"rain": ONE, "flow": 2 * ONE})
    assert Windows(frame, 3, targets=targets).y[0].tolist() == [[6.0]]
    with pytest.raises(ValueError, match=r"targets names column 'q'; there are \['rain', 'flow'\]"):
        Windows(frame, 3, targets=["q"])
    with pytest.raises(TypeError, match="column numbers; got .*flow.*Names are for frames"):
        Windows(frame.to_numpy(), 3, targets=targets)


@pytest.mark.parametrize("step", ["2001-01-05", pandas.Timestamp("2001-01-05")])
def test_a_date_stands_for_its_step(step):
    frame = pandas.Series(ONE, pandas.date_range("2001-01-01", periods=12))
    model = type("Last", (), {"predict": lambda self, x, **_: x[:, -1]})()
    for number, series in enumerate((frame, ONE)):
        made = Windows(series, 3)

        def origins(one, series=series):
            return backtest(model, series, one, 1, sequence_length=3).origins

        for call in (
            lambda one, m=made: m.before(one).origins,
            lambda one, m=made: m.since(one).origins,
            origins,
        ):
            if number:
                with pytest.raises(TypeError, match="must be an integer; got .*Dates are for"):
                    call(step)
            else:
                np.testing.assert_array_equal(call(step), call(4))
    both = Windows([frame, frame[2:]], 3).since(step)  # a date is another step of each
    assert [both.origins[both.series_index == n].min() for n in (0, 1)] == [4, 3]
    with pytest.raises(TypeError, match="step must be a step or a date of a series; got 'x'"):
        Windows(frame, 3).since("x")


def test_static_features_go_by_key():
    series = {"a": ONE, "b": TWO}
    wanted = Windows([ONE, TWO], 3, static=[[1.0, 2.0], [3.0, 4.0]])
    found = Windows(series, 3, static={"b": [3.0, 4.0], "a": [1.0, 2.0]})
    np.testing.assert_array_equal(found.x[:], wanted.x[:])
    with pytest.raises(ValueError, match=r"static is a dict of \['a'\], but series is a dict of"):
        Windows(series, 3, static={"a": [1.0, 2.0]})
    with pytest.raises(TypeError, match="but series is no dict"):
        Windows([ONE, TWO], 3, static={0: [1.0], 1: [2.0]})
