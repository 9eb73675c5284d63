"""A folder of fits and another `build`: told before anything is fitted, with what differs."""

import json
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import nlstm
from nlstm.callbacks import ReduceLROnPlateau
from nlstm.distributed.built import description, difference
from nlstm.layers import GRU, LSTM, Concatenate, Dense, Dropout, Input
from nlstm.windows import Windows
from tests.distributed import jobs


@pytest.fixture(scope="module")
def threads():
    with ThreadPoolExecutor(1) as executor:
        yield executor


@pytest.fixture
def fit(threads, tmp_path):
    def fit_many(build, series, **arguments):
        given = {"executor": threads, "seed": 1, "verbose": 0, "out": tmp_path / "fits"}
        return nlstm.fit_many(build, series, **given | arguments)

    return fit_many


def of(units=3, rate=0.001, loss="mse", cell=LSTM, drop=0.2, more=(), metrics=None):
    """Return a build; by default it makes what `jobs.build` does."""

    def build():
        model = nlstm.Sequential([cell(units), Dropout(drop), *(one() for one in more), Dense(1)])
        model.compile(nlstm.optimizers.Adam(rate), loss, metrics=metrics)
        return model

    return build


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"units": 4}, "'s000' was made with 3 as model.layers[0].units, and now it would be 4"),
        ({"cell": GRU}, "LSTM as model.layers[0], and now it would be GRU"),
        ({"drop": 0.5}, "0.2 as model.layers[1].rate, and now it would be 0.5"),
        ({"more": [lambda: Dense(2)]}, "3 as the length of model.layers, and now it would be 4"),
        ({"rate": 0.1}, "0.001 as compile.optimizer.learning_rate, and now it would be 0.1"),
        ({"loss": "mae"}, "'mse' as compile.loss, and now it would be 'mae'"),
        ({"metrics": ["mae"]}, "None as compile.metrics, and now it would be ['mae']"),
    ],
)
def test_another_build_is_refused_with_what_differs(fit, changed, said):
    fit(of(), jobs.series(1))
    with pytest.raises(ValueError) as raised:
        fit(of(**changed), jobs.series(2))
    assert said in str(raised.value)
    assert str(raised.value).startswith("out has fits of another model: ")
    assert str(raised.value).endswith("Choose another folder, or remove it.")


@pytest.mark.parametrize("count", [2, 3], ids=["nothing is left", "one is left"])
@pytest.mark.parametrize("form", [dict, list, iter])
def test_it_is_refused_before_anything_is_fitted(fit, tmp_path, form, count):
    def given(count):
        pairs = list(jobs.series(count).items())
        return pairs if form is list else form(dict(pairs) if form is dict else pairs)

    fit(of(), given(2))
    kept = (tmp_path / "fits" / "manifest.jsonl").read_bytes()
    with pytest.raises(ValueError, match="'s000' was made with 3 as .*units, and now it .* be 4"):
        fit(of(units=4), given(count))
    assert (tmp_path / "fits" / "manifest.jsonl").read_bytes() == kept
    assert len(fit(of(), given(count))) == count


def test_the_same_model_of_another_function_goes_on(fit):
    """Also where callbacks have changed what it was compiled with."""
    less = [ReduceLROnPlateau("loss", factor=0.5, patience=0, min_delta=9.0)]
    fits = fit(of(), jobs.series(1), epochs=3, callbacks=less)
    assert fits["s000"].optimizer.learning_rate == 0.00025
    assert len(fit(jobs_build_by_another_name, jobs.series(3), epochs=3, callbacks=less)) == 3


def jobs_build_by_another_name():
    return of()()


def test_models_may_depend_on_their_series(fit):
    def build(key, data):
        return of(units=int(key[1:]) + 1)()

    fit(build, jobs.series(2))
    fits = fit(build, jobs.series(4))
    assert [fits[key].layers[0].units for key in fits] == [1, 2, 3, 4]
    with pytest.raises(ValueError, match="'s000' was made with 1 as .*units, and now .* be 2"):
        fit(lambda key, data: of(units=int(key[1:]) + 2)(), jobs.series(4))


def test_rows_of_another_shape_are_refused(fit):
    series = {"a": np.sin(np.arange(40.0)), "b": np.cos(np.arange(40.0))}

    def windows(steps):
        return lambda one: Windows(one, steps, horizon=1)

    x, y = jobs.data_of(0)
    fit(of(), {"a": (x, y)})
    with pytest.raises(ValueError, match=r"with 4 as data.x\[0\], and now it would be 3"):
        fit(of(), {"a": (x[:, 1:], y)})
    assert len(fit(of(), {"a": (x[1:], y[1:]), "b": (x, y)})) == 2  # rows may be more or fewer
    assert len(fit(of(), series, load=windows(8), out=None)) == 2


def test_a_folder_that_does_not_know_goes_on(fit, tmp_path):
    """One of an nlstm that did not keep it."""
    fit(of(), jobs.series(2))
    for path in (tmp_path / "fits").glob("*.zip"):
        with zipfile.ZipFile(path) as chunk:
            parts = {name: chunk.read(name) for name in chunk.namelist()}
        assert set(json.loads(parts.pop("built.json"))) < set(parts)
        with zipfile.ZipFile(path, "w") as chunk:
            for name, content in parts.items():
                chunk.writestr(name, content)
    fits = fit(of(units=4), jobs.series(3))
    assert [fits[key].layers[0].units for key in fits] == [3, 3, 4]
    with pytest.raises(ValueError, match="'s002' was made with 4 as .*units, and now it .* be 3"):
        fit(of(), jobs.series(4))


def test_series_whose_data_have_gone_are_passed_over(fit, tmp_path):
    paths = {key: str(tmp_path / f"{key}.npz") for key in jobs.series(6)}
    for key, (x, y) in jobs.series(6).items():
        np.savez(paths[key], x=x, y=y)

    def load(path):
        with np.load(path) as found:
            return found["x"], found["y"]

    fit(of(), {key: paths[key] for key in list(paths)[:4]}, load=load)
    (tmp_path / "s000.npz").unlink()
    with pytest.raises(ValueError, match="'s001' was made with 3 as"):
        fit(of(units=4), paths, load=load)
    for number in (1, 2):
        (tmp_path / f"s00{number}.npz").unlink()
    assert len(fit(of(), paths, load=load)) == 6


def test_another_build_of_a_sweep_is_refused(threads, tmp_path):
    x, y = jobs.data_of(0)
    given = {"executor": threads, "seed": 1, "verbose": 0, "out": tmp_path / "trials"}

    def build(units, activity=None):
        return of(units)()

    for space in ({"units": [1, 2]}, {"units": [1, 2, 3]}):
        trials = nlstm.sweep(build, space, x, y, **given)
    assert len(trials) == 3
    with pytest.raises(ValueError, match="0 was made with 0.2 as .*rate, and now it would be 0.5"):
        nlstm.sweep(lambda units: of(units, drop=0.5)(), space, x, y, **given)
    with pytest.raises(ValueError, match="0 was made with 4 as data.x"):
        nlstm.sweep(build, space, x[:, 1:], y, **given)


def test_what_only_one_description_tells_is_no_difference():
    """A later version of nlstm has more arguments."""
    x, y = jobs.data_of(0)
    text = description(of()(), {"x": x, "y": y})
    assert text == description(of()(), {"x": x, "y": y}) and difference(text, text) is None
    longer = text.replace('"units": 3', '"units": 3, "later": 1')
    assert longer != text and difference(text, longer) is difference(longer, text) is None


@pytest.mark.parametrize(
    "x, told",
    [
        ([np.ones((5, 4, 1)), np.ones((5, 2))], [[4, 1], [2]]),
        ({"a": np.ones((5, 4, 1)), "b": np.ones((5, 2))}, {"a": [4, 1], "b": [2]}),
        ([np.ones((4, 1))] * 5, None),  # rows
        (iter([]), None),
    ],
)
def test_shapes_are_those_of_a_row_of_each_input(x, told):
    a, b = Input((4, 1), name="a"), Input((2,), name="b")
    model = nlstm.Model([a, b], Dense(1)(Concatenate()([LSTM(2)(a), b])))
    model.compile("adam", "mse")
    found = json.loads(description(model, {"x": x, "y": np.ones((5, 1))}))
    assert found["data"] == {"x": told, "y": [1]}
