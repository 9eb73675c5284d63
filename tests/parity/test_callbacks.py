"""What callbacks do and what they are told, beside live Keras."""

import csv

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nlstm
from tests.parity import trained
from tests.parity.peers import keras

pytestmark = pytest.mark.usefixtures("float64")
EXAMPLES = settings(max_examples=24, derandomize=True, deadline=None)
EPOCHS = 9
scores = st.lists(st.integers(-4, 4).map(lambda n: n / 4), min_size=EPOCHS, max_size=EPOCHS)


def reported(library, values):
    """Return a callback that puts a score among the logs that callbacks after it see."""

    class Reported(library.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["score"] = values[epoch]

    return Reported()


def fits(agree, seed, callbacks, averaging=None, **arguments):
    """Fit both models with `callbacks(library)`; compare histories and weights."""
    found = []
    both = trained.pair(keras, seed)
    for library, model in zip((nlstm, keras), both):
        model.compile(library.optimizers.SGD(0.125, **averaging or {}), "mse")
        history = model.fit(
            trained.inputs(seed), trained.targets(seed), epochs=EPOCHS, shuffle=False, verbose=0,
            callbacks=callbacks(library), **arguments,
        ).history  # fmt: skip
        found.append(history)
    assert set(found[0]) == set(found[1])
    for key in sorted(found[0]):
        agree(key, found[0][key], found[1][key])
    for number, pair in enumerate(zip(*(model.get_weights() for model in both))):
        agree(f"weight {number}", *pair)


@EXAMPLES
@given(st.data())
def test_reduce_lr_on_plateau(parity, data):
    values, seed = data.draw(scores), data.draw(st.integers(0, 99))
    config = {
        "monitor": "score",
        "factor": data.draw(st.sampled_from([0.5, 0.25])),
        "patience": data.draw(st.integers(0, 3)),
        "mode": data.draw(st.sampled_from(["min", "max"])),
        "min_delta": data.draw(st.sampled_from([0.0, 0.25, 0.3])),
        "cooldown": data.draw(st.integers(0, 2)),
        "min_lr": data.draw(st.sampled_from([0.0, 0.03125])),
    }
    with parity.configuration("ReduceLROnPlateau") as agree:
        fits(
            agree,
            seed,
            lambda library: [
                reported(library, values),
                library.callbacks.ReduceLROnPlateau(**config),
            ],
        )


@settings(EXAMPLES, max_examples=6)
@given(st.booleans(), st.sampled_from([0.5, 0.875]), st.sampled_from([None, 3]), st.integers(0, 99))
def test_swap_ema_weights(parity, swap_on_epoch, momentum, every, seed):
    """Beside the weights at the end: the loss of validation, and what later callbacks see."""
    averaging = {"use_ema": True, "ema_momentum": momentum, "ema_overwrite_frequency": every}
    seen = {nlstm: [], keras: []}

    def callbacks(library):
        class Seen(library.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                seen[library].append(float(sum(w.sum() for w in self.model.get_weights())))

        return [library.callbacks.SwapEMAWeights(swap_on_epoch), Seen()]

    held = trained.inputs(seed + 1), trained.targets(seed + 1)
    with parity.configuration("SwapEMAWeights") as agree:
        fits(agree, seed, callbacks, averaging, validation_data=held)
        agree("weights at the end of epochs", *seen.values())


@EXAMPLES
@given(st.data())
def test_early_stopping(parity, data):
    values, seed = data.draw(scores), data.draw(st.integers(0, 99))
    config = {
        "monitor": "score",
        "min_delta": data.draw(st.sampled_from([0.0, 0.25, 0.3])),
        "patience": data.draw(st.integers(0, 3)),
        "mode": data.draw(st.sampled_from(["min", "max"])),
        "baseline": data.draw(st.sampled_from([None, 0.25])),
        "restore_best_weights": data.draw(st.booleans()),
        "start_from_epoch": data.draw(st.integers(0, 3)),
    }
    stopped = []

    def callbacks(library):
        stopping = library.callbacks.EarlyStopping(**config)
        stopped.append(stopping)
        return [reported(library, values), stopping]

    with parity.configuration("EarlyStopping") as agree:
        fits(agree, seed, callbacks)
        agree("stopped_epoch", *(one.stopped_epoch for one in stopped))


@settings(EXAMPLES, max_examples=8)
@given(st.booleans(), st.sampled_from([0.5, 0.875]), st.integers(0, 4))
def test_learning_rate_scheduler(parity, takes_rate, factor, initial_epoch):
    def callbacks(library):
        if takes_rate:
            return [library.callbacks.LearningRateScheduler(lambda epoch, rate: rate * factor)]
        return [library.callbacks.LearningRateScheduler(lambda epoch: 0.25 * factor**epoch)]

    with parity.configuration("LearningRateScheduler") as agree:
        fits(agree, 4, callbacks, initial_epoch=initial_epoch)


@settings(EXAMPLES, max_examples=8)
@given(scores, st.sampled_from(["min", "max"]), st.sampled_from([None, 0.25]))
def test_model_checkpoint(parity, tmp_path_factory, values, mode, threshold):
    """The epochs whose weights are kept."""
    kept = []

    def callbacks(library):
        folder = tmp_path_factory.mktemp("checkpoints")
        kept.append(folder)
        ending = ".weights.h5" if library is keras else ".nlstm"
        return [
            reported(library, values),
            library.callbacks.ModelCheckpoint(
                str(folder / ("{epoch:02d}_{score:+.2f}" + ending)), monitor="score", mode=mode,
                save_best_only=True, save_weights_only=True, initial_value_threshold=threshold,
            ),
        ]  # fmt: skip

    with parity.configuration("ModelCheckpoint") as agree:
        fits(agree, 2, callbacks)
    ours, theirs = (sorted(path.name[:8] for path in folder.iterdir()) for folder in kept)
    assert ours == theirs


def recorder(library, calls):
    """Return a callback that writes down every hook."""

    def hook(name):
        def record(self, *arguments, logs=None):
            if arguments and isinstance(arguments[-1], dict | None):
                *arguments, logs = arguments
            calls.append((name, *arguments, *sorted(logs or {})))

        return record

    names = [name for name in dir(library.callbacks.Callback) if name.startswith("on_")]
    return type("Recorder", (library.callbacks.Callback,), {name: hook(name) for name in names})()


def test_hooks(parity):
    """The same hooks in the same order, with logs of the same names."""
    found = []
    for library, model in zip((nlstm, keras), trained.pair(keras, 1)):
        model.compile("sgd", "mse", metrics=["mae"])
        calls = []
        x, y = trained.inputs(1), trained.targets(1)
        watching = recorder(library, calls)
        model.fit(x, y, 4, 2, 0, [watching], validation_data=(x[:3], y[:3]))
        model.evaluate(x, y, 4, 0, callbacks=[watching])
        model.predict(x, 4, 0, callbacks=[watching])
        found.append(calls)
    with parity.configuration("hooks"):
        ours, theirs = ([call[:2] for call in calls] for calls in found)
        assert ours == theirs


def test_csv_logger(parity, tmp_path):
    paths = []

    def callbacks(library):
        paths.append(tmp_path / f"{library.__name__}.csv")
        return [library.callbacks.CSVLogger(str(paths[-1]))]

    with parity.configuration("CSVLogger") as agree:
        fits(agree, 1, callbacks, validation_split=0.5)
        ours, theirs = (list(csv.DictReader(path.read_text().splitlines())) for path in paths)
        assert set(ours[0]) == set(theirs[0])
        for a, b in zip(ours, theirs, strict=True):
            for key in a:
                agree(key, float(a[key]), float(b[key]))
