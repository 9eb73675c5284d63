"""Compiled code is read from folders that nobody else can change, and from no others."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from nlstm.kernels.shared import folders
from nlstm.kernels.shared.folders import fault

pytestmark = pytest.mark.skipif(not hasattr(os, "getuid"), reason="no owners of files here")
STRANGER = 12345
needs_root = pytest.mark.skipif(
    hasattr(os, "getuid") and os.getuid() != 0, reason="only root can be somebody else"
)


@pytest.fixture
def places(monkeypatch):
    """Look for the folder "hash" anew, under other variables."""

    def look(**variables):
        for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "HOME", "TMPDIR"):
            monkeypatch.delenv(name, raising=False)
            if name in variables:
                monkeypatch.setenv(name, str(variables[name]))
        monkeypatch.setattr(folders.tempfile, "tempdir", None)
        folders.places.cache_clear()
        return folders.places("hash")

    yield look
    folders.places.cache_clear()


def made(path, mode=0o755):
    path.mkdir(parents=True)
    path.chmod(mode)
    return path


def test_own_folders_are_safe(tmp_path):
    assert fault(made(tmp_path / "a" / "b")) is None


@pytest.mark.parametrize("mode", [0o777, 0o757])
def test_a_folder_that_others_can_write(tmp_path, mode):
    wide = made(tmp_path / "wide", mode)
    inside = made(wide / "inside")
    assert fault(wide) == fault(inside) == f"{wide} can be written by others"


def test_a_sticky_folder_is_a_way_but_no_place(tmp_path):
    sticky = made(tmp_path / "sticky", 0o1777)
    assert fault(made(sticky / "own")) is None
    assert "written by others" in fault(sticky)
    (sticky / "link").symlink_to(tmp_path)
    assert "link" in fault(sticky / "link")


def test_links_where_only_the_user_can_make_them(tmp_path):
    made(tmp_path / "data" / "home")
    (tmp_path / "home").symlink_to("data/home")
    (tmp_path / "whole").symlink_to(tmp_path / "data" / ".." / "home")
    made(tmp_path / "home" / ".cache")
    assert fault(tmp_path / "home" / ".cache") is None
    assert fault(tmp_path / "whole" / ".cache") is None
    (tmp_path / "round").symlink_to("round")
    assert "link" in fault(tmp_path / "round")
    wide = made(tmp_path / "wide", 0o777)
    made(wide / "home")
    (tmp_path / "out").symlink_to(wide / "home")
    assert "written by others" in fault(tmp_path / "out")


@needs_root
@pytest.mark.parametrize("which", ["outer", "inner", "link"])
def test_what_belongs_to_somebody_else(tmp_path, which):
    outer = made(tmp_path / "outer")
    inner = made(outer / "inner")
    link = outer / "link"
    link.symlink_to(inner)
    os.lchown({"outer": outer, "inner": inner, "link": link}[which], STRANGER, STRANGER)
    assert "belongs to another user" in fault(link)


def test_a_group_of_several_can_write_and_a_users_own_may(tmp_path, monkeypatch):
    folder = made(tmp_path / "group", 0o775)
    monkeypatch.setattr(folders, "is_own_group", lambda state: False)
    assert "written by others" in fault(folder)
    monkeypatch.setattr(folders, "is_own_group", lambda state: True)
    assert fault(folder) is None


def test_a_group_without_an_entry_is_nobodys_own(tmp_path):
    class State:
        st_uid, st_gid = os.getuid(), 987654

    assert not folders.is_own_group(State)


def test_named_folder_comes_first(places, tmp_path):
    found = places(NUMBA_CACHE_DIR=tmp_path / "named", HOME=tmp_path)
    assert found.write == tmp_path / "named" / "nlstm" / "hash"
    assert found.read == (found.write,) and not found.faults


@pytest.mark.parametrize("named", ["", "relative/folder"])
def test_no_folder_is_put_where_one_stands(places, tmp_path, monkeypatch, named):
    monkeypatch.chdir(made(tmp_path / "here"))
    found = places(NUMBA_CACHE_DIR=named, HOME=tmp_path)
    assert found.write == tmp_path / ".cache" / "nlstm" / "hash"
    assert not list(Path.cwd().iterdir())
    assert len(found.faults) == bool(named)


def test_home_may_be_missing(places, tmp_path, monkeypatch):
    monkeypatch.setattr(folders.Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("none")))
    found = places(TMPDIR=tmp_path)
    assert found.write == tmp_path / f"nlstm-{os.getuid()}" / "hash"
    assert found.write.stat().st_mode & 0o777 == 0o700
    assert "home" in found.faults[0]


def test_whatever_the_umask_others_cannot_write(places, tmp_path):
    before = os.umask(0)
    try:
        found = places(NUMBA_CACHE_DIR=tmp_path / "a" / "b", HOME=tmp_path)
    finally:
        os.umask(before)
    assert not found.faults
    assert fault(found.write) is None


@needs_root
def test_a_trap_in_the_temporary_folder_is_stepped_over(places, tmp_path, monkeypatch):
    temporary = made(tmp_path / "tmp", 0o1777)
    trap = made(temporary / f"nlstm-{os.getuid()}" / "hash").parent
    os.chown(trap, STRANGER, STRANGER)
    monkeypatch.setattr(folders, "user_cache", lambda: None)
    found = places(TMPDIR=temporary)
    assert found.write is None and found.read == ()
    assert f"{trap} belongs to another user" in "; ".join(found.faults)


AS_STRANGER = """
import grp, os, pwd
from nlstm.kernels.shared.folders import places
os.setgroups([])
os.setgid(12345)
os.setuid(12345)
print(*places("hash"), sep="\\n")
"""


@needs_root
def test_an_image_made_by_root_is_read_by_a_user_without_a_name():
    # Not below tmp_path, which only root may enter.
    image = Path(tempfile.mkdtemp(dir="/var/tmp"))
    image.chmod(0o755)
    kept = made(image / "nlstm" / "hash")
    temporary = made(image / "tmp", 0o1777)
    root = Path(folders.__file__).resolve().parents[4]
    variables = {"NUMBA_CACHE_DIR": image, "PYTHONPATH": root, "HOME": "/", "TMPDIR": temporary}
    try:
        done = subprocess.run(
            [sys.executable, "-c", AS_STRANGER],
            env={name: str(value) for name, value in variables.items()},
            capture_output=True,
            text=True,
            check=True,
        )
    finally:
        shutil.rmtree(image)
    read, write, faults = done.stdout.splitlines()
    own = temporary / f"nlstm-{STRANGER}" / "hash"
    assert read == f"({kept!r}, {own!r})"
    assert write == str(own)
    assert "cannot be written" in faults
