"""The shipped data: shapes, no gap, and values read off the source by eye."""

import hashlib
from pathlib import Path

import numpy as np

from nlstm import datasets


def test_seattle_weather_is_daily_and_complete():
    dates, values = datasets.seattle_weather()
    assert dates.dtype == "datetime64[D]" and values.dtype == np.float64
    assert (str(dates[0]), str(dates[-1])) == ("2012-01-01", "2015-12-31")
    assert (np.diff(dates) == np.timedelta64(1, "D")).all()
    assert values.shape == (1461, 4) and np.isfinite(values).all()
    np.testing.assert_array_equal(values[:2], [[0.0, 12.8, 5.0, 4.7], [10.9, 10.6, 2.8, 4.5]])
    assert (values[:, 1] >= values[:, 2]).all()


def test_seattle_weather_is_the_file_of_the_source():
    file = Path(datasets.__file__).parent / "seattle_weather.csv"
    digest = "62f0609f787158128aa2bd102967173a4953122dd4f872bf1d502cae1037df0b"
    assert hashlib.sha256(file.read_bytes()).hexdigest() == digest


def test_japanese_vowels_have_the_published_counts():
    (x_train, y_train, lengths_train), (x_test, y_test, lengths_test) = datasets.japanese_vowels()
    assert x_train.shape == (270, 29, 12) and x_test.shape == (370, 29, 12)
    assert np.bincount(y_train).tolist() == [30] * 9
    assert np.bincount(y_test).tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]
    lengths = np.concatenate([lengths_train, lengths_test])
    assert (lengths.min(), lengths.max(), lengths.sum()) == (7, 29, 9961)


def test_japanese_vowels_are_zero_only_where_nothing_was_spoken():
    for x, _, lengths in datasets.japanese_vowels():
        spoken = np.arange(x.shape[1]) < lengths[:, None]
        np.testing.assert_array_equal(x.any(axis=-1), spoken)


def test_japanese_vowels_hold_the_decimals_of_the_source():
    (x, _, lengths), _ = datasets.japanese_vowels()
    assert lengths[0] == 20
    np.testing.assert_array_equal(x[0, :3, 0], [1.860936, 1.891651, 1.939205])
    np.testing.assert_array_equal(x[0, :2, 1], [-0.207383, -0.193249])


def test_shipped_files_stay_under_a_megabyte():
    files = Path(datasets.__file__).parent.iterdir()
    assert sum(file.stat().st_size for file in files if file.is_file()) < 1_000_000
