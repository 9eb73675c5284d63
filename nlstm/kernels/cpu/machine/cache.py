"""Where compiled kernels are kept, and how they are found again.

A folder is named by a hash of all kernel sources and of what else goes into compiled code, so an
edit in any of them starts a new one, and clones, installs and images with equal sources share one,
wherever they lie. An entry is one file for a function, its arguments' types and the processor. It
begins with a digest of the rest: what is cut or damaged is not unpickled but compiled again. Files
are written whole and renamed into place, so processes that compile at once do not disturb each
other.
"""

import contextlib
import functools
import hashlib
import inspect
import os
import pickle
import stat
import sys
import tempfile
import warnings
from pathlib import Path

import llvmlite
import numba
from numba.core import compiler, serialize
from numba.core.runtime import rtsys

from nlstm.kernels.cpu.machine import folders
from nlstm.kernels.cpu.machine.processors import LAST_LEVEL_BYTES, PROCESSORS

CPU = Path(__file__).resolve().parents[1]
FOLDERS = (CPU, CPU.parent / "shared")
# What no compiled code depends on; what it takes from `processors` is in the hash by itself.
APART = {"words.py"} | {
    f"machine/{name}.py" for name in ("cache", "folders", "notice", "processors", "threads")
}
START = b"nlstm kernel 1\n"
DIGEST = hashlib.sha256().digest_size
RETRY = "NUMBA_CACHE_DIR can name another folder."


def source_hash(*sources):
    """Return a hash of every source file of the kernels, and of what compiles them where."""
    python = sys.implementation.cache_tag, getattr(sys, "abiflags", "")
    made_by = numba.__version__, llvmlite.__version__, python, PROCESSORS, LAST_LEVEL_BYTES
    if numba.config.BOUNDSCHECK:
        made_by += ("bounds checked",)
    digest = hashlib.sha256(repr(made_by).encode())
    for folder in sources or FOLDERS:
        for file in sorted(folder.rglob("*.py")):
            name = file.relative_to(folder).as_posix()
            if name not in APART:
                digest.update(name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


@functools.cache
def places():
    """Return the folders of compiled kernels, see `folders.Places`."""
    return folders.places(source_hash())


def cache_folder():
    """Return the folder that new kernels go to, or None."""
    return places().write


class KernelCache:
    """The entries of one kernel, as Numba's dispatcher asks for them."""

    def __init__(self, function):
        self._function = function
        self._enabled = True

    @property
    def cache_path(self):
        return str(cache_folder())

    def enable(self):
        self._enabled = True

    def disable(self):
        self._enabled = False

    def flush(self):
        """Leave the entries: each is overwritten when its kernel is compiled again."""

    def load_overload(self, sig, target_context):
        # Not `target_context.refresh()`: what it imports, 47 MB and a quarter of a second, is for
        # compiling, before which Numba calls it by itself. Code that is made needs the runtime.
        rtsys.initialize(target_context)
        name = self._entry(sig, target_context.codegen())
        for folder in places().read if name else ():
            data = read(folder, name)
            if data is None:
                continue
            try:
                kept, parts = pickle.loads(data)
                if kept == sig:
                    return compiler.CompileResult._rebuild(target_context, *parts)
            except Exception as error:  # whole, but not for this process
                warn(folder, f"holds a kernel that cannot be loaded ({error!r})")
        return None

    def save_overload(self, sig, data):
        name = self._entry(sig, data.codegen)
        if name is None or data.lifted or data.library.has_dynamic_globals:
            return
        _, folder, faults = places()
        if faults:
            where = f"in {folder}" if folder else "nowhere, and compiled again at every start"
            warn_once(f"Compiled kernels are kept {where}: {'; '.join(faults)}. {RETRY}")
        if folder is not None:
            write(folder, name, serialize.dumps((sig, data._reduce())))

    def _entry(self, sig, codegen):
        """Return the name of the file of one kernel, or None for a function without a file."""
        function, closure = self._function, self._function.__closure__ or ()
        stamp = file_stamp(inspect.getfile(function))
        if not self._enabled or stamp is None:
            return None
        cells = serialize.dumps([cell.cell_contents for cell in closure]) if closure else b""
        code, label = function.__code__, f"{function.__module__}.{function.__qualname__}"
        digest = hashlib.sha256(code.co_code + cells + stamp)
        digest.update(repr((label, code.co_firstlineno, sig, codegen.magic_tuple())).encode())
        label = label.replace("<locals>.", "").removeprefix(f"{__package__.rpartition('.')[0]}.")
        return f"{label[-80:]}-{digest.hexdigest()[:32]}.kernel"


@functools.cache
def file_stamp(path):
    """Return a hash of a file that is none of the kernels' sources, which the folder stands for."""
    if any(folder in Path(path).resolve().parents for folder in FOLDERS):
        return b""
    try:
        return hashlib.sha256(Path(path).read_bytes()).digest()
    except OSError:
        return None


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
    return hashlib.sha256(name.encode() + data).digest()


def warn(folder, what):
    """Say once what is wrong with a folder; its kernels are compiled instead."""
    warn_once(f"{folder} {what}; kernels are compiled instead. {RETRY}")


@functools.cache
def warn_once(text):
    warnings.warn(text, RuntimeWarning, stacklevel=2)


# --- Numba's inside, which another version may have otherwise -------------------------------------


def keep(dispatcher):
    """Let a dispatcher keep its compiled code; return it."""
    missing = missing_names(dispatcher)
    if not missing:
        dispatcher._cache = KernelCache(dispatcher.py_func)
        return dispatcher
    warn_once(
        f"Numba {numba.__version__} has no {', '.join(missing)}: kernels are kept by its own "
        "cache, without a digest of each."
    )
    if cache_folder() is not None:
        before = numba.config.CACHE_DIR
        numba.config.CACHE_DIR = str(cache_folder() / "numba")
        try:
            dispatcher.enable_caching()
        finally:
            numba.config.CACHE_DIR = before
    return dispatcher


def missing_names(dispatcher):
    """Return what `KernelCache` needs of Numba and does not find."""
    needed = ((dispatcher, "_cache"), (compiler.CompileResult, "_reduce"),
              (compiler.CompileResult, "_rebuild"), (serialize, "dumps"))  # fmt: skip
    return [name for owner, name in needed if not hasattr(owner, name)]
