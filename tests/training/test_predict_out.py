"""Results of predict in arrays of the user: the same bits, batch by batch, and no memory beside."""

import numpy as np
import pytest

import nlstm
from nlstm.callbacks import LambdaCallback
from nlstm.layers import LSTM, Dense, Input
from nlstm.windows import Windows
from tests.windows.test_windows_source import peak_bytes

X = np.random.default_rng(0).random((70, 9, 3)).astype(np.float32)


def model(sequences=False):
    return nlstm.Sequential([Input((9, 3)), LSTM(4, return_sequences=sequences), Dense(2)])


def two_outputs(form):
    x = Input((9, 3))
    h = LSTM(4)(x)
    p, q = Dense(2, name="p")(h), Dense(1, name="q")(h)
    return nlstm.Model(x, {"p": p, "q": q} if form is dict else [p, q])


def batches(size=16, upto=70):
    return (X[start : min(start + size, upto)] for start in range(0, upto, size))


@pytest.fixture
def filed(tmp_path):
    """Return what makes an empty file for an array's shape."""
    return lambda shape, dtype="f4": np.memmap(tmp_path / "out", dtype, "w+", shape=shape)


@pytest.mark.parametrize("dtype", ["float32", "float64", ">f4"])
@pytest.mark.parametrize("sequences", [False, True])
def test_what_is_written_is_what_would_be_returned(filed, sequences, dtype):
    made = model(sequences)
    wanted = made.predict(X, verbose=0)
    lengths = np.random.default_rng(1).integers(1, 10, 70)
    for out in (np.zeros(wanted.shape, dtype), filed(wanted.shape, dtype)):
        for given, options in (
            (X, {}),
            (X, {"batch_size": 16}),
            (batches(), {}),
            (X, {"batch_size": 16, "lengths": lengths}),
            (X, {"callbacks": [LambdaCallback()]}),
        ):
            out[:] = -1
            assert made.predict(given, out=out, verbose=0, **options) is out
            measured = {"lengths": options["lengths"]} if "lengths" in options else {}
            np.testing.assert_array_equal(out, made.predict(X, verbose=0, **measured))
    every_other = np.zeros((140, *wanted.shape[1:]), dtype)[::2]
    np.testing.assert_array_equal(made.predict(X, out=every_other, verbose=0), wanted)
    part = np.zeros((32, *wanted.shape[1:]), dtype)
    made.predict(X, batch_size=16, steps=2, out=part, verbose=0)
    np.testing.assert_array_equal(part, wanted[:32])


def test_windows():
    windows = Windows(X.reshape(-1, 3), 9, horizon=0)
    made = model()
    wanted = made.predict(windows, verbose=0)
    out = np.zeros(wanted.shape)
    np.testing.assert_array_equal(made.predict(windows, out=out, verbose=0), wanted)


@pytest.mark.parametrize("form", [list, dict])
def test_several_outputs(form):
    made = two_outputs(form)
    wanted = made.predict(X, verbose=0)
    p, q = np.zeros((70, 2)), np.zeros((70, 1), np.float32)
    for out in ({"p": p, "q": q}, [p, q])[form is list :]:
        for given in (X, batches()):
            p[:], q[:] = 0, 0
            assert made.predict(given, out=out, verbose=0) is out
            found = wanted if form is list else [wanted["p"], wanted["q"]]
            np.testing.assert_equal([p, q], [one.astype(p.dtype) for one in found])
    for out, message in (
        ({"p": p}, "out is a dict without 'q'|out"),
        ([p], "out"),
        (p, "out"),
        (
            [p, p] if form is list else {"p": p, "q": p},
            r"out\['q'\] must have shape \(70, 1\); got",
        ),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            made.predict(X, out=out, verbose=0)


def locked(shape):
    out = np.zeros(shape)
    out.flags.writeable = False
    return out


@pytest.mark.parametrize("as_batches", [False, True])
@pytest.mark.parametrize(
    ("out", "error", "message"),
    [
        (
            np.zeros((69, 2)),
            ValueError,
            r"^out (must have shape \(70, 2\); got|has 69 rows, but x)",
        ),
        (
            np.zeros((71, 2)),
            ValueError,
            r"^out (must have shape \(70, 2\); got|has 71 rows, but x)",
        ),
        (np.zeros((70, 3)), ValueError, r"^out must have shape \((70|rows), 2\); got \(70, 3\)"),
        (np.zeros(70), ValueError, r"^out must have shape \((70|rows), 2\); got \(70,\)"),
        (np.zeros((70, 2), int), TypeError, "^out must be of a floating dtype; got int64"),
        (locked((70, 2)), ValueError, "^out is read-only"),
        ([[0.0, 0.0]] * 70, TypeError, "^out must be an ndarray or np.memmap; got list"),
        ("a.npy", TypeError, "np.memmap; got str: np.lib.format.open_memmap"),
    ],
)
def test_what_does_not_fit_is_named(as_batches, out, error, message):
    given = batches() if as_batches else X
    with pytest.raises(error, match=message):
        model().predict(given, out=out, verbose=0)


@pytest.mark.parametrize("as_batches", [False, True])
def test_of_an_interrupt_what_was_written_stays(filed, as_batches):
    made, out = model(), filed((70, 2))
    wanted = made.predict(X, verbose=0)

    def interrupt(batch, logs):
        if batch == 2:
            raise KeyboardInterrupt

    hooks = [LambdaCallback(on_predict_batch_begin=interrupt)]
    options = {} if as_batches else {"batch_size": 16}
    with pytest.raises(KeyboardInterrupt):
        made.predict(batches() if as_batches else X, out=out, callbacks=hooks, verbose=0, **options)
    np.testing.assert_array_equal(out[:32], wanted[:32])
    assert not out[32:].any()

    def stop(batch, logs):
        made.stop_predicting = batch == 2

    out[:] = 0
    hooks = [LambdaCallback(on_predict_batch_end=stop)]
    given = batches() if as_batches else X
    assert made.predict(given, out=out, callbacks=hooks, verbose=0, **options) is out
    np.testing.assert_array_equal(out[:48], wanted[:48])
    assert not out[48:].any()


def test_nothing_grows_with_the_rows(filed):
    made = nlstm.Sequential([Input((4, 1)), LSTM(2, return_sequences=True), Dense(40)])
    x = np.zeros((40_000, 4, 1), np.float32)
    out = filed((40_000, 4, 40))
    small = np.zeros((100, 4, 40), np.float32)
    made.predict(x[:100], out=small, verbose=0)
    for given in (x, (x[start : start + 500] for start in range(0, 40_000, 500))):
        assert (
            peak_bytes(lambda given=given: made.predict(given, out=out, verbose=0)) < out.nbytes / 8
        )
