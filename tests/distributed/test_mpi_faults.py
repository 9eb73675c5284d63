"""Ranks that die, fall silent, or come apart: A3 to A8 of the design."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from nlstm.files.arrays_file import BACKUP, read_arrays
from tests.distributed.launch import ROOT, Launch, environment, launched, mpiexec

KEPT = ROOT / "tests" / "distributed" / "kept.py"
SOON = 10.0  # seconds in which all ranks have ended, once one has


def finished(folder, ranks, out, *more, **options):
    ended = launched(ranks, KEPT, folder, "--out", out, *more, **options)
    assert ended.code == 0, ended.errors
    return dict(np.load(out))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A fit of two ranks that nobody killed."""
    folder = tmp_path_factory.mktemp("whole")
    return finished(folder / "run", 2, folder / "whole.npz")


def same_bits(found, wanted):
    return found.keys() == wanted.keys() and all(
        np.array_equal(found[key], wanted[key]) for key in wanted
    )


@pytest.mark.parametrize("place", ["epoch", "rename"])
def test_a_killed_rank_ends_all_and_the_same_line_goes_on(tmp_path, whole, place):
    folder = tmp_path / "run"
    ended = launched(2, KEPT, folder, "--die", place)
    assert ended.code != 0 and not ended.left
    assert ended.after("dies") < SOON
    name = "backup.nlstm" if place == "epoch" else "backup.previous.nlstm"
    assert read_arrays(folder / name, BACKUP)[1]  # whole, by its digest
    if place == "rename":  # what was written, and never got its name
        assert [one for one in os.listdir(folder) if one.endswith(".partial")]
    assert same_bits(finished(folder, 2, tmp_path / "again.npz"), whole)
    assert not [one for one in os.listdir(folder) if one.endswith(".partial")]


def test_the_same_line_after_the_last_epoch_says_so_once(tmp_path):
    more = "--epochs", "1", "--verbose", "2"
    first = launched(2, KEPT, tmp_path / "run", *more).output
    ended = launched(2, KEPT, tmp_path / "run", *more)
    assert ended.code == 0 and "Epoch 1/1" in first and "Training" not in first
    assert ended.output.splitlines() == [
        f"Training had finished at epoch 1, as {tmp_path / 'run'} has it, so that nothing is left "
        "to do: more epochs go on from there, another folder begins anew."
    ]


def test_a_temporary_file_cut_short_is_swept(tmp_path, whole):
    folder = tmp_path / "run"
    finished(folder, 2, tmp_path / "half.npz", "--epochs", "2")
    kept = (folder / "backup.nlstm").read_bytes()
    (folder / f".backup.nlstm.{'0' * 32}.partial").write_bytes(kept[: len(kept) // 2])
    assert same_bits(finished(folder, 2, tmp_path / "again.npz"), whole)
    assert sorted(os.listdir(folder)) == ["backup.nlstm", "backup.previous.nlstm"]


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path, whole):
    folder = tmp_path / "run"
    finished(folder, 2, tmp_path / "half.npz", "--epochs", "2")
    kept = bytearray((folder / "backup.nlstm").read_bytes())
    kept[-1] ^= 1
    (folder / "backup.nlstm").write_bytes(kept)
    assert same_bits(finished(folder, 2, tmp_path / "again.npz"), whole)


@pytest.mark.parametrize("ranks", [4, 1])
def test_another_number_of_ranks_goes_on(tmp_path, whole, ranks):
    folder = tmp_path / "run"
    finished(folder, 2, tmp_path / "half.npz", "--epochs", "2", "--every", "3")
    found = finished(folder, ranks, tmp_path / "again.npz", "--every", "3")
    assert found.keys() == whole.keys()
    for key, value in whole.items():
        assert np.linalg.norm(found[key] - value) <= 1e-3 * np.linalg.norm(value), key


def test_a_fit_that_is_over_is_found_over(tmp_path, whole):
    folder = tmp_path / "run"
    finished(folder, 2, tmp_path / "one.npz")
    found = finished(folder, 2, tmp_path / "two.npz")
    weights = [key for key in whole if not key.startswith("state")]
    assert same_bits({key: found[key] for key in weights}, {key: whole[key] for key in weights})


# Errors and silence

HEAD = """
import os, sys, time
import numpy as np
import nlstm
from nlstm import Sequential, layers
from nlstm.distributed import MPI
rank = int(os.environ["PMI_RANK"])
nlstm.set_random_seed(1)
x = np.random.default_rng(0).normal(size=(256, 5, 2)).astype(np.float32)
y = x[:, -1, :1].copy()
model = Sequential([layers.LSTM(4, input_shape=(5, 2)), layers.Dense(1)])
model.compile("sgd", "mse")
"""
BAD_DATA = HEAD + (
    "x[rank * 7, 0, 0] = np.nan if rank else 0\n"
    "print('begins', time.time(), flush=True)\n"
    "model.fit(x, y, distribute='mpi')\n"
)
CAUGHT = HEAD + (
    "x[0, 0, 0] = np.nan if rank else 0\n"
    "try:\n    model.fit(x, y, distribute='mpi')\n"
    "except (ValueError, RuntimeError) as error:\n    print(rank, type(error).__name__)\n"
)
MID_FIT = HEAD + (
    "from nlstm.distributed.share import Share\n"
    "take = Share.take\n"
    "def broken(self, index):\n"
    "    if rank and self.step == 5:\n"
    "        print('fails', time.time(), flush=True)\n"
    "        raise MemoryError('no room')\n"
    "    return take(self, index)\n"
    "Share.take = broken\n"
    "model.fit(x, y, batch_size=32, epochs=9, distribute='mpi', verbose=0)\n"
)
CALLBACK = HEAD + (
    "from nlstm.callbacks import LambdaCallback\n"
    "def fail(epoch, logs): raise OSError('the disk is full')\n"
    "try:\n"
    "    fails = [LambdaCallback(on_epoch_end=fail)]\n"
    "    model.fit(x, y, distribute='mpi', verbose=0, callbacks=fails)\n"
    "except (OSError, RuntimeError) as error:\n    print(rank, type(error).__name__, error)\n"
    "model.fit(x, y, distribute='mpi', verbose=0)\nprint(rank, 'again')\n"
)
OTHER_DATA = HEAD + "model.fit(x[: 256 - rank], y[: 256 - rank], distribute='mpi')\n"
ENDLESS = HEAD + (
    "print('begins', flush=True)\n"
    "model.fit(x, y, batch_size=64, epochs=10**6, distribute=MPI(timeout=3), verbose=0)\n"
)
FLIPPED = HEAD + (
    "from nlstm.training.run import Run\n"
    "epoch, run = Run._epoch, []\n"
    "def flipped(self, *given):\n"
    "    found = epoch(self, *given)\n"
    "    run.append(0)\n"
    "    if rank and len(run) == 2:\n"
    "        self.binder.weights.homes[0].value.view('u4')[3] ^= 1\n"
    "    return found\n"
    "Run._epoch = flipped\n"
    "model.fit(x, y, batch_size=64, epochs=3, distribute='mpi', verbose=0)\n"
)


def script(tmp_path, text):
    path = tmp_path / "script.py"
    path.write_text(text)
    return path


@pytest.mark.parametrize("through", [True, False], ids=["mpi4py", "plain"])
def test_bad_data_on_one_rank_end_all(tmp_path, through):
    ended = launched(2, script(tmp_path, BAD_DATA), through=through)
    assert ended.code != 0 and not ended.left
    assert ended.after("begins") < SOON
    assert "x[7, 0, 0] is nan" in ended.errors
    assert "Rank 1 cannot begin: ValueError" in ended.errors


def test_an_error_before_the_first_step_is_everybodys(tmp_path):
    ended = launched(2, script(tmp_path, CAUGHT))
    assert ended.code == 0
    assert sorted(ended.output.split("\n")[:2]) == ["0 RuntimeError", "1 ValueError"]


@pytest.mark.parametrize("through", [True, False], ids=["mpi4py", "plain"])
def test_an_error_in_the_middle_ends_all(tmp_path, through):
    ended = launched(2, script(tmp_path, MID_FIT), through=through)
    assert ended.code != 0 and not ended.left
    assert ended.after("fails") < SOON
    assert "MemoryError: no room" in ended.errors and "rank 1 ends all ranks" in ended.errors


def test_an_error_of_a_callback_is_everybodys(tmp_path):
    ended = launched(2, script(tmp_path, CALLBACK))
    assert ended.code == 0, ended.errors
    lines = sorted(ended.output.splitlines())
    assert lines == [
        "0 OSError the disk is full", "0 again",
        "1 RuntimeError Rank 0 raised OSError: the disk is full", "1 again",
    ]  # fmt: skip


def test_other_data_on_a_rank_are_told(tmp_path):
    ended = launched(2, script(tmp_path, OTHER_DATA))
    assert ended.code != 0
    assert "Rank 1 was given other data or arguments" in ended.errors
    assert "'rows': 255" in ended.errors


def test_a_flipped_bit_is_found(tmp_path):
    ended = launched(2, script(tmp_path, FLIPPED))
    assert ended.code != 0
    assert "After epoch 2 the weights of rank 1 are not those of rank 0" in ended.errors


def test_a_silent_rank_ends_all_and_the_step_is_told(tmp_path):
    launch = Launch(2, script(tmp_path, ENDLESS))
    pid = launch.rank(1)
    for line in launch.process.stdout:
        if "begins" in line:
            break
    time.sleep(2.0)  # until it is in the middle
    os.kill(pid, signal.SIGSTOP)
    stopped = time.monotonic()
    ended = launch.wait()
    assert ended.code != 0 and not ended.left
    assert time.monotonic() - stopped < 8.0
    assert "rank 0 of 2 has waited 3 s for the others, in step " in ended.errors


OWN_ROWS = """
import os, sys
import numpy as np
import nlstm
from nlstm import Sequential, layers
from nlstm.distributed import MPI
rank = int(os.environ.get("PMI_RANK", "-1"))

def part(of):
    return drawn[:100] if of == 0 else drawn[100:170]

drawn = np.random.default_rng(0).normal(size=(170, 5, 2)).astype(np.float32)

def model_of():
    nlstm.set_random_seed(1)
    model = Sequential([layers.LSTM(4, input_shape=(None, 2), activity_regularizer="l2"),
                        layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    return model

def target(x):
    return x[:, -1, :1].copy()

def joined():
    for start in range(0, 100, 32):
        x = np.concatenate([part(of)[start : start + 32] for of in (0, 1)])
        yield x, target(x)

own = part(rank)
given = {"distribute": MPI(shard="rank"), "verbose": 0}
pieces = {"bptt_steps": 2, "bptt_update": "sequence"}
for more in ({}, {"bptt_steps": 2}, pieces):
    plain, model = model_of(), model_of()
    logs = plain.fit(joined(), epochs=1, verbose=0, **more).history
    one_pass = given | more | {"batch_size": 64, "epochs": 1, "shuffle": False}
    found = model.fit(own, target(own), **one_pass).history
    for one, other in zip(model.get_weights(), plain.get_weights()):
        assert np.allclose(one, other, rtol=1e-4, atol=1e-6), (one, other)
    assert all(np.allclose(found[name], logs[name], rtol=1e-4) for name in logs), (found, logs)
try:
    model.fit(iter([(own[:, rank:], target(own))]), **given, **pieces)
except RuntimeError as error:
    print(error)
outputs = model.predict(own, **given)
assert np.allclose(outputs, model.predict(own, verbose=0), atol=1e-6)
filled = np.zeros(outputs.shape)
assert model.predict(own, **given, out=filled) is filled and np.array_equal(filled, outputs)
print("right")
"""


def test_each_rank_may_bring_rows_of_its_own(tmp_path):
    ended = launched(2, script(tmp_path, OWN_ROWS))
    assert ended.code == 0, ended.errors
    assert ended.output.count("right") == 2
    assert ended.output.count("sequences of as many steps on all ranks; got [5, 4].") == 2


OUT = (
    HEAD
    + """
wanted = model.predict(x, verbose=0)
given = {"distribute": "mpi", "verbose": 0}
for rows, data in ((256, x), (7, x[:7]), (256, (x[i : i + 100] for i in range(0, 256, 100)))):
    out = np.full((rows, 1), -1.0)
    found = model.predict(data, **given, out=out)
    assert found is out and np.allclose(out, wanted[:rows], atol=1e-6)
for out in (np.zeros((256 - rank, 1)), np.zeros((256, 1)) if rank else None):
    try:
        model.predict(x, **given, out=out)
    except (ValueError, RuntimeError) as error:
        print(rank, type(error).__name__, error, flush=True)
"""
)


def test_predictions_of_all_ranks_go_into_each_ones_out(tmp_path):
    ended = launched(2, script(tmp_path, OUT))
    assert ended.code == 0, ended.errors
    said = sorted(ended.output.splitlines())
    assert said[0].startswith("0 RuntimeError Rank 1 cannot begin: ValueError: out must have shape")
    assert said[1].startswith("0 RuntimeError Rank 1 was given other data or arguments")
    assert said[2].startswith("1 RuntimeError Rank 1 was given other data or arguments")
    assert said[3].startswith("1 ValueError out must have shape (256, 1); got (255, 1)")
    assert len(said) == 4


# Without MPI, and without distribute


def test_nothing_is_imported_without_distribute(tmp_path):
    text = HEAD.replace('os.environ["PMI_RANK"]', "0") + (
        "model.fit(x, y, verbose=0)\nmodel.predict(x, verbose=0)\n"
        "assert not [m for m in sys.modules if m.startswith(('mpi4py', 'nlstm.distributed'))]\n"
    )
    text = text.replace("from nlstm.distributed import MPI\n", "")
    done = subprocess.run(
        [sys.executable, script(tmp_path, text)], env=environment(), cwd=ROOT, capture_output=True
    )
    assert done.returncode == 0, done.stderr


WITHOUT = """
import sys
import types
kind = sys.argv[1]
if kind == "missing":
    sys.modules["mpi4py"] = None
else:
    class Finder:
        def find_spec(self, name, path=None, target=None):
            if name == "mpi4py.MPI":
                raise RuntimeError("cannot load MPI library")
    sys.meta_path.insert(0, Finder())
"""


@pytest.mark.parametrize("kind", ["missing", "without libmpi"])
def test_without_mpi_the_pip_line_is_told(tmp_path, kind):
    text = (
        WITHOUT
        + HEAD.replace('os.environ["PMI_RANK"]', "0")
        + (
            "model.fit(x, y, verbose=0)\n"
            "try:\n    model.fit(x, y, distribute='mpi')\n"
            "except ImportError as error:\n    print(error)\n"
        )
    )
    done = subprocess.run(
        [sys.executable, script(tmp_path, text), kind],
        env=environment(), cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert 'pip install "nlstm[mpi-local]"' in done.stdout


COPIES = HEAD + "model.fit(x, y, verbose=0)\nmodel.fit(x, y, verbose=0)\n"


def test_copies_of_one_training_are_told_once(tmp_path):
    ended = launched(2, script(tmp_path, COPIES), through=False)
    assert ended.code == 0
    assert ended.errors.count("2 copies of the same training") == 1


@pytest.mark.skipif(os.cpu_count() == 1, reason="one core is all there is")
def test_one_core_for_all_is_told(tmp_path):
    core = str(min(os.sched_getaffinity(0)))
    text = HEAD + "model.fit(x, y, batch_size=256, distribute='mpi', verbose=0)\n"
    ended = launched(2, script(tmp_path, text), before=("taskset", "-c", core))
    assert ended.code == 0, ended.errors
    assert ended.errors.count("These 2 ranks may run on one core alone") == 1
    assert ended.errors.count("mpiexec --bind-to none") == 1
    assert mpiexec()
