"""`RNN` with cells, in files of live Keras."""

import numpy as np
import pytest

from nlstm.models import load_model
from tests.parity.peers import keras

pytest.importorskip("h5py")
K = keras.layers
CLOSE = {"rtol": 0, "atol": 1e-6}
ENDINGS = (".keras", ".h5")
pytestmark = pytest.mark.filterwarnings("ignore:Layer .* does not support mask-passing")


def data():
    """Return sequences of 6 steps, of which the masks of some end early or begin late."""
    x = np.random.default_rng(0).uniform(-1, 1, (4, 6, 3)).astype("float32")
    x[1, 4:] = x[2, :2] = 0
    return x


def stack(*cells, **options):
    return K.RNN(K.StackedRNNCells(cells), **options)


def lstms(**options):
    return stack(K.LSTMCell(4), K.LSTMCell(4), **options)


def unlike(**options):
    return stack(K.GRUCell(5, reset_after=False), K.SimpleRNNCell(2), K.LSTMCell(4), **options)


def outputs(model, x):
    found = model.predict(x, verbose=0)
    return found if isinstance(found, list) else [found]


def check_same(ours, theirs, x):
    for one, other in zip(outputs(ours, x), outputs(theirs, x), strict=True):
        np.testing.assert_allclose(one, other, **CLOSE)


def begun(model, x):
    """Give a model drawn weights and two steps of Adam."""
    rng = np.random.default_rng(1)
    model.set_weights([rng.uniform(-0.5, 0.5, one.shape) for one in model.get_weights()])
    model.compile("adam", "mse")
    target = [np.ones_like(one) for one in outputs(model, x)]
    for _ in range(2):
        model.train_on_batch(x, target)
    return target


def check_files(theirs, x, folder, back=False):
    """Open it in both forms, train on; `back` hands it back too. Return nlstm's model."""
    target, found = begun(theirs, x), []
    for ending in ENDINGS:
        theirs.save(folder / f"m{ending}")
        found.append(ours := load_model(folder / f"m{ending}"))
        check_same(ours, theirs, x)
        if back:
            ours.save(folder / f"back{ending}")
            check_same(keras.models.load_model(folder / f"back{ending}"), theirs, x)
    theirs.train_on_batch(x, target)
    for ours in found:
        assert ours.optimizer.iterations == 2
        ours.train_on_batch(x, target)
        check_same(ours, theirs, x)
    return found[-1]


WHOLE = {"return_sequences": True}
CASES = {
    "LSTM": (lambda: [K.RNN(K.LSTMCell(4))], ["LSTM"]),
    "GRU": (lambda: [K.Masking(), K.RNN(K.GRUCell(4), **WHOLE)], ["Masking", "GRU"]),
    "SimpleRNN": (lambda: [K.RNN(K.SimpleRNNCell(4), go_backwards=True)], ["SimpleRNN"]),
    "both ways": (
        lambda: [K.Bidirectional(K.RNN(K.LSTMCell(4), **WHOLE), merge_mode="sum")],
        ["Bidirectional"],
    ),
    "LSTMs": (lambda: [lstms()], ["LSTM"]),
    "LSTMs masked": (
        lambda: [K.Masking(), lstms(zero_output_for_mask=True, **WHOLE)],
        ["Masking", "LSTM"],
    ),
    "LSTMs back": (lambda: [lstms(go_backwards=True, **WHOLE)], ["LSTM", "LSTM"]),
    "LSTMs of other sizes": (
        lambda: [stack(K.LSTMCell(4), K.LSTMCell(5))],
        ["LSTM", "LSTM"],
    ),
    "unlike": (
        lambda: [K.Masking(), lstms(**WHOLE), unlike(**WHOLE), unlike()],
        ["Masking", "LSTM", *["GRU", "SimpleRNN", "LSTM"] * 2],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_cells_are_layers(name, tmp_path):
    made, kinds = CASES[name]
    theirs = keras.Sequential([K.Input((6, 3)), *made(), K.Dense(2)])
    ours = check_files(theirs, data(), tmp_path)
    assert [type(one).__name__ for one in ours.layers] == [*kinds, "Dense"]
    if name.startswith("LSTMs") and "LSTM" in kinds[-1:] and len(set(kinds)) == len(kinds):
        assert ours.layers[-2].num_layers == 2


@pytest.mark.parametrize("made", [lstms, unlike])
def test_states_come_out_and_go_in(made, tmp_path):
    """As an encoder and a decoder have them; Keras gives a layer with states no mask."""
    x = K.Input((6, 3))
    _, *states = made(return_state=True)(K.Masking()(x))
    decoded, *ends = made(return_state=True, **WHOLE)(K.Masking()(x), initial_state=states)
    flat = keras.tree.flatten(ends)
    theirs = keras.Model(x, [K.Dense(2)(decoded), *flat])
    check_files(theirs, data(), tmp_path, back=True)


def test_states_that_are_inputs(tmp_path):
    x, *states = K.Input((None, 3)), K.Input((4,)), K.Input((4,))
    y, *ends = stack(K.GRUCell(4), K.GRUCell(4), return_state=True, **WHOLE)(
        x, initial_state=states
    )
    theirs = keras.Model([x, *states], [K.Dense(1)(y), *ends])
    rng = np.random.default_rng(2)
    given = [data(), *(rng.uniform(-1, 1, (4, 4)).astype("float32") for _ in states)]
    check_files(theirs, given, tmp_path)


@pytest.mark.parametrize("made", [lstms, unlike])
def test_inside_a_model_and_frozen(made, tmp_path):
    inner = keras.Sequential([K.Input((6, 3)), made(**WHOLE), K.Dense(3)])
    x = K.Input((6, 3))
    frozen = made(**WHOLE)
    frozen.trainable = False
    theirs = keras.Model(x, K.Dense(2)(made()(frozen(inner(x)))))
    ours = check_files(theirs, data(), tmp_path)
    assert len(ours.trainable_weights) == len(theirs.trainable_weights)


def test_one_cell_that_is_frozen(tmp_path):
    rnn = lstms()
    rnn.cell.cells[0].trainable = False
    theirs = keras.Sequential([K.Input((6, 3)), rnn, K.Dense(2)])
    ours = check_files(theirs, data(), tmp_path)
    assert [one.trainable for one in ours.layers] == [False, True, True]


def test_stateful_and_dropout(tmp_path):
    cells = [K.LSTMCell(4, dropout=0.2, recurrent_dropout=0.1), K.LSTMCell(4, dropout=0.2)]
    theirs = keras.Sequential([K.Input(batch_shape=(4, 6, 3)), stack(*cells, stateful=True)])
    theirs.save(tmp_path / "m.keras")
    ours = load_model(tmp_path / "m.keras")
    assert [one.recurrent_dropout for one in ours.layers] == [0.1, 0.0]
    x = data()
    for _ in range(2):
        check_same(ours, theirs, x)
    assert not np.allclose(*(ours.predict(x, verbose=0) for _ in range(2)), atol=1e-3)


STACKS = {
    "of a kind": lambda: [lstms(**WHOLE), K.RNN(K.GRUCell(3))],
    "unlike": lambda: [K.LSTM(4, **WHOLE), unlike(**WHOLE), K.Dense(3), unlike()],
    "inside": lambda: [
        keras.Sequential([K.Input((6, 3)), unlike(**WHOLE), K.Dense(3)]), lstms(go_backwards=True),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", STACKS)
def test_weights_alone_go_in(name, tmp_path):
    theirs = keras.Sequential([K.Input((6, 3)), *STACKS[name](), K.Dense(2)])
    theirs.save(tmp_path / "m.keras")
    ours = load_model(tmp_path / "m.keras")
    begun(theirs, data())
    theirs.save_weights(tmp_path / "m.weights.h5")
    ours.load_weights(tmp_path / "m.weights.h5")
    check_same(ours, theirs, data())


def test_weights_of_cells_go_into_layers_in_a_row(tmp_path):
    from nlstm import Sequential, layers

    theirs = keras.Sequential([K.Input((6, 3)), K.Dense(3), unlike(**WHOLE), lstms(), K.Dense(2)])
    begun(theirs, data())
    theirs.save_weights(tmp_path / "m.weights.h5")
    rows = [
        layers.GRU(5, reset_after=False, **WHOLE), layers.SimpleRNN(2, **WHOLE),
        layers.LSTM(4, **WHOLE), layers.LSTM(4, num_layers=2),
    ]  # fmt: skip
    ours = Sequential([layers.Input((6, 3)), layers.Dense(3), *rows, layers.Dense(2)])
    ours.load_weights(tmp_path / "m.weights.h5")
    check_same(ours, theirs, data())
