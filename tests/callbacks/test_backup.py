"""Fits that were interrupted, or killed, and went on: with the bits of one that never was."""

import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nlstm
from nlstm.callbacks import BackupAndRestore, Callback, EarlyStopping, LambdaCallback
from nlstm.layers import LSTM, Dense, Dropout, Input
from nlstm.models import Sequential

ROOT = Path(__file__).resolve().parents[2]
RNG = np.random.default_rng(0)
X, Y = RNG.random((50, 4, 3)), RNG.random((50, 1))
STEPS = 7  # of 50 rows in batches of 8


def run(folder, save_freq, lines=None):
    """Run the script, and kill it after so many lines; return what it said."""
    command = [
        sys.executable,
        str(Path(__file__).with_name("backup_script.py")),
        str(folder),
        save_freq,
        str(lines or sys.maxsize),
    ]
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path}
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=folder,
    ) as process:
        said = []
        for line in process.stdout:
            said.append(line)
            if len(said) == lines:
                process.kill()
                process.wait()
                return said
    assert process.returncode == 0
    return said


@pytest.mark.parametrize("save_freq", ["epoch", "3"])
def test_kill_9(tmp_path, save_freq):
    (tmp_path / "whole").mkdir()
    whole = run(tmp_path / "whole", save_freq)
    log = (tmp_path / "whole" / "log.csv").read_text()
    assert not (tmp_path / "whole" / "backup").exists()

    draw = random.Random(0)
    for _ in range(3):
        said = run(tmp_path, save_freq, draw.randint(2, 14))
        assert not said[-1].startswith("history")
    last = run(tmp_path, save_freq)
    assert last[-2:] == whole[-2:]
    assert len(last) < len(whole)  # it did go on
    assert (tmp_path / "log.csv").read_text() == log
    assert not (tmp_path / "backup").exists()


class Stop(Exception):
    """Interrupts a fit."""


def made(seed=3):
    nlstm.set_random_seed(seed)
    model = Sequential([Input((4, 3)), LSTM(4, dropout=0.2), Dropout(0.3), Dense(1)])
    model.compile(nlstm.optimizers.Adam(0.05), "mse", metrics=["mae"])
    return model


def interrupt(at_epoch, at_batch):
    """Return a callback that raises at a batch."""
    now = []

    def stop(batch, logs):
        if (now[-1], batch) == (at_epoch, at_batch):
            raise Stop

    return LambdaCallback(
        on_epoch_begin=lambda epoch, logs: now.append(epoch), on_train_batch_end=stop
    )


def fit(model, *callbacks, epochs=4, **options):
    return model.fit(X, Y, batch_size=8, epochs=epochs, verbose=0, callbacks=callbacks, **options)


def same(model, other):
    for one, two in zip(model.get_weights(), other.get_weights()):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize(
    "save_freq, epoch, batch", [("epoch", 2, 3), (1, 2, STEPS - 1), (2, 1, 4), (5, 0, 5)]
)
def test_an_interrupted_fit_goes_on(tmp_path, save_freq, epoch, batch, shuffle):
    whole = made()
    history = fit(whole, shuffle=shuffle).history
    with pytest.raises(Stop):
        # The backup comes first in the list, and still sees what the interruption leaves behind.
        backup = BackupAndRestore(tmp_path / "b", save_freq)
        fit(made(), backup, interrupt(epoch, batch), shuffle=shuffle)
    model = made(99)
    found = fit(model, BackupAndRestore(tmp_path / "b", save_freq), shuffle=shuffle)
    same(model, whole)
    assert found.history == history
    assert found.epoch == [0, 1, 2, 3]
    assert model.optimizer.iterations == 4 * STEPS
    assert not (tmp_path / "b").exists()


def test_a_model_that_has_trained_before_takes_the_seeds_of_the_backup(tmp_path):
    whole = made()
    fit(whole)
    with pytest.raises(Stop):
        fit(made(), BackupAndRestore(tmp_path / "b", 3), interrupt(2, 3))
    model = made(99)
    fit(model, epochs=1)  # binds calls that hold the keys of its own dropout
    fit(model, BackupAndRestore(tmp_path / "b", 3))
    same(model, whole)
    assert model.optimizer.iterations == 4 * STEPS


def generator():
    """Yield batches without end."""
    while True:
        for start in range(0, 48, 8):
            yield X[start : start + 8], Y[start : start + 8]


class Numbered:
    """Six numbered batches."""

    def __len__(self):
        return 6

    def __getitem__(self, number):
        return X[8 * number : 8 * number + 8], Y[8 * number : 8 * number + 8]


@pytest.mark.parametrize(
    "data, options",
    [
        (lambda: {"x": X, "y": Y, "batch_size": 8}, {"steps_per_epoch": 5}),
        (lambda: {"x": generator()}, {"steps_per_epoch": 5}),
        (lambda: {"x": Numbered()}, {}),
        (lambda: {"x": Numbered()}, {"steps_per_epoch": 4, "shuffle": False}),
    ],
    ids=["arrays", "generator", "numbered", "numbered in steps"],
)
@pytest.mark.parametrize("save_freq", ["epoch", 3])
@pytest.mark.filterwarnings("ignore:The data ran out")  # every second epoch of steps is cut short
def test_batches_of_every_kind_go_on(tmp_path, data, options, save_freq):
    def run(model, *callbacks):
        return model.fit(epochs=4, verbose=0, callbacks=callbacks, **data(), **options)

    whole = made()
    history = run(whole).history
    with pytest.raises(Stop):
        run(made(), BackupAndRestore(tmp_path, save_freq), interrupt(2, 2))
    model = made(1)
    assert run(model, BackupAndRestore(tmp_path, save_freq)).history == history
    same(model, whole)
    assert model.training.epochs_shuffled == whole.training.epochs_shuffled


def test_a_finished_fit_has_nothing_left_to_do_but_more_epochs(tmp_path):
    whole, model = made(), made()
    fit(whole, epochs=6)
    fit(model, BackupAndRestore(tmp_path, delete_checkpoint=False))
    again = made()
    history = fit(again, BackupAndRestore(tmp_path, delete_checkpoint=False))
    same(again, model)
    assert history.epoch == [0, 1, 2, 3]
    fit(again, BackupAndRestore(tmp_path), epochs=6)
    same(again, whole)


@pytest.mark.parametrize("verbose", [0, 1, 2])
def test_a_finished_fit_says_that_nothing_is_left_to_do(tmp_path, capsys, verbose):
    def said(folder, epochs, *callbacks):
        given = {"checkpoint": tmp_path / folder, "verbose": verbose, "callbacks": callbacks}
        made().fit(X, Y, batch_size=8, epochs=epochs, **given)
        return capsys.readouterr().out

    said("whole", 2)
    line = (
        f"Training had finished at epoch 2, as {tmp_path / 'whole'} has it, so that nothing is "
        "left to do: more epochs go on from there, another folder begins anew.\n"
    )
    for epochs in (1, 2):
        assert said("whole", epochs) == (line if verbose else "")
    assert "nothing is left" not in said("whole", 3)
    stops = [EarlyStopping("loss", min_delta=10, patience=1) for _ in range(2)]
    said("stopped", 4, stops[0])
    line = (
        f"Training was stopped by a callback at epoch 2, as {tmp_path / 'stopped'} has it, so that "
        "nothing is left to do: another folder begins anew.\n"
    )
    assert said("stopped", 9, stops[1]) == (line if verbose else "")


@pytest.mark.parametrize("save_freq", ["epoch", 1])
def test_a_fit_that_was_to_stop_stops(tmp_path, save_freq):
    def stopping():
        return EarlyStopping("loss", min_delta=10, patience=1, restore_best_weights=True)

    whole = made()
    fit(whole, stopping())

    class Fail(Callback):
        def on_train_end(self, logs=None):
            raise Stop

    with pytest.raises(Stop):
        fit(made(), Fail(), BackupAndRestore(tmp_path, save_freq), stopping())
    model = made(1)
    history = fit(model, BackupAndRestore(tmp_path, save_freq), stopping())
    same(model, whole)
    assert history.epoch == [0, 1]


def test_stopping_inside_an_epoch(tmp_path):
    def stop(model):
        return LambdaCallback(
            on_train_batch_end=lambda batch, logs: setattr(model, "stop_training", batch == 3)
        )

    whole = made()
    history = fit(whole, stop(whole)).history
    model = made()

    def fail(epoch, logs):
        raise Stop

    with pytest.raises(Stop):
        failing = LambdaCallback(on_epoch_end=fail)
        fit(model, stop(model), failing, BackupAndRestore(tmp_path, 1))
    model = made(1)
    assert fit(model, BackupAndRestore(tmp_path, 1)).history == history
    same(model, whole)


def test_a_users_callback_keeps_its_state(tmp_path):
    class Count(Callback):
        seen = 0

        def on_train_begin(self, logs=None):
            self.seen, self.sums = 0, np.zeros(2)

        def on_epoch_end(self, epoch, logs=None):
            self.seen += 1
            self.sums += epoch

        def get_state(self):
            return {"seen": self.seen, "sums": self.sums}

        def set_state(self, state):
            self.seen, self.sums = state["seen"], state["sums"]

    with pytest.raises(Stop):
        fit(made(), Count(), BackupAndRestore(tmp_path), interrupt(2, 0))
    count = Count()
    fit(made(), count, BackupAndRestore(tmp_path))
    assert count.seen == 4
    assert count.sums.tolist() == [6, 6]


def test_a_damaged_backup_falls_back_on_the_one_before(tmp_path):
    whole = made()
    fit(whole)
    with pytest.raises(Stop):
        fit(made(), BackupAndRestore(tmp_path, double_checkpoint=True), interrupt(3, 1))
    path = tmp_path / "backup.nlstm"
    path.write_bytes(path.read_bytes()[:-5])
    before = sorted(one.name for one in tmp_path.iterdir())
    assert before == ["backup.nlstm", "backup.previous.nlstm"]
    model = made()
    weights = model.get_weights()
    (tmp_path / "backup.previous.nlstm").rename(tmp_path / "aside")
    with pytest.raises(ValueError, match="backup.nlstm is not a whole safetensors file"):
        fit(model, BackupAndRestore(tmp_path))
    for one, other in zip(model.get_weights(), weights):
        np.testing.assert_array_equal(one, other)
    (tmp_path / "aside").rename(tmp_path / "backup.previous.nlstm")
    fit(model, BackupAndRestore(tmp_path, double_checkpoint=True))
    same(model, whole)


@pytest.mark.parametrize("foreign", ["weights", "hdf5"])
def test_a_file_of_another_kind_is_no_damaged_backup(tmp_path, foreign):
    with pytest.raises(Stop):
        fit(made(), BackupAndRestore(tmp_path, double_checkpoint=True), interrupt(3, 1))
    path, model = tmp_path / "backup.nlstm", made()
    if foreign == "weights":
        model.save_weights(path)
    else:
        path.write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 100)
    theirs = path.read_bytes()
    for double in (False, True):
        with pytest.raises(
            ValueError, match="holds no nlstm backup|is a file of Keras's, or another"
        ):
            fit(model, BackupAndRestore(tmp_path, double_checkpoint=double))
    assert path.read_bytes() == theirs


def test_no_folder():
    with pytest.raises(TypeError, match="backup_dir must be the path of a folder; got None"):
        BackupAndRestore(None)
    with pytest.raises(ValueError, match="backup_dir must name a folder"):
        BackupAndRestore("")


def test_a_backup_of_another_fit_is_refused(tmp_path):
    with pytest.raises(Stop):
        fit(made(), BackupAndRestore(tmp_path, 2), interrupt(1, 4))
    model = made()
    weights = model.get_weights()
    with pytest.raises(ValueError, match="a fit with 7 batches an epoch; this fit has 13"):
        model.fit(X, Y, batch_size=4, verbose=0, callbacks=[BackupAndRestore(tmp_path, 2)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="is that of Adam; the model is trained by SGD"):
        fit(model, BackupAndRestore(tmp_path, 2))
    other = Sequential([Input((4, 3)), LSTM(5), Dense(1)])
    other.compile("adam", "mse")
    with pytest.raises(ValueError, match="lstm/kernel of shape"):
        fit(other, BackupAndRestore(tmp_path, 2))
    for one, two in zip(model.get_weights(), weights):
        np.testing.assert_array_equal(one, two)


def test_the_folder_may_hold_other_files(tmp_path):
    (tmp_path / "notes").write_text("mine")
    (tmp_path / ".backup.nlstm.notes").write_text("mine too")
    left = f".backup.nlstm.{'0a' * 16}.partial"
    (tmp_path / left).write_text("left by a process that was killed")
    fit(made(), BackupAndRestore(tmp_path))
    assert sorted(one.name for one in tmp_path.iterdir()) == [".backup.nlstm.notes", "notes"]


def test_a_fit_inside_needs_a_backup_of_its_own(tmp_path):
    outer, inner, backup = made(), made(), BackupAndRestore(tmp_path / "b")
    again = LambdaCallback(on_epoch_begin=lambda epoch, logs: fit(inner, backup))
    with pytest.raises(RuntimeError, match="a fit inside it needs one of its own"):
        fit(outer, backup, again)
    fit(outer, backup)  # which an error has ended may be kept anew


def test_evaluate_inside_may_be_given_the_backup(tmp_path):
    whole, model = made(), made()
    history = fit(whole).history
    backup = BackupAndRestore(tmp_path / "b", 2)
    look = LambdaCallback(
        on_epoch_begin=lambda epoch, logs: model.evaluate(X, Y, verbose=0, callbacks=[backup])
    )
    assert fit(model, backup, look).history == history
    same(model, whole)


def test_a_backup_of_other_frozen_layers_or_metrics_is_refused(tmp_path):
    with pytest.raises(Stop):
        fit(made(), BackupAndRestore(tmp_path, 2), interrupt(1, 4))
    model = made()
    model.layers[0].trainable = False
    model.compile(model.optimizer, "mse")
    with pytest.raises(ValueError, match="trains lstm/bias, which the model does not"):
        fit(model, BackupAndRestore(tmp_path, 2))
    model = made()
    model.compile("adam", "mse", metrics=["mae", "AUC"])
    with pytest.raises(ValueError, match="running sums are those of other losses or metrics"):
        fit(model, BackupAndRestore(tmp_path, 2))


def test_arguments():
    with pytest.raises(ValueError, match="backup_dir must name a folder; got ''"):
        BackupAndRestore("")
    for wrong in ("batch", 0, True, 1.5):
        with pytest.raises(ValueError, match="save_freq must be 'epoch' or a number of batches"):
            BackupAndRestore("folder", wrong)
