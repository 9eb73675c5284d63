"""Windows of series that are files: the bits of the same series in memory, and none of its size."""

import os
import sys

import numpy as np
import pytest

import nlstm
from nlstm.data import on_file
from nlstm.layers import LSTM, Dense, Input
from nlstm.windows import (
    LogScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
    Windows,
    backtest,
    from_parquet,
    timeseries_dataset_from_array,
)
from nlstm.windows.starts import EvenStarts
from tests.copied import TWINS, WAYS
from tests.windows.test_windows_source import peak_bytes

RNG = np.random.default_rng(0)
DTYPES = ["float32", "float64", "int16", ">f4", ">f8", "?"]
OPTIONS = [
    {"horizon": 2},
    {"stride": 3, "sampling_rate": 2, "drop_nan": True},
    {"inputs": [0, 2], "targets": [1], "future": [2], "horizon": 9},
    {"scaling": "standard", "targets": [1]},
    {"scaling": "last", "horizon": 3},
]


@pytest.fixture(autouse=True)
def of_any_size(monkeypatch):
    """Let the smallest file stay one."""
    monkeypatch.setattr(on_file, "SMALL", 10)


def on_disk(folder, array, name="series"):
    path = folder / f"{name}.npy"
    np.save(path, array)
    return path


def drawn(dtype="float32", rows=200):
    return (RNG.random((rows, 3)) * 50).astype(dtype)


def of_model(windows):
    """Return what training and its results are, to the last bit."""
    nlstm.set_random_seed(3)
    model = nlstm.Sequential([Input(windows.x.shape[1:]), LSTM(4), Dense(windows.y[:1].size)])
    model.compile("adam", "mse")
    history = model.fit(windows, batch_size=16, epochs=2, verbose=0, validation_split=0.25)
    model.fit(windows, batch_size=16, shuffle=False, verbose=0)
    scores = model.evaluate(windows, verbose=0)
    return [
        *model.get_weights(),
        model.predict(windows, verbose=0),
        scores,
        *history.history["loss"],
    ]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_file_gives_the_windows_of_its_numbers(tmp_path, dtype, order):
    series = [np.asarray(drawn(dtype, rows), order=order) for rows in (200, 140)]
    paths = [on_disk(tmp_path, one, str(n)) for n, one in enumerate(series)]
    mixed = [np.load(paths[0], mmap_mode="r"), series[1]]
    for options in OPTIONS:
        for given, files in ((series[0], str(paths[0])), (series, paths), (series, mixed)):
            wanted, found = Windows(given, 7, **options), Windows(files, 7, **options)
            assert found._panel.on_file and not wanted._panel.on_file
            for one, other in zip(wanted[:], found[:], strict=True):
                np.testing.assert_array_equal(one, other)
            assert np.array_equal(wanted.origins, found.origins)
            assert np.array_equal(wanted.series_index, found.series_index)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("dtype", ["float32", "int16", ">f8"])
def test_training_on_files_gives_the_same_bits(tmp_path, dtype, options):
    series = [drawn(dtype, rows) for rows in (200, 140)]
    paths = [on_disk(tmp_path, one, str(n)) for n, one in enumerate(series)]
    static = [[1.0], [2.0]]
    for wanted, found in (
        (Windows(series[0], 7, **options), Windows(paths[0], 7, **options)),
        (
            Windows(series, 7, **options, static=static).before(150),
            Windows(paths, 7, **options, static=static).before(150),
        ),
    ):
        if found.x.shape[2] < 4 or "scaling" not in options:
            np.testing.assert_equal(of_model(found), of_model(wanted))
            forecasts = wanted.y[3:9]
            np.testing.assert_array_equal(
                found.inverse_scaling(forecasts, slice(3, 9)),
                wanted.inverse_scaling(forecasts, slice(3, 9)),
            )


@pytest.mark.parametrize("way", WAYS)
def test_copies_and_pickles_name_the_file(tmp_path, way):
    path = on_disk(tmp_path, drawn(rows=20_000))
    windows = Windows([path, path], 5, scaling="last")
    if way != "copy" and "joblib" not in way:
        assert peak_bytes(lambda: TWINS[way](windows.x._panel)) < 50_000
    twin = TWINS[way](windows)
    for one, other in zip(twin[:50], windows[:50], strict=True):
        np.testing.assert_array_equal(one, other)
    data = timeseries_dataset_from_array(str(path), None, 4)
    np.testing.assert_array_equal(next(iter(TWINS[way](data))), next(iter(data)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("paths", [1, 2])
def test_numbers_that_are_not_finite_are_named_in_their_batch(tmp_path, dtype, paths):
    series = drawn(dtype)
    series[150, 1] = np.nan
    path = on_disk(tmp_path, series)
    windows = Windows([on_disk(tmp_path, drawn(), "other"), path][-paths:], 7)
    name = r"series\[1\]" if paths == 2 else "series"
    model = nlstm.Sequential([Input((7, 3)), LSTM(4), Dense(3)])
    model.compile("sgd", "mse")
    model.predict(windows.before(100), verbose=0)
    with pytest.raises(ValueError, match=f"{name} holds nan in row 150, column 1. drop_nan=True"):
        model.fit(windows, verbose=0)
    assert np.isfinite(model.get_weights()[0]).all()
    clean = Windows(path, 7, drop_nan=True)
    assert len(clean) == len(Windows(series, 7, drop_nan=True)) < len(windows)
    model.fit(clean, verbose=0)
    model.fit(Windows(path, 7, inputs=[0, 2, 0], targets=[0, 2, 2]), verbose=0)  # nobody reads it
    series[150, 1] = -np.inf
    with pytest.raises(ValueError, match="series holds -inf in row 150, column 1.$"):
        Windows(on_disk(tmp_path, series), 7, drop_nan=True)


@pytest.mark.parametrize("scaling", [None, "standard"])
def test_numbers_that_are_too_large_are_named(tmp_path, scaling):
    series = drawn("float64")
    series[150, 2] = 1e39
    windows = Windows(on_disk(tmp_path, series), 7, scaling=scaling)
    model = nlstm.Sequential([Input((7, 3)), LSTM(4), Dense(3)])
    found = "scaling='standard' of float32" if scaling else "float32"
    with pytest.raises(ValueError, match=rf"holds 1e\+39 in row 150, column 2, which {found}"):
        model.predict(windows, verbose=0)


@pytest.mark.parametrize("step", [0, 7, 60, 100, 300, -5])
@pytest.mark.parametrize("options", [{}, {"stride": 4}, {"horizon": 3, "sampling_rate": 2}])
def test_windows_of_a_file_are_parted_without_a_list_of_them(tmp_path, step, options):
    series = drawn()
    wanted, found = Windows(series, 7, **options), Windows(on_disk(tmp_path, series), 7, **options)
    for cut in ("before", "since"):
        one, other = getattr(wanted, cut)(step), getattr(found, cut)(step)
        assert isinstance(other._starts, EvenStarts)
        assert np.array_equal(one.origins, other.origins)


def test_even_starts_answer_as_an_array():
    even = EvenStarts(20, 3, 5)
    array = np.arange(20) * 3 + 5
    keys = [
        slice(None),
        slice(3, -2, 4),
        slice(None, None, -1),
        slice(30, None),
        -1,
        [1, -2],
        array > 9,
    ]
    for key in keys:
        np.testing.assert_array_equal(np.asarray(even[key]), array[key])
    with pytest.raises(IndexError, match="index 20 is out of bounds for 20 windows"):
        even[[3, 20]]


def sparse(path, rows, columns=4):
    """Return a file of zeros that takes no room on the disk."""
    return np.memmap(path, np.float32, "w+", shape=(rows, columns))


@pytest.mark.parametrize("several", [False, True])
def test_nothing_of_the_size_of_a_file_is_in_memory(tmp_path, several):
    file = sparse(tmp_path / "zeros", 16_000_000)  # 256 MB
    given = [np.zeros((1000, 4), ">f4"), file] if several else file
    model = nlstm.Sequential([Input((64, 4)), LSTM(2), Dense(1)])
    model.compile("sgd", "mse")

    def work():
        windows = Windows(given, 64, targets=[0], stride=64)
        options = {"batch_size": 64, "verbose": 0}
        fit = {"validation_steps": 2, "steps_per_epoch": 3}
        model.fit(windows, validation_split=0.1, **fit, **options)
        model.evaluate(windows, steps=3, **options)
        model.predict(windows, steps=3, **options)
        if not several:
            model.fit(Windows(file, 64, targets=[0]), shuffle=False, **fit, **options)

    work()  # compiles
    assert peak_bytes(work) < file.nbytes / 16


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="nobody says what is mapped")
def test_what_was_read_leaves_the_map(tmp_path, monkeypatch):
    def mapped():
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("RssFile")) << 10

    monkeypatch.setattr(on_file, "KEPT", 1 << 22)
    file = sparse(tmp_path / "zeros", 4_000_000)
    windows = Windows(file, 4, horizon=0, stride=4)
    before = mapped()
    StandardScaler().fit(file)
    for first in range(0, len(windows), 10_000):
        windows.x[first : first + 10_000]
    for _ in timeseries_dataset_from_array(file, None, 4, 4, batch_size=10_000):
        pass
    assert mapped() - before < file.nbytes / 4


def test_a_map_of_its_own_keeps_what_was_written(tmp_path):
    path = on_disk(tmp_path, drawn())
    copy = np.load(path, mmap_mode="c")
    copy[7] = 3.0
    on_file.Pages(copy).touch(1 << 40)
    assert (copy[7] == 3.0).all()


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("a.parquet", ValueError, r"series must be an array or a .npy file; .*from_parquet\(path"),
        ("a.npz", ValueError, "an archive has no place to read from"),
        ("a.csv", ValueError, r"np.memmap reads .* plain numbers; pandas.read_csv\(path\) gives"),
        ("none.npy", FileNotFoundError, "none.npy"),
        ("text.npy", ValueError, "series: '.*text.npy' is no .npy file of numbers"),
        ("objects.npy", ValueError, "is no .npy file of numbers"),
        ("cube.npy", ValueError, r"series must have shape .*; got \(2, 2, 2\)"),
        ("words.npy", TypeError, "series must hold real numbers; got dtype <U1"),
    ],
)
def test_files_that_are_no_series(tmp_path, name, error, message):
    (tmp_path / "text.npy").write_text("numbers")
    np.save(tmp_path / "objects.npy", np.array([None, 1]), allow_pickle=True)
    np.save(tmp_path / "cube.npy", np.zeros((2, 2, 2)))
    np.save(tmp_path / "words.npy", np.array(["a", "b"]))
    for path in (tmp_path / name, str(tmp_path / name)):
        with pytest.raises(error, match=message):
            Windows(path, 1)


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize("scaler", [StandardScaler, MinMaxScaler, RobustScaler, LogScaler])
def test_scalers_learn_from_files(tmp_path, scaler, each, gaps, monkeypatch):
    monkeypatch.setattr("nlstm.windows.learning.PIECE", 100)
    series = [drawn("float64", 301), drawn("float32", 50), drawn(">i2", 80)]
    for one in series:
        one[:, 1] = 7
    if gaps:
        series[0][5:9, 0] = series[1][:, 2] = np.nan
        series[1][0, 2] = 1.0
    paths = [on_disk(tmp_path, one, str(n)) for n, one in enumerate(series)]
    wanted, found = scaler(per_series=each).fit(series), scaler(per_series=each).fit(paths)
    for name in ("shift", "scale"):
        one, other = getattr(wanted, name), getattr(found, name)
        np.testing.assert_allclose(one, other, rtol=1e-13)
        if scaler in (MinMaxScaler, RobustScaler):
            np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(one[..., 1], other[..., 1])
    outs = [str(tmp_path / f"out{n}.npy") for n in range(3)]
    written = wanted.transform(dict(zip("abc", paths)), out=dict(zip("abc", outs)))
    for one, other, path in zip(wanted.transform(series), written.values(), outs, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype and isinstance(other, np.memmap)
        np.testing.assert_array_equal(np.load(path), one)
    back = np.zeros((80, 3), np.float32)
    which = 2 if each else None
    assert wanted.inverse_transform(outs[2], which=which, out=back) is back
    np.testing.assert_allclose(back, series[2], atol=1e-4)
    with pytest.raises(ValueError, match=r"out must have shape \(80, 3\); got \(3, 80\)"):
        wanted.transform(paths[2], which, out=back.T)


def test_a_scaler_does_not_write_over_what_it_reads(tmp_path):
    series = [drawn(), drawn("float64")]
    paths = [str(on_disk(tmp_path, one, str(n))) for n, one in enumerate(series)]
    (tmp_path / "link.npy").symlink_to(paths[0])
    scaler = StandardScaler().fit(paths)
    cases = [(paths[0], paths[0]), (paths[0], tmp_path / "link.npy"), (paths, paths[::-1])]
    for given, out in cases:
        with pytest.raises(ValueError, match="out is the file that is read, '.*npy', which would"):
            scaler.transform(given, out=out)
    for path, one in zip(paths, series, strict=True):
        np.testing.assert_array_equal(np.load(path), one)
    for out in (str(tmp_path / "a.csv"), tmp_path / "a"):
        with pytest.raises(ValueError, match="out must be the path of a .npy file; got '.*a"):
            scaler.transform(paths[0], out=out)
        assert not os.path.exists(out)
    inplace = np.load(paths[0], mmap_mode="r+")
    scaler.transform(inplace, out=inplace)
    np.testing.assert_array_equal(inplace, scaler.transform(series[0]))


def test_what_no_scaler_learns_from_files(tmp_path):
    series = drawn()
    for value, message in ((np.nan, "holds NaN alone"), (np.inf, "holds infinity")):
        series[:, 1] = value
        with pytest.raises(ValueError, match=f"Column 1 {message}"):
            StandardScaler().fit(on_disk(tmp_path, series))


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_data_set_of_a_file(tmp_path, shuffle):
    series, goals = drawn("int16"), drawn("float32")
    options = {"sequence_length": 7, "shuffle": shuffle, "seed": 1, "batch_size": 9}
    path, other = on_disk(tmp_path, series), on_disk(tmp_path, goals, "goals")
    wanted = timeseries_dataset_from_array(series, goals, **options)
    found = timeseries_dataset_from_array(str(path), other, **options)
    for one, two in zip(wanted, found, strict=True):
        assert one[0].dtype == two[0].dtype
        np.testing.assert_equal(one, two)


def test_a_backtest_of_a_file(tmp_path):
    class Naive:
        def predict(self, x, **options):
            return x[:, -1]

    series = drawn()
    results = [
        backtest(Naive(), given, start=50, horizon=1, sequence_length=3)
        for given in (series, on_disk(tmp_path, series))
    ]
    np.testing.assert_array_equal(results[0].mae(), results[1].mae())


class TestParquet:
    @pytest.fixture(autouse=True)
    def needs(self):
        pytest.importorskip("pyarrow")

    def written(self, folder, **options):
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame(
            {
                "time": pandas.date_range("2020", periods=1000, freq="h"),
                "rain": RNG.random(1000).astype(np.float32),
                "count": np.arange(1000, dtype=np.int16),
                "dry": np.arange(1000) % 2 == 0,
            }
        )
        frame.loc[5, "rain"] = np.nan
        frame.to_parquet(folder / "a.parquet", row_group_size=130, **options)
        return frame

    def test_windows_are_those_of_the_frame(self, tmp_path, monkeypatch):
        monkeypatch.setattr("nlstm.interop.parquet.ROWS", 70)
        frame = self.written(tmp_path)
        series = from_parquet(tmp_path / "a.parquet", to=tmp_path / "a.npy")
        assert repr(series) == "<FileColumns (1000, 3) float32: rain, count, dry>"
        np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), np.asarray(series))
        options = {"inputs": ["count", "dry"], "targets": ["count"], "drop_nan": True}
        wanted, found = Windows(frame, 24, **options), Windows(series, 24, **options)
        for one, other in zip(wanted[:], found[:], strict=True):
            np.testing.assert_array_equal(one, other)
        several = Windows([series, series], 24, targets=["rain"], drop_nan=True)
        assert len(several) == 2 * len(Windows(frame, 24, targets=["rain"], drop_nan=True))

    def test_a_damaged_file_is_named(self, tmp_path):
        (tmp_path / "a.parquet").write_bytes(b"PAR1xxxxPAR1")
        with pytest.raises(ValueError, match="a.parquet is not a whole parquet file"):
            from_parquet(tmp_path / "a.parquet", to=tmp_path / "a.npy")

    def test_a_file_is_written_once(self, tmp_path):
        self.written(tmp_path)
        path, to = tmp_path / "a.parquet", tmp_path / "a.npy"

        def made(**options):
            found = from_parquet(path, to=to, **options)
            return os.stat(to).st_ino, found.array.dtype.name, found.shape[1]

        first = made()
        assert made() == first
        assert made(columns=["rain"])[2] == 1
        assert made(dtype="float64")[1:] == ("float64", 3)
        os.utime(path, ns=(1, 1))
        again = made()
        assert again[0] != first[0] and made() == again
        assert sorted(os.listdir(tmp_path)) == ["a.npy", "a.parquet"]

    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [
            (
                {"columns": ["rain", "fog"]},
                ValueError,
                r"columns names 'fog'; the file has \['time'",
            ),
            (
                {"columns": ["time"]},
                TypeError,
                "columns must hold real numbers; 'time' has timestamp",
            ),
            ({"columns": []}, ValueError, "columns names none"),
            ({"to": "a.npz"}, ValueError, "to must be the path of a .npy file; got 'a.npz'"),
            ({"to": "own.npy"}, FileExistsError, "to='own.npy' is a file of something else"),
            ({"dtype": "int8"}, ValueError, "dtype must be one of .*; got 'int8'"),
        ],
    )
    def test_what_cannot_be_written_is_named(self, tmp_path, monkeypatch, options, error, message):
        monkeypatch.chdir(tmp_path)
        self.written(tmp_path)
        np.save("own.npy", np.zeros(3))
        with pytest.raises(error, match=message):
            from_parquet("a.parquet", **{"to": "a.npy", **options})
        assert sorted(os.listdir()) == ["a.parquet", "own.npy"]
        assert np.load("own.npy").shape == (3,)

    def test_without_pyarrow(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        with pytest.raises(ImportError, match=r"pip install 'nlstm\[parquet\]'"):
            from_parquet("a.parquet", to="a.npy")
