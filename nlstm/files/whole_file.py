"""A file written whole or not at all, with the mode, the owner and the place that it had.

The content goes to a temporary file beside the target, which then takes the target's name. A writer
holds a lock on its temporary file: one that nobody holds was left by a process that was killed, and
the next writer of the same target removes it. Where there are no such locks, its age says so.
"""

import contextlib
import errno
import hashlib
import os
import re
import stat
import time
import uuid
from collections.abc import Iterator
from typing import Any

try:
    import fcntl
except ImportError:  # Windows, where a file that is open cannot be removed
    fcntl = None  # type: ignore[assignment]

__all__ = ["left_behind", "naming", "remove_if_free", "write_whole"]

TRIES, SECONDS = 20, 0.05  # for a target that another process of Windows has open
ABANDONED = 3600.0  # seconds after which a temporary file has no writer, where locks do not say it
NAME_BYTES = 255 - len(f"..{uuid.UUID(int=0).hex}.partial")  # so long names may be, and no longer
RIGHTS = 0o777  # set-user-ID and the like are not handed on


def write_whole(path: str, content: bytes) -> None:
    """Write a file; until it is complete and on the disk, what was there stays as it was.

    Behind a symbolic link the file is written that it points to. A file that is there keeps its
    mode, and its owner and group as far as the process may give them; a new one gets what the
    umask leaves. What killed writers of this file left is removed.

    Raises
    ------
    OSError
        It cannot be written; the error names `path`. Nothing is left.
    """
    with naming(path):
        target = _target(path)
        for old in left_behind(target):
            remove_if_free(old)
        _write(target, content)


@contextlib.contextmanager
def naming(path: str) -> Iterator[None]:
    """Have the OSErrors of a with statement name `path`: those of reads and writes name nothing."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename == path:
            raise
        raise OSError(error.errno, error.strerror, path) from error


def _target(path: str) -> str:
    """Return where to write; raise where that is no file, or may not be written."""
    target = os.path.realpath(path)
    if os.path.isdir(target):
        raise IsADirectoryError(errno.EISDIR, "It is a folder; expected the name of a file", path)
    if os.path.islink(target):
        raise OSError(errno.ELOOP, "Its symbolic links lead nowhere", path)
    if os.path.exists(target):
        if not os.path.isfile(target):
            raise OSError(errno.EINVAL, "It is a device or a pipe; expected a file", path)
        if not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, "The file may not be written", path)
    return target


def _write(target: str, content: bytes) -> None:
    folder, name = os.path.split(target)
    while True:
        temporary = os.path.join(folder, f".{_mark(name)}.{uuid.uuid4().hex}.partial")
        try:
            with open(temporary, "xb", opener=_opener(target)) as file:
                if not _lock(file.fileno()):
                    continue  # another writer took it for one that was left behind
                _keep_rights(target, file.fileno())
                file.write(content)
                file.flush()
                _flush_to_disk(file.fileno())
                if fcntl is not None:  # the lock is held until the file has its name
                    os.replace(temporary, target)
            if fcntl is None:
                _replace_when_closed(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        _flush_folder(folder)
        return


def _mark(name: str) -> str:
    """Return what temporary files of a name are known by: the name, unless it is too long."""
    content = os.fsencode(name)
    if len(content) <= NAME_BYTES:
        return name
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _opener(target: str) -> Any:
    """Return an opener for `open`: the kernel applies the umask, which is asked for nowhere."""
    mode = 0o600 if os.path.exists(target) else 0o666

    def opened(path: str, flags: int) -> int:
        return os.open(path, flags, mode)

    return opened


def _keep_rights(target: str, handle: int) -> None:
    """Give an open file the owner, the group and the mode of `target`, where that is there."""
    try:
        kept = os.stat(target)
    except FileNotFoundError:
        return
    if not hasattr(os, "fchmod"):
        return  # Windows: files have no mode, and rights come from the folder
    mode, own = stat.S_IMODE(kept.st_mode) & RIGHTS, os.fstat(handle)
    if kept.st_uid != own.st_uid:
        with contextlib.suppress(OSError):  # only root may
            os.fchown(handle, kept.st_uid, -1)
    if kept.st_gid != own.st_gid:
        try:
            os.fchown(handle, -1, kept.st_gid)
        except OSError:
            mode &= ~0o070 | (mode & 0o007) << 3  # another group gets no more than everybody
    os.fchmod(handle, mode)


def _flush_to_disk(handle: int) -> None:
    full = getattr(fcntl, "F_FULLFSYNC", None)  # macOS: fsync stops at the drive's own memory
    if full is not None:
        with contextlib.suppress(OSError):  # not on every file system
            fcntl.fcntl(handle, full)
            return
    os.fsync(handle)


def _flush_folder(folder: str) -> None:
    """Have the new name on the disk too, where folders can be flushed."""
    with contextlib.suppress(OSError):  # Windows opens no folders, some file systems flush none
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _replace_when_closed(temporary: str, target: str) -> None:
    """Rename where a target that somebody reads at the moment cannot be replaced."""
    for tries_left in reversed(range(TRIES)):
        try:
            os.replace(temporary, target)
            return
        except PermissionError:
            if not tries_left:
                raise
        time.sleep(SECONDS)


# What killed writers leave


def left_behind(path: str) -> Iterator[str]:
    """Give the temporary files of `path`, of writers that were killed or are at work."""
    folder, name = os.path.split(os.fspath(path))
    wanted = re.compile(rf"\.{re.escape(_mark(name))}\.[0-9a-f]{{32}}\.partial")
    with (
        contextlib.suppress(FileNotFoundError, PermissionError),
        os.scandir(folder or ".") as found,
    ):
        for entry in found:
            if wanted.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                yield entry.path


def _lock(handle: int, wait: bool = True) -> bool:
    """Mark an open temporary file as in use; whether it is still there, and ours."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return wait  # a file system without locks: nobody will get one, and nothing is removed
    return os.fstat(handle).st_nlink > 0


def remove_if_free(path: str) -> None:
    """Remove a temporary file of ours whose writer is no more."""
    with contextlib.suppress(OSError):  # it is gone, or is not ours, or somebody has it open
        if fcntl is None:
            if time.time() - os.stat(path).st_mtime > ABANDONED:
                os.unlink(path)
            return
        if os.lstat(path).st_uid != os.geteuid():
            return
        handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            if _lock(handle, wait=False):
                os.unlink(path)
        finally:
            os.close(handle)
