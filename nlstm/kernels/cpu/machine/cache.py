"""Where compiled kernels are kept, and how they are found again.

A folder is named by a hash of all kernel sources and of what else goes into compiled code, so an
edit in any of them starts a new one, and clones, installs and images with equal sources share one,
wherever they lie. An entry is one file for a function, its arguments' types and the processor.
"""

import functools
import hashlib
import inspect
import pickle
import sys
from pathlib import Path

import llvmlite
import numba
from numba.core import compiler, serialize

from nlstm.kernels.cpu.machine.processors import LAST_LEVEL_BYTES, PROCESSORS
from nlstm.kernels.shared import entries, folders

CPU = Path(__file__).resolve().parents[1]
FOLDERS = (CPU, CPU.parent / "shared")
# What no compiled code depends on; what it takes from `processors` is in the hash by itself.
APART = {"words.py", "entries.py", "folders.py"} | {
    f"machine/{name}.py"
    for name in (
        "amx",
        "cache",
        "launching",
        "memory",
        "notice",
        "processors",
        "threads",
    )
}


def source_hash(*sources):
    """Return a hash of every source file of the kernels, and of what compiles them where."""
    python = sys.implementation.cache_tag, getattr(sys, "abiflags", "")
    made_by = numba.__version__, llvmlite.__version__, python, PROCESSORS, LAST_LEVEL_BYTES
    if numba.config.BOUNDSCHECK:
        made_by += ("bounds checked",)
    return entries.hash_of(made_by, sources or FOLDERS, APART)


@functools.cache
def places():
    """Return the folders of compiled kernels, see `folders.Places`."""
    return folders.places(source_hash())


def cache_folder():
    """Return the folder that new kernels go to, or None."""
    return places().write


# How functions of Numba's runtime are called, which counts references; kernels do not use it.
REFERENCES = b"NRT_"


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
        name = self._entry(sig, target_context.codegen())
        for folder, data in entries.find(places(), name) if name else ():
            try:
                kept, parts = pickle.loads(data)
                # Numba's own cache refreshes always: what that imports and compiles, 47 MB and a
                # quarter of a second, is for compiling, before which it is called in any case.
                if REFERENCES in data:
                    target_context.refresh()
                if kept == sig:
                    return compiler.CompileResult._rebuild(target_context, *parts)
            except Exception as error:  # whole, but not for this process
                entries.warn(folder, f"holds a kernel that cannot be loaded ({error!r})")
        return None

    def save_overload(self, sig, data):
        name = self._entry(sig, data.codegen)
        if name is None or data.lifted or data.library.has_dynamic_globals:
            return
        entries.keep(places(), name, serialize.dumps((sig, data._reduce())))

    def _entry(self, sig, codegen):
        """Return the name of the file of one kernel, or None for a function without a file."""
        function, closure = self._function, self._function.__closure__ or ()
        stamp = entries.file_stamp(inspect.getfile(function), FOLDERS)
        if not self._enabled or stamp is None:
            return None
        cells = serialize.dumps([cell.cell_contents for cell in closure]) if closure else b""
        code, label = function.__code__, f"{function.__module__}.{function.__qualname__}"
        digest = hashlib.sha256(code.co_code + cells + stamp)
        digest.update(repr((label, code.co_firstlineno, sig, codegen.magic_tuple())).encode())
        label = label.replace("<locals>.", "").removeprefix(f"{__package__.rpartition('.')[0]}.")
        return f"{label[-80:]}-{digest.hexdigest()[:32]}.kernel"


# --- Numba's inside, which another version may have otherwise -------------------------------------


def keep(dispatcher):
    """Let a dispatcher keep its compiled code; return it."""
    missing = missing_names(dispatcher)
    if not missing:
        dispatcher._cache = KernelCache(dispatcher.py_func)
        return dispatcher
    entries.warn_once(
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
