"""Where compiled kernels are kept.

Numba compares a cached function with its own source file, its own version and the CPU, but not with
the other files that the function was compiled from. So the folder is named by a hash of all kernel
sources: an edit in any of them starts a new one. Numba writes its files whole and renames them into
place, so processes that compile at once do not disturb each other.
"""

import contextlib
import functools
import getpass
import hashlib
import os
import sys
import tempfile
from pathlib import Path

import numba

CPU = Path(__file__).resolve().parents[1]
FOLDERS = (CPU, CPU.parent / "shared")


def user_cache_folder():
    """Return the folder that this system keeps caches in, for nlstm."""
    if "NUMBA_CACHE_DIR" in os.environ:
        return Path(os.environ["NUMBA_CACHE_DIR"]) / "nlstm"
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "nlstm"


def source_hash(*folders):
    """Return a hash of every source file of the kernels, Numba's version and the processors."""
    digest = hashlib.sha256(f"{numba.__version__} {os.cpu_count()}".encode())
    for folder in folders or FOLDERS:
        for file in sorted(folder.rglob("*.py")):
            name = file.relative_to(folder).as_posix()
            digest.update(name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def usable(folder):
    """Make `folder` if it is missing; return whether files can be kept there, safe from others.

    Compiled code is loaded without further checks, so a folder that belongs to somebody else will
    not do.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()
    except OSError:
        return False  # a home that is missing, full or read-only


@functools.cache
def cache_folder():
    """Return the folder for compiled kernels: the user's cache, or else one for temporary files."""
    name = source_hash()
    for base in (user_cache_folder(), Path(tempfile.gettempdir()) / f"nlstm-{getpass.getuser()}"):
        if usable(base / name):
            return base / name
    return Path(tempfile.mkdtemp(prefix="nlstm-"))


@contextlib.contextmanager
def kernel_cache():
    """Let functions that are decorated meanwhile keep their compiled code in `cache_folder`."""
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(cache_folder())
    try:
        yield
    finally:
        numba.config.CACHE_DIR = before
