"""Compiled code is found again, never stale, and survives awkward folders and neighbours."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nlstm.kernels.cpu.machine import cache

GATHER = """
import sys
import numpy as np
from nlstm.kernels.cpu.machine.cache import cache_folder
from nlstm.kernels.cpu.data.sequences import scatter_steps
value, out = np.arange(24.0).reshape(2, 3, 4), np.zeros((3, 2, 4))
scatter_steps(value, 0, out)
assert np.array_equal(out, value.swapaxes(0, 1))
print(cache_folder(), sum(scatter_steps.stats.cache_hits.values()))
"""


def start(folder):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder)}
    return subprocess.Popen(
        [sys.executable, "-c", GATHER], env=environment, stdout=subprocess.PIPE, text=True
    )


def finish(process):
    output, _ = process.communicate()
    assert process.returncode == 0
    folder, hits = output.split()
    return Path(folder), int(hits)


def test_two_processes_at_once_and_a_third_that_finds_their_code(tmp_path):
    first, second = start(tmp_path), start(tmp_path)
    folder, _ = finish(first)
    assert finish(second)[0] == folder
    assert folder.is_relative_to(tmp_path)
    assert finish(start(tmp_path)) == (folder, 1)


def test_an_edit_in_any_file_changes_the_folder(tmp_path):
    (tmp_path / "a.py").write_text("one")
    (tmp_path / "b.py").write_text("two")
    seen = {cache.source_hash(tmp_path)}
    (tmp_path / "b.py").write_text("three")
    seen.add(cache.source_hash(tmp_path))
    (tmp_path / "c.py").write_text("")
    seen.add(cache.source_hash(tmp_path))
    assert len(seen) == 3


def test_folder_that_cannot_be_made(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    folder, hits = finish(start(file))  # nothing can be kept below a file
    assert folder.is_dir()
    assert not folder.is_relative_to(tmp_path)
    assert hits in (0, 1)


def test_folder_of_somebody_else(tmp_path, monkeypatch):
    assert cache.usable(tmp_path / "own")
    if not hasattr(os, "getuid"):
        pytest.skip("no owners of files here")
    stranger = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: stranger)
    assert not cache.usable(tmp_path / "own")
