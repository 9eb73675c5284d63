"""Arrays that are files: gathered, converted and checked batch by batch, to the same bits."""

import numpy as np
import pytest

import nlstm
from nlstm.data import on_file
from nlstm.data.file_rows import FileRows
from nlstm.layers import LSTM, Dense, Embedding, Input
from nlstm.training import training
from tests.windows.test_windows_source import peak_bytes

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def of_any_size(monkeypatch):
    """Let the smallest file stay one."""
    monkeypatch.setattr(on_file, "SMALL", 10)


@pytest.fixture
def filed(tmp_path):
    """Return what makes a file of an array."""
    count = iter(range(100))

    def made(array):
        path = tmp_path / f"{next(count)}.npy"
        np.save(path, array)
        return np.load(path, mmap_mode="r")

    return made


def model(*layers, loss="mse"):
    nlstm.set_random_seed(3)
    made = nlstm.Sequential(list(layers) or [Input((12, 3)), LSTM(4), Dense(2)])
    made.compile("adam", loss)
    return made


def of_fit(made, x, y, **options):
    made.fit(x, y, batch_size=16, epochs=2, verbose=0, validation_split=0.25, **options)
    return [*made.get_weights(), made.predict(x, verbose=0), made.evaluate(x, y, verbose=0)]


@pytest.mark.parametrize("lay", [np.ascontiguousarray, np.asfortranarray])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int16", ">f4", "?"])
def test_the_same_bits_as_in_memory(filed, dtype, lay):
    x, y = (lay((RNG.random(shape) * 9).astype(dtype)) for shape in ((100, 12, 3), (100, 2)))
    weight = RNG.random(100)
    wanted = of_fit(model(), x, y, sample_weight=weight)
    found = of_fit(model(), filed(x), filed(y), sample_weight=filed(weight))
    np.testing.assert_equal(found, wanted)
    part = filed(np.concatenate([x, x]))[::2, :, :]
    np.testing.assert_array_equal(
        model().predict(part, verbose=0), model().predict(np.array(part), verbose=0)
    )


@pytest.mark.parametrize("steps", [1, 5])
def test_pieces_of_sequences(filed, steps):
    x, y = RNG.random((30, steps, 3)), RNG.random((30, steps, 2))
    found = []
    for give in (np.asarray, filed):
        nlstm.set_random_seed(0)
        made = model(Input((None, 3)), LSTM(4, return_sequences=True), Dense(2))
        found.append(of_fit(made, give(x), give(y), bptt_steps=2))
    np.testing.assert_equal(*found)


@pytest.mark.parametrize("options", [{}, {"bptt_steps": 4}])
def test_what_is_no_index_is_named_by_row_and_step(filed, options):
    tokens, x = np.zeros((30, 9), int), np.zeros((30, 9, 3))
    tokens[21, 6] = 7
    sparse = "sparse_categorical_crossentropy"
    for give in (np.asarray, filed):
        layers = [LSTM(4, return_sequences=True), Dense(3, activation="softmax")]
        with pytest.raises(ValueError, match="x must lie in 0 to 4; row 21, step 6, has 7"):
            model(Embedding(5, 2), *layers).fit(give(tokens), x, verbose=0, **options)
        layers = [LSTM(4, return_sequences=True), Dense(3, activation="softmax")]
        with pytest.raises(ValueError, match="y must lie in 0 to 2; row 21, step 6, has 7"):
            model(*layers, loss=sparse).fit(x, give(tokens), verbose=0, **options)


def test_flat_samples_and_missing_axes(filed):
    flat = RNG.random((100, 3)).astype(np.float32)
    for x, sample in ((flat, (3,)), (flat, (3, 1)), (flat[..., None, None], (3, 1))):
        found = []
        for given in ((x, flat[:, :2]), (filed(x), filed(flat[:, :2]))):
            nlstm.set_random_seed(3)
            last = Dense(2) if len(sample) == 1 else LSTM(2)
            found.append(of_fit(model(Input(sample), last), *given))
        np.testing.assert_equal(*found)


@pytest.mark.parametrize("dtype", ["float32", ">f8"])
def test_what_is_not_finite_is_named_in_its_batch(filed, dtype):
    x = RNG.random((100, 12, 3)).astype(dtype)
    x[90, 3, 1] = np.nan
    text = r"x is not finite in row 90: x\[90, 3, 1\] is nan. Fill such values in"
    for given in (x, filed(x)):
        with pytest.raises(ValueError, match=text):
            model().predict(given, verbose=0)
    source = FileRows("x", filed(x)).part(slice(80, None)).part(slice(5, None))
    ops = nlstm.kernels.operations.load("cpu")
    index, out = np.array([5]), np.zeros((12, 1, 3), np.float32)
    with pytest.raises(ValueError, match="in row 90"):
        for function, arguments in source.feed(ops, index, out):
            function(*arguments)
    with pytest.raises(
        ValueError, match=r"y is too large for float32 in row 7: y\[7, 1\] is 1e\+99"
    ):
        y = np.zeros((100, 2))
        y[7, 1] = 1e99
        model().evaluate(np.zeros((100, 12, 3)), filed(y), verbose=0)


@pytest.mark.parametrize("label", [3, -1, 0.5])
def test_labels_are_checked_in_every_batch(filed, label):
    x, y = np.zeros((100, 12, 3), np.float32), np.arange(100) % 3.0
    y[95] = label
    made = model(Input((12, 3)), LSTM(4), Dense(3, activation="softmax"),
                 loss="sparse_categorical_crossentropy")  # fmt: skip
    for given in (y, filed(y)):
        with pytest.raises(ValueError, match="y must (lie in 0 to 2|hold class indices).*row 95"):
            made.fit(x, given, verbose=0, batch_size=7)
    table = model(Input((12,)), Embedding(3, 2), LSTM(2), Dense(1))
    words = np.zeros((100, 12), np.int16)
    table.predict(filed(words), verbose=0)
    words[95, 2] = int(label * 6)
    with pytest.raises(ValueError, match="x must lie in 0 to 2; row 95"):
        table.predict(filed(words), verbose=0)
    shares = filed(np.full((100, 2), 1.5))
    with pytest.raises(ValueError, match="y must lie in 0 to 1; row 0"):
        model(Input((12, 3)), LSTM(2), Dense(2, activation="sigmoid"),
              loss="binary_crossentropy").evaluate(x, shares, verbose=0)  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_nothing_of_the_size_of_a_file_is_in_memory(tmp_path, dtype):
    x = np.memmap(tmp_path / "x", dtype, "w+", shape=(50_000, 64, 8))  # holes: no room on the disk
    y = np.memmap(tmp_path / "y", dtype, "w+", shape=(50_000, 64, 4))
    made = model(Input((64, 8)), LSTM(4, return_sequences=True))
    options = {"batch_size": 32, "verbose": 0}

    def work():
        made.fit(x, y, validation_split=0.1, steps_per_epoch=3, validation_steps=2, **options)
        made.evaluate(x, y, steps=3, **options)
        made.predict(x, steps=3, **options)

    work()  # compiles
    assert peak_bytes(work) < y.nbytes / 8


def test_a_long_order_takes_half_the_memory(monkeypatch):
    wanted = model().training.order(1000)
    monkeypatch.setattr(training, "MANY", 10)
    found = model().training.order(1000)
    assert np.array_equal(wanted, found) and found.dtype == np.int32
