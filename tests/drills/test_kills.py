"""kill -9 at random moments: files are the old or the new, and a fit goes on to the same bits."""

import random
import time
from functools import partial

import numpy as np
import pytest

import nlstm
from nlstm.callbacks import BackupAndRestore, CSVLogger, ModelCheckpoint
from nlstm.files.whole_file import left_behind
from nlstm.layers import LSTM, Dense
from nlstm.models import Sequential, load_model
from tests.callbacks.test_backup import STEPS, fit, made, run
from tests.drills.children import Child, digest, needs_fork
from tests.drills.counts import WHOLE, Drill, times

pytestmark = needs_fork
EPOCHS = 6


def model_of(units):
    nlstm.set_random_seed(1)
    model = Sequential([LSTM(units, input_shape=(4, 3)), Dense(1)])
    model.compile("adam", "mse")
    model.fit(np.ones((8, 4, 3)), np.ones((8, 1)), verbose=0)
    return model


def read_weights(model, path):
    model.load_weights(path)
    return model


WAYS = {
    "save": (Sequential.save, lambda model, path: load_model(path)),
    "save_weights": (Sequential.save_weights, read_weights),
}


@pytest.mark.parametrize("units", [4, 256], ids=["small", "a megabyte"])
@pytest.mark.parametrize("way", WAYS)
def test_files(tmp_path, way, units):
    """A child writes version after version; what it said to be done is on the disk."""
    model, path = model_of(units), tmp_path / "m"
    write, read = WAYS[way]

    def save_version(number):
        model.set_weights([np.full_like(one, number) for one in model.get_weights()])
        write(model, path)

    def work(first, say):
        say(first)
        for number in range(first + 1, first + 10_000):
            save_version(number)
            say(number)

    draw, version = random.Random(units), 0
    start = time.monotonic()
    save_version(version)
    seconds = 2 * (time.monotonic() - start)
    with Drill(f"kills in {way}, {path.stat().st_size:,} bytes") as drill:
        for _ in range(times(5, 60)):
            child = Child(partial(work, version)).ready()
            assert child.kill_after(draw.uniform(0, seconds)) < 0
            said = int(child.lines[-1])
            values = {float(v) for one in read(model, path).get_weights() for v in np.unique(one)}
            left = len(list(left_behind(str(path))))
            right = values in ({said}, {said + 1}) and left <= 1
            drill.check(right, f"{values} after {said}, {left} files left")
            drill.note("in mid-write", left)
            version = int(max(values))
        save_version(version)
        drill.check([one.name for one in tmp_path.iterdir()] == ["m"], "files are left at the end")


def chain(name, folder, kills, whole, work, look):
    """Start a fit again and again as it is killed; whenever it ends, its bits are those of `whole`.

    `look` returns what is wrong with the files that a killed fit has left, if anything.
    """
    draw, ends = random.Random(name), 0
    with Drill(name) as drill:
        while kills > 0 or not ends:
            child = Child(work).ready()
            if kills > 0:
                status = child.kill_after(draw.uniform(0, 0.12))
            else:
                status = child.end()
            if status < 0:
                kills -= 1
                fault = look()
                drill.check(not fault, fault)
                continue
            ends += 1
            found = child.lines[-1]
            drill.check(status == 0 and found == whole, f"ended with {found}")
            left = [one.name for one in folder.iterdir() if one.name.startswith(".")]
            drill.check(not left, f"files are left: {left}")
            for one in folder.iterdir():
                one.unlink()
        drill.note("fits that ended", ends)


def fault_of_file(path, load):
    left = len(list(left_behind(str(path))))
    if left > 1:
        return f"{left} files left"
    try:
        if path.exists():
            return load(path)
    except Exception as error:
        return repr(error)
    return None


@pytest.mark.parametrize("save_freq", ["epoch", 5])
def test_checkpoints(tmp_path, save_freq):
    """From the checkpoint of an epoch a fit goes on; those of batches are whole steps."""
    path, steps = tmp_path / "m", set()
    model = made()
    see = nlstm.callbacks.LambdaCallback(on_train_batch_end=lambda *_: steps.add(digest(model)))
    fit(model, see, epochs=EPOCHS)
    whole = digest(model)

    def work(say):
        model = load_model(path) if path.exists() and save_freq == "epoch" else made()
        say("begins")
        epoch = 0 if model.optimizer._buffer is None else model.optimizer.iterations // STEPS
        fit(model, ModelCheckpoint(path, save_freq=save_freq), epochs=EPOCHS, initial_epoch=epoch)
        say(digest(model))

    def load(path):
        return None if digest(load_model(path)) in steps else "no step's model"

    kills = times(5, 80)
    name = f"kills in ModelCheckpoint, save_freq={save_freq!r}"
    chain(name, tmp_path, kills, whole, work, lambda: fault_of_file(path, load))


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("save_freq", ["epoch", 1, 4])
def test_backups(tmp_path, save_freq, double):
    folder, log = tmp_path / "backup", tmp_path / "log.csv"
    model = made()
    fit(model, CSVLogger(log), epochs=EPOCHS)
    whole = f"{digest(model)} {log.read_text()!r}"
    log.unlink()

    def work(say):
        say("begins")
        model, backup = made(), BackupAndRestore(folder, save_freq, double)
        fit(model, backup, CSVLogger(log), epochs=EPOCHS)
        if folder.exists():
            say("has left", [one.name for one in folder.iterdir()])
        else:
            say(digest(model), repr(log.read_text()))

    def load(path):
        BackupAndRestore(folder)._read()

    kills = times(3, 40)
    name = f"kills in BackupAndRestore, save_freq={save_freq!r}, double_checkpoint={double}"
    chain(name, tmp_path, kills, whole, work, lambda: fault_of_file(folder / "backup.nlstm", load))


@pytest.mark.skipif(not WHOLE, reason="small in tests/callbacks/test_backup.py")
@pytest.mark.parametrize("save_freq", ["epoch", "3"])
def test_fresh_processes(tmp_path, save_freq):
    """What forks do not have: processes that start from nothing, with all their threads."""
    (tmp_path / "whole").mkdir()
    whole, draw, kills = run(tmp_path / "whole", save_freq)[-2:], random.Random(0), 20
    with Drill(f"kills of fresh processes, save_freq={save_freq}") as drill:
        while kills:
            said = run(tmp_path, save_freq, draw.randint(2, 20))
            if said[-1].startswith("history"):
                drill.check(said[-2:] == whole, said[-2:])
            else:
                kills -= 1
                drill.check(True, "")
        drill.check(run(tmp_path, save_freq)[-2:] == whole, "other bits at the end")
