"""Files of compiled code: whole or not there, and unpacked only if they are what was written.

An entry begins with a digest of the rest and of its name: what is cut, damaged or renamed is not
used, but compiled again. Files are written whole and renamed into place, so processes that compile
at once do not disturb each other.
"""

import contextlib
import functools
import hashlib
import os
import stat
import sys
import tempfile
import warnings
from pathlib import Path

START = b"nlstm kernel 1\n"
DIGEST = hashlib.sha256().digest_size
RETRY = "NUMBA_CACHE_DIR can name another folder."


def hash_of(made_by, folders, apart=()):
    """Return a hash of source files, but those `apart`, and of what else compiled code is of."""
    digest = hashlib.sha256(repr(made_by).encode())
    for folder in folders:
        for file in sorted(folder.rglob("*.py")):
            name = file.relative_to(folder).as_posix()
            if name not in apart:
                digest.update(name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


@functools.cache
def file_stamp(path, folders):
    """Return a hash of a file that is none of the kernels' sources, which have one together."""
    if any(folder in Path(path).resolve().parents for folder in folders):
        return b""
    try:
        return hashlib.sha256(Path(path).read_bytes()).digest()
    except OSError:
        return None


def find(places, name):
    """Give what each folder holds under a name, with the folder."""
    for folder in places.read:
        data = read(folder, name)
        if data is not None:
            yield folder, data


def read(folder, name):
    """Return what an entry holds; None if it is not there or not what was written."""
    try:
        with open(folder / name, "rb") as file:
            state, data = os.fstat(file.fileno()), file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        return warn(folder, f"cannot be read ({error.strerror})")
    if hasattr(os, "getuid"):
        own = state.st_uid in (0, os.geteuid())
        if not own or state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return warn(folder, "holds files that others can write")
    start = len(START) + DIGEST
    whole = data[:start] == START + digest_of(name, data[start:])
    return data[start:] if whole else warn(folder, "holds damaged files")


def keep(places, name, data):
    """Write an entry where one may be written, and say once what spoke against other folders."""
    _, folder, faults = places
    if faults:
        where = f"in {folder}" if folder else "nowhere, and compiled again at every start"
        warn_once(f"Compiled kernels are kept {where}: {'; '.join(faults)}. {RETRY}")
    if folder is not None:
        write(folder, name, data)


def write(folder, name, data):
    """Write an entry, whole or not at all."""
    temporary = None
    try:
        folder.mkdir(exist_ok=True)  # it was there when this process began
        handle, temporary = tempfile.mkstemp(dir=folder, suffix=".tmp")
        with open(handle, "wb") as file:
            file.write(START + digest_of(name, data) + data)
        if folder.stat().st_mode & stat.S_IROTH:  # of an image, for its users
            os.chmod(temporary, 0o644)
        os.replace(temporary, folder / name)
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        read_now = sys.platform == "win32" and isinstance(error, PermissionError)
        if not (read_now and (folder / name).is_file()):  # another process was quicker
            warn(folder, f"cannot be written ({error.strerror})")


def digest_of(name, data):
    """Return the digest that an entry begins with."""
    return hashlib.sha256(name.encode() + data).digest()


def warn(folder, what):
    """Say once what is wrong with a folder; its kernels are compiled instead."""
    warn_once(f"{folder} {what}; kernels are compiled instead. {RETRY}")


@functools.cache
def warn_once(text):
    """Warn, but not twice of the same."""
    warnings.warn(text, RuntimeWarning, stacklevel=2)
