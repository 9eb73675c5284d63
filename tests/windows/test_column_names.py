"""Scalers know the columns that they learnt from: by name where they came in a frame."""

import json
import pickle

import numpy as np
import pytest

from nlstm.windows import (
    FileColumns,
    LogScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
    Windows,
    backtest,
    load_scaler,
    nested_backtest,
)
from tests.copied import TWINS, WAYS

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")
VALUES = np.random.default_rng(0).random((40, 2)) * [1.0, 100.0]
NAMES = ["rain", "flow"]
FORMS = {
    "pandas": lambda values, names: pandas.DataFrame(values, columns=names),
    "dated": lambda values, names: pandas.DataFrame(
        values, pandas.date_range("2024-01-01", periods=len(values)), names
    ),
    "polars": lambda values, names: polars.DataFrame(values, names),
    "file": lambda values, names: FileColumns(values, names),
}


class Last:
    def predict(self, x, **options):
        return x[:, -1:]


@pytest.mark.parametrize("kind", [StandardScaler, MinMaxScaler, RobustScaler, LogScaler])
@pytest.mark.parametrize("form", FORMS)
def test_columns_have_to_be_those_of_fit(form, kind):
    make = FORMS[form]
    scaler = kind().fit(make(VALUES, NAMES))
    assert scaler.names == NAMES
    wanted = kind().fit_transform(VALUES)
    np.testing.assert_array_equal(scaler.transform(make(VALUES, NAMES)), wanted)
    wide = np.column_stack([VALUES, VALUES])
    for values, names, message in (
        (VALUES[:, ::-1], NAMES[::-1], r"'flow', 'rain' in another order .* frame\[scaler.names\]"),
        (VALUES, ["rain", "snow"], "other columns .*: missing 'flow'; unknown 'snow'. An array"),
        (VALUES[:, :1], ["rain"], "missing 'flow'. An array"),
        (wide, [*NAMES, "a", "b"], r"unknown 'a', 'b'. frame\[scaler.names\] leaves them out"),
    ):
        for call in (scaler.transform, scaler.inverse_transform):
            with pytest.raises(ValueError, match=f"^series has .*{message}"):
                call(make(values, names))
    if form != "file":
        reordered = make(VALUES[:, ::-1], NAMES[::-1])
        np.testing.assert_array_equal(scaler.transform(reordered[scaler.names]), wanted)


def test_what_has_no_names_goes_by_place():
    scaler = StandardScaler().fit(pandas.DataFrame(VALUES, columns=NAMES))
    for one in (VALUES, VALUES.tolist(), pandas.DataFrame(VALUES), VALUES[None]):
        found = np.asarray(scaler.transform(one))
        np.testing.assert_array_equal(found.reshape(40, 2), scaler.transform(VALUES))
    assert StandardScaler().fit(VALUES).names is None
    plain = StandardScaler().fit(pandas.DataFrame(VALUES))
    assert plain.names == [0, 1]  # which are no names
    plain.transform(pandas.DataFrame(VALUES, columns=NAMES))
    with pytest.raises(ValueError, match="in another order"):
        plain.transform(pandas.DataFrame(VALUES)[[1, 0]])
    plain.inverse_transform(pandas.DataFrame(VALUES), columns=[1, 0])
    assert scaler.fit(VALUES).names is None  # what was learnt before is forgotten
    flow = StandardScaler().fit(pandas.Series(VALUES[:, 1], name="flow"))
    flow.inverse_transform(pandas.Series(VALUES[:, 1], name="forecast"))


def test_stations_by_number_and_names_of_two_levels():
    for names in ([4021, 3307], [("rain", "mean"), ("rain", "max")], [1, 0]):
        columns = pandas.Index(names, tupleize_cols=True)
        frame = pandas.DataFrame(VALUES, columns=columns)
        scaler = StandardScaler().fit(frame)
        assert scaler.names == names
        loaded = load_scaler(json.loads(json.dumps(scaler.get_state())))
        assert loaded.names == names
        with pytest.raises(ValueError, match="in another order"):
            loaded.transform(frame[names[::-1]])
        np.testing.assert_array_equal(
            loaded.transform(frame[names[::-1]][scaler.names]), loaded.transform(VALUES)
        )


def test_forecasts_say_their_columns():
    scaler = StandardScaler().fit(pandas.DataFrame(VALUES, columns=NAMES))
    wanted = scaler.inverse_transform(VALUES[:, 1:], columns=[1])
    found = scaler.inverse_transform(VALUES[:, 1:], columns=["flow"])
    np.testing.assert_array_equal(found, wanted)
    for name in ("flow", "forecast"):
        frame = pandas.DataFrame(VALUES[:, 1:], columns=[name])
        np.testing.assert_array_equal(scaler.inverse_transform(frame, columns=["flow"]), wanted)
        with pytest.raises(ValueError, match="missing 'rain'"):
            scaler.inverse_transform(frame)
    with pytest.raises(ValueError, match="missing 'flow'; unknown 'rain'"):
        scaler.inverse_transform(pandas.DataFrame({"rain": [1.0]}), columns=["flow"])
    with pytest.raises(ValueError, match="in another order"):
        scaler.inverse_transform(pandas.DataFrame(VALUES, columns=NAMES), columns=NAMES[::-1])
    with pytest.raises(ValueError, match="columns names column 'snow'; there are"):
        scaler.inverse_transform(VALUES, columns=["snow"])


@pytest.mark.parametrize("way", WAYS)
def test_copies_and_pickles_know_them(way):
    frame = pandas.DataFrame(VALUES, columns=NAMES)
    scaler = TWINS[way](StandardScaler().fit(frame))
    assert scaler.names == NAMES
    with pytest.raises(ValueError, match="in another order"):
        scaler.transform(frame[NAMES[::-1]])


def test_states_and_pickles_of_before_have_none():
    scaler = StandardScaler().fit(pandas.DataFrame(VALUES, columns=NAMES))
    state = scaler.get_state()
    del state["names"]
    assert load_scaler(state).names is None and load_scaler(scaler.get_state()).names == NAMES
    del vars(scaler)["names"]
    before = pickle.loads(pickle.dumps(scaler))
    assert before.names is None
    np.testing.assert_array_equal(before.transform(VALUES), load_scaler(state).transform(VALUES))


@pytest.mark.parametrize("per_series", [False, True])
def test_several_frames(per_series):
    one, other = (pandas.DataFrame(VALUES + n, columns=NAMES) for n in range(2))
    scaler = StandardScaler(per_series).fit({"a": one, "b": other})
    assert scaler.names == NAMES
    with pytest.raises(ValueError, match=r"series\['a'\] has the columns .* another order"):
        scaler.transform({key: one[NAMES[::-1]] for key in "ab"})
    apart = StandardScaler(per_series).fit([one, other.add_suffix("_2")])
    assert apart.names is None  # they disagree, so that columns go by place


def test_frames_that_share_a_column_have_it_at_one_place():
    one = pandas.DataFrame(VALUES, columns=NAMES)
    for given in ([one, one[NAMES[::-1]]], [VALUES, one, one[NAMES[::-1]]]):
        with pytest.raises(ValueError, match="They count by place: frame"):
            Windows(given, 3)
    for call in (lambda given: Windows(given, 3), StandardScaler().fit):
        with pytest.raises(ValueError, match=r"series\[1\] has column 'rain' at place 1, but ser"):
            call([one, pandas.DataFrame(VALUES, columns=["snow", "rain"])])
    assert len(Windows([one, one.rename(columns={"flow": "flow_2"})], 3)) == 74


def test_one_name_of_two_columns():
    frame = pandas.DataFrame(np.ones((9, 3)), columns=["rain", "flow", "flow"])
    assert len(Windows(frame, 3, inputs=["rain"], targets=[2])) == 6
    with pytest.raises(ValueError, match="targets names 'flow', as several columns are called"):
        Windows(frame, 3, targets=["flow"])


def test_static_rows_stand_in_the_order_of_series():
    static = pandas.DataFrame({"area": [1.0, 2.0]}, index=["b", "a"])
    series = {"a": VALUES, "b": VALUES}
    with pytest.raises(ValueError, match=r"static has rows \['b', 'a'\], but series has \['a', 'b"):
        Windows(series, 3, static=static)
    found = Windows(series, 3, static=static.loc[list(series)])
    np.testing.assert_array_equal(found.x[:][:, 0, 2], 2.0 - found.series_index)
    for other in (static.to_numpy(), static.reset_index(drop=True)):
        assert Windows(series, 3, static=other).x[0][0, 2] == 1.0
    assert Windows(list(series.values()), 3, static=static).x[0][0, 2] == 1.0


def test_backtests_ask_for_them():
    frame = pandas.DataFrame(VALUES, columns=NAMES)
    scaler = StandardScaler().fit(frame)
    options = {"sequence_length": 3, "scaler": scaler}
    found = backtest(Last(), frame, 20, 1, **options)
    np.testing.assert_allclose(found.forecasts[:, 0], VALUES[19:-1])
    with pytest.raises(ValueError, match="in another order"):
        backtest(Last(), frame[NAMES[::-1]], 20, 1, **options)
    nested = nested_backtest(lambda windows: Last(), frame[NAMES[::-1]], 3, scaler=scaler)
    assert nested.forecasts.actuals.shape[2] == 2  # of copies that learn by themselves
