"""One line that says why nothing moves: kernels are being compiled."""

import sys

from numba.core import event

from nlstm.kernels.cpu.machine.cache import cache_folder

__all__ = ["announce_compilation"]

LINE = "nlstm: compiling kernels for this machine"
KEPT = "; the next start finds them in the cache"


class _Announcer(event.Listener):
    """Print the line at the first real compilation; a kernel read from the cache is none."""

    def __init__(self):
        self.pending = True

    def on_start(self, happening):
        module = happening.data["dispatcher"].py_func.__module__
        if self.pending and module.startswith("nlstm."):
            self.pending = False
            kept = KEPT if cache_folder() else ""
            print(f"{LINE}{kept}.", file=sys.stderr, flush=True)

    def on_end(self, happening):
        pass


_announcer = _Announcer()
_installed: list[_Announcer] = []


def announce_compilation():
    """Print one line to stderr when this process first has to compile a kernel.

    What a user calls begins with a kernel, so it is these that are listened to from their import.
    """
    if not _installed:
        event.register("numba:compile", _announcer)
        _installed.append(_announcer)
