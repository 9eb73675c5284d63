"""Calls whose kernels are found once.

At each call Numba's dispatcher finds by the types of all arguments which compiled function is
meant. With tuples of arrays among them that takes microseconds, as long as a small layer's work. A
step's calls have the same arguments for as long as it lives, so their functions are found when it
is bound. They are the ones that the dispatcher would call, and do all else that it does.
"""

import functools

from numba.core.dispatcher import Dispatcher

from nlstm.kernels.cpu.machine import threads

__all__ = ["bound", "compiled", "launcher"]


class Launcher:
    """A kernel's Python side, which says what is called with what: see `launcher`."""

    def __init__(self, choose):
        self.calls = choose
        functools.update_wrapper(self, choose)

    def __call__(self, *arguments):
        for kernel, given in self.calls(*arguments):
            kernel(*given)

    def __reduce__(self):
        return self.__qualname__


def launcher(choose):
    """Make a function of one that returns its calls, [(kernel, arguments), ...], and does no more.

    These depend on types, shapes and places of its arguments, not on what arrays hold.
    """
    return Launcher(choose)


def compiled(kernel, arguments):
    """Return what a dispatcher would call for such arguments, compiled now; else `kernel`."""
    if not isinstance(kernel, Dispatcher):
        return kernel
    return kernel.compile(tuple(kernel.typeof_pyval(argument) for argument in arguments))


def goes_with_fork(kernel):
    """Whether a fork has another kernel in its place: see `threads.forms`."""
    return any(kernel is parallel and kernel is not serial for serial, parallel in threads.forms)


def bound(calls):
    """Return calls that do what `calls` do, with their kernels found and compiled.

    A launcher that chooses the parallel form of a kernel stays as it is, to choose again in a fork.
    """
    found = []
    for function, arguments in calls:
        if isinstance(function, functools.partial) and not function.keywords:
            function, arguments = function.func, (*function.args, *arguments)
        if isinstance(function, Launcher):
            launched = function.calls(*arguments)
            if any(goes_with_fork(kernel) for kernel, _ in launched):
                found.append((function, arguments))
            else:
                found += [(compiled(*call), call[1]) for call in launched]
        else:
            found.append((compiled(function, arguments), arguments))
    return found
