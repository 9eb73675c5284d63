"""Compiled code is found again, never stale or damaged, and survives awkward folders."""

import os
import pickle
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from nlstm.kernels.cpu.machine import cache
from nlstm.kernels.cpu.machine.jit import njit
from nlstm.kernels.shared import entries
from nlstm.kernels.shared.folders import Places

GATHER = """
import sys
import numpy as np
from nlstm.kernels.cpu.machine.cache import places
from nlstm.kernels.cpu.data.sequences import scatter_steps
value, out = np.arange(24.0).reshape(2, 3, 4), np.zeros((3, 2, 4))
scatter_steps(value, 0, out)
assert np.array_equal(out, value.swapaxes(0, 1))
print(places().write, sum(scatter_steps.stats.cache_hits.values()))
"""
ROOT = Path(cache.__file__).resolve().parents[4]
FACTOR = 3.0


def start(folder, root=ROOT):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder), "PYTHONPATH": str(root)}
    return subprocess.Popen(
        [sys.executable, "-c", GATHER], env=environment, stdout=subprocess.PIPE, text=True
    )


def finish(process):
    output, _ = process.communicate()
    assert process.returncode == 0
    folder, hits = output.split()
    return Path(folder), int(hits)


def test_two_processes_at_once_and_a_clone_that_finds_their_code(tmp_path):
    kept = tmp_path / "kept"
    first, second = start(kept), start(kept)
    folder, _ = finish(first)
    assert finish(second)[0] == folder
    assert folder.is_relative_to(kept)
    assert not list(folder.glob("*.tmp"))
    shutil.copytree(ROOT / "nlstm", tmp_path / "clone" / "nlstm", copy_function=shutil.copy)
    assert finish(start(kept, tmp_path / "clone")) == (folder, 1)


HELD = """
import sys
from nlstm import Sequential
from nlstm.layers import LSTM, Dense, Input
model = Sequential([Input((4, 2)), LSTM(3), Dense(1)])
model.predict([[[0.5, 1.0]] * 4], verbose=0)
print("numba.np.arraymath" in sys.modules)
"""


def test_what_only_compiling_needs_is_not_imported_for_kept_code():
    run = [sys.executable, "-c", HELD]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    kept = [subprocess.run(run, env=environment, capture_output=True, check=True) for _ in "ab"]
    assert kept[1].stdout.split() == [b"False"]  # the first may have had to compile


def test_an_edit_in_any_file_changes_the_folder(tmp_path):
    (tmp_path / "a.py").write_text("one")
    (tmp_path / "b.py").write_text("two")
    seen = {cache.source_hash(tmp_path)}
    (tmp_path / "b.py").write_text("three")
    seen.add(cache.source_hash(tmp_path))
    (tmp_path / "c.py").write_text("")
    seen.add(cache.source_hash(tmp_path))
    assert len(seen) == 3


def test_what_no_code_depends_on_is_there_and_no_part_of_the_hash(tmp_path):
    for name in cache.APART:
        assert any((folder / name).exists() for folder in cache.FOLDERS)
    before = cache.source_hash(tmp_path)
    (tmp_path / "machine").mkdir()
    (tmp_path / sorted(cache.APART)[0]).write_text("")
    assert cache.source_hash(tmp_path) == before


def test_folder_that_cannot_be_made(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    folder, hits = finish(start(file))  # nothing can be kept below a file
    assert folder.is_dir()
    assert not folder.is_relative_to(tmp_path)
    assert hits in (0, 1)


def thrice(values):
    return values[0] * FACTOR


class Kept:
    """A kernel that is kept in a folder, made anew for every call as in another process."""

    def __init__(self, monkeypatch):
        self.monkeypatch = monkeypatch

    def places(self, read, write, *faults):
        self.monkeypatch.setattr(cache, "places", lambda: Places(read, write, faults))

    def hits(self):
        entries.warn_once.cache_clear()
        kernel = njit(thrice)
        assert kernel(np.array([2.0])) == 6.0
        return sum(kernel.stats.cache_hits.values())


@pytest.fixture
def kept(monkeypatch, tmp_path):
    found = Kept(monkeypatch)
    found.places((tmp_path,), tmp_path)
    assert found.hits() == 0
    return found


def entry(folder):
    [found] = folder.glob("*.kernel")
    return found


def test_a_whole_entry_is_taken(kept):
    assert kept.hits() == 1


def cut(file, data):
    file.write_bytes(data[: len(data) // 2])


def empty(file, data):
    file.write_bytes(b"")


def flip(file, data):
    file.write_bytes(data[:-99] + bytes([data[-99] ^ 1]) + data[-98:])


def other_kernel(file, data):
    """Give the entry what another one holds, whole."""
    name = "other"
    rest = data[len(entries.START) + entries.DIGEST :]
    file.write_bytes(entries.START + entries.digest_of(name, rest) + rest)


def not_for_this_numba(file, data):
    rest = pickle.dumps("not a kernel")
    file.write_bytes(entries.START + entries.digest_of(file.name, rest) + rest)


def folder_in_its_place(file, data):
    file.unlink()
    file.mkdir()


def open_to_others(file, data):
    file.chmod(0o666)


@pytest.mark.parametrize(
    "damage", [cut, empty, flip, other_kernel, not_for_this_numba, open_to_others]
)
def test_what_is_damaged_is_compiled_again_and_said_once(kept, tmp_path, damage):
    file = entry(tmp_path)
    damage(file, file.read_bytes())
    with pytest.warns(RuntimeWarning, match=str(tmp_path)) as said:
        assert kept.hits() == 0
    assert len(said) == 1
    assert kept.hits() == 1  # the new one has taken its place


def test_nothing_damaged_is_unpickled(kept, tmp_path, monkeypatch):
    file = entry(tmp_path)
    flip(file, file.read_bytes())
    monkeypatch.setattr(cache.pickle, "loads", lambda data: pytest.fail("unpickled"))
    with pytest.warns(RuntimeWarning, match="damaged"):
        kept.hits()


def test_an_entry_that_cannot_be_read_or_overwritten(kept, tmp_path):
    file = entry(tmp_path)
    folder_in_its_place(file, None)
    with pytest.warns(RuntimeWarning, match=str(tmp_path)) as said:
        assert kept.hits() == 0
    assert len(said) == 2  # cannot be read, cannot be written
    assert not list(tmp_path.glob("*.tmp"))


def test_a_full_disk(kept, tmp_path, monkeypatch):
    entry(tmp_path).unlink()

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(entries.os, "replace", full)
    with pytest.warns(RuntimeWarning, match="No space left") as said:
        assert kept.hits() == 0
    assert len(said) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("system", ["linux", "win32"])
def test_an_entry_that_another_process_has_open_on_windows(kept, tmp_path, monkeypatch, system):
    file = entry(tmp_path)
    monkeypatch.setattr(entries, "read", lambda folder, name: None)  # it came just now

    def in_use(*arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(entries.os, "replace", in_use)
    monkeypatch.setattr(entries.sys, "platform", system)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert kept.hits() == 0
    assert len(said) == (system != "win32")
    assert list(tmp_path.iterdir()) == [file]


def test_read_from_one_folder_written_to_another(kept, tmp_path):
    image, own = tmp_path, tmp_path / "own"
    kept.places((image, own), own)
    assert kept.hits() == 1
    assert not own.exists()
    entry(image).unlink()
    kept.places((image, own), own, "the image cannot be written")
    with pytest.warns(RuntimeWarning, match=f"kept in {own}: the image cannot be written"):
        assert kept.hits() == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert kept.hits() == 1


def test_no_folder_at_all(kept):
    kept.places((), None, "no reason")
    with pytest.warns(RuntimeWarning, match="kept nowhere.* no reason"):
        assert kept.hits() == 0


def test_an_edited_file_outside_the_kernels_is_seen(tmp_path, kept, monkeypatch):
    folder = tmp_path / "kept"
    kept.places((folder,), folder)
    hits = []
    monkeypatch.setitem(sys.modules, "user", ModuleType("user"))  # the kernel's, as it is read
    for number in (2, 2, 3):
        file = tmp_path / "user.py"
        file.write_text(f"def f(x):\n    return x[0] * {number}.0\n")
        entries.file_stamp.cache_clear()
        names = {"__name__": "user"}
        exec(compile(file.read_text(), file, "exec"), names)
        kernel = njit(names["f"])
        assert kernel(np.ones(1)) == number
        hits.append(sum(kernel.stats.cache_hits.values()))
    assert hits == [0, 1, 0]


def test_a_numba_with_another_inside_keeps_kernels_by_itself(kept, tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "missing_names", lambda dispatcher: ["_reduce"])
    with pytest.warns(RuntimeWarning, match="has no _reduce"):
        assert kept.hits() == 0
    assert list((tmp_path / "numba").rglob("*.nbi"))
    with pytest.warns(RuntimeWarning):
        assert kept.hits() == 1


def test_this_numba_has_what_is_needed():
    assert not cache.missing_names(njit(thrice))


def test_code_that_counts_references_finds_what_counts_them(kept, monkeypatch):
    class Context:
        refreshed = 0

        def refresh(self):
            self.refreshed += 1

        def codegen(self):
            return self

        def magic_tuple(self):
            return ()

    for code in (b"NRT_incref", b"other"):
        context = Context()
        found = [(None, pickle.dumps((3, [code])))]
        monkeypatch.setattr(cache.entries, "find", lambda *_, found=found: found)
        monkeypatch.setattr(
            cache.compiler.CompileResult, "_rebuild", lambda *given: given[1], raising=False
        )
        assert cache.KernelCache(thrice).load_overload(3, context) == code
        assert context.refreshed == (code == b"NRT_incref")
