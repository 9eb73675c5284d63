"""Systems that lack what Linux has, as far as they can be played: functions, modules, code pages.

What a system lacks is taken away when NumPy and Numba have been imported, which have releases of
their own for it. What files do on them is in tests/files/test_places.py.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LACKS = {
    "darwin": "os.sched_getaffinity os.posix_fallocate os.pipe2 os.O_TMPFILE",
    "win32": "os.fork os.register_at_fork os.sched_getaffinity os.link os.getuid os.geteuid "
    "os.getgid os.fchmod os.fchown os.chown os.lchown os.O_NOFOLLOW os.O_NONBLOCK os.O_DIRECTORY "
    "os.mkfifo os.posix_fallocate os.killpg os.umask signal.SIGALRM signal.SIGKILL "
    "signal.setitimer signal.pthread_kill signal.pthread_sigmask fcntl pwd grp resource termios",
}
SCRIPT = """
import os, signal, sys, warnings
import numba, numpy as np, safetensors.numpy
from tqdm.std import tqdm

numba.get_num_threads()
tqdm.get_lock()
for name in sys.argv[2:]:
    owner, _, name = name.rpartition(".")
    if not owner:
        sys.modules[name] = None
    elif hasattr(sys.modules[owner], name):
        delattr(sys.modules[owner], name)
sys.platform = sys.argv[1]
# A file whose code page is left to the system.
warnings.filterwarnings("error", category=EncodingWarning, module="nlstm")

import copy, pickle
import nlstm
from nlstm import callbacks, datasets
from nlstm.__main__ import main
from nlstm.kernels.shared import folders
from nlstm.layers import LSTM, Dense

assert folders.user_cache() == folders.Path(os.environ["EXPECTED"]), folders.user_cache()
x, y = np.random.rand(20, 5, 3), np.random.rand(20, 1)
model = nlstm.Sequential([LSTM(4, input_shape=(5, 3)), Dense(1, name="gr\\xf6\\xdfe")])
model.compile("adam", "mse")
kept = [
    callbacks.ModelCheckpoint("best.nlstm", monitor="loss"),
    callbacks.CSVLogger("log.csv"),
    callbacks.BackupAndRestore("backup", delete_checkpoint=False),
]
model.fit(x, y, epochs=2, verbose=2, callbacks=kept)
model.fit(x, y, epochs=3, verbose=2, callbacks=kept)  # goes on from the backup
expected = model.predict(x, verbose=0)
for name in ("m.nlstm", "m.nlstm"):  # new, and over what is there
    model.save(name)
twins = nlstm.models.load_model("m.nlstm"), copy.deepcopy(model), pickle.loads(pickle.dumps(model))
for twin in twins:
    assert np.array_equal(twin.predict(x, verbose=0), expected)
model.stream().step(x[0, 0])
model.summary()
nlstm.set_num_threads(1)
datasets.seattle_weather(), datasets.japanese_vowels()
main(["info"])
assert sorted(os.listdir()) == ["backup", "best.nlstm", "log.csv", "m.nlstm"], os.listdir()
assert os.listdir("backup") == ["backup.nlstm"]
"""


@pytest.mark.parametrize("system, code_page", [("darwin", "ascii"), ("win32", "cp1252")])
def test_a_model_lives_there(system, code_page, tmp_path):
    home = tmp_path / "home"
    cache = home / {"darwin": "Library/Caches", "win32": "AppData/Local"}[system]
    here = tmp_path / "here"
    here.mkdir()
    changed = {
        "PYTHONPATH": str(ROOT),
        "PYTHONIOENCODING": code_page,
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "LC_ALL": "C",
        "HOME": str(home),
        "EXPECTED": str(cache),
        # Kernels are read from where they are, not compiled for each home.
        "NUMBA_CACHE_DIR": str(_kernels().parents[1]),
    }
    environment = {k: v for k, v in os.environ.items() if k != "LOCALAPPDATA"} | changed
    done = subprocess.run(
        [sys.executable, "-X", "warn_default_encoding", "-W", "ignore::EncodingWarning", "-c"]
        + [SCRIPT, system, *LACKS[system].split()],
        env=environment,
        cwd=here,
        capture_output=True,
        text=True,
        encoding=code_page,
    )
    assert done.returncode == 0, done.stderr
    assert "loss: " in done.stdout and "Traceback" not in done.stderr


def _kernels():
    from nlstm.kernels.cpu.machine.cache import cache_folder

    found = cache_folder()
    if found is None:
        pytest.skip("no folder keeps kernels here")
    return found
