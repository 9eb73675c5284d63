"""Folders for compiled code, which runs without further checks: whose they may be, and where.

A folder is safe if neither it nor one on its way can be changed by anybody but root and this user.
"""

import functools
import os
import stat
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

MOST_LINKS = 40  # on one way, as Linux has it
READABLE, OWN = 0o755, 0o700
TEMPORARY = ("TMPDIR", "TEMP", "TMP")


class Places(NamedTuple):
    """Where entries are looked for, where new ones go (or None), and what spoke against others."""

    read: tuple
    write: Path | None
    faults: tuple


@functools.cache
def places(name):
    """Return the folders called `name` that are safe, up to the first that can be written."""
    read, faults = [], []
    for base, mode in candidates(faults):
        found, folder = None, base / name
        try:
            make(folder, mode)
            writable = os.access(folder, os.W_OK | os.X_OK)
        except OSError as error:
            found, writable = f"{base}: {error.strerror}", False
        unsafe = fault(folder)
        if unsafe:
            faults.append(found or unsafe)
            continue
        if folder.is_dir():
            read.append(folder)
        if writable:
            return Places(tuple(read), folder, tuple(faults))
        faults.append(found or f"{base} cannot be written")
    return Places(tuple(read), None, tuple(faults))


def candidates(faults):
    """Give (folder, mode of what is made on the way to it): named, the user's, a temporary one."""
    named = os.path.expanduser(os.environ.get("NUMBA_CACHE_DIR", ""))
    if os.path.isabs(named):
        yield Path(named) / "nlstm", READABLE
    elif named:
        faults.append(f"NUMBA_CACHE_DIR={named} is relative")
    own = user_cache()
    if own is not None:
        yield own / "nlstm", OWN
    else:
        faults.append("this user has no home folder")
    temporary = temporary_folder()
    if temporary is not None:
        user = f"-{os.getuid()}" if hasattr(os, "getuid") else ""
        yield temporary / f"nlstm{user}", OWN


def user_cache():
    """Return the folder that this system keeps a user's caches in; None for a user without one."""
    try:
        home = Path.home()
    except RuntimeError:  # neither HOME nor an entry among the users
        home = Path()
    if sys.platform == "win32":
        ways = os.environ.get("LOCALAPPDATA", ""), home / "AppData" / "Local"
    elif sys.platform == "darwin":
        ways = (home / "Library" / "Caches",)
    else:
        ways = os.environ.get("XDG_CACHE_HOME", ""), home / ".cache"
    return next((Path(way) for way in ways if os.path.isabs(way)), None)


def temporary_folder():
    """Return the folder for temporary files; None where Python would take the current one."""
    try:
        found = tempfile.gettempdir()
    except OSError:
        return None
    named = {os.path.abspath(os.environ[name]) for name in TEMPORARY if os.environ.get(name)}
    usual = sys.platform == "win32" or found in named | {"/tmp", "/var/tmp", "/usr/tmp"}
    return Path(found) if usual else None


def make(folder, mode):
    """Make a folder and those that it lies in, whatever the umask writable by their owner alone."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for each in reversed(missing):
        if fault(each.parent, last=False):  # `places` says it
            return
        try:
            os.mkdir(each, mode)
        except FileExistsError:
            pass  # another process was quicker


def fault(folder, last=True):
    """Return why others could change what lies in a folder; None if they could not.

    Links are followed by hand: whoever could change one on the way could lead it elsewhere. In a
    folder that all may write but where each keeps what is his, such as /tmp, only folders count: a
    link of this user's might have been put there by somebody else.

    Parameters
    ----------
    folder : Path
        Absolute.
    last : bool
        Whether things are kept in it; if not, it may be such a folder as /tmp itself.
    """
    if not hasattr(os, "getuid"):
        return None  # Windows keeps the user's folders by itself
    here, rest, links, shared = Path(folder.anchor), [*reversed(folder.parts[1:])], 0, False
    while True:
        try:
            state = os.lstat(here)
        except OSError as error:
            return f"{here}: {error.strerror}"
        if state.st_uid not in (0, os.geteuid()):
            return f"{here} belongs to another user ({state.st_uid})"
        if stat.S_ISLNK(state.st_mode):
            links += 1
            if shared or links > MOST_LINKS:
                return f"{here} is a link"
            target = Path(os.readlink(here))
            rest += reversed(target.parts[1:] if target.is_absolute() else target.parts)
            here = Path(target.anchor) if target.is_absolute() else here.parent
            continue
        if not stat.S_ISDIR(state.st_mode):
            return f"{here} is no folder"
        shared = others_write(state)
        if shared and not (state.st_mode & stat.S_ISVTX and (rest or not last)):
            return f"{here} can be written by others"
        if not rest:
            return None
        part = rest.pop()
        here = here.parent if part == ".." else here / part


def others_write(state):
    """Return whether somebody but the owner may write; a group of its own is the owner."""
    if state.st_mode & stat.S_IWOTH:
        return True
    return bool(state.st_mode & stat.S_IWGRP) and not is_own_group(state)


@functools.cache
def _members(group):
    import grp

    found = grp.getgrgid(group)
    return found.gr_name, frozenset(found.gr_mem)


def is_own_group(state):
    """Return whether the file's group is its owner's alone, as many systems make one a user."""
    import pwd

    try:
        owner = pwd.getpwuid(state.st_uid)
        name, members = _members(state.st_gid)
    except KeyError:
        return False
    return owner.pw_gid == state.st_gid and name == owner.pw_name and members <= {owner.pw_name}
