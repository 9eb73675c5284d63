"""Numba's simulator made quick enough for whole models, and models computed there.

NUMBA_ENABLE_CUDASIM=1 comes before all imports. Of itself the simulator starts a Python thread for
each thread of a block and polls them. Here a kernel that never waits for its block's other threads
runs them one after the other, without starting any; in others they wait at a barrier, unpolled.
"""

import _thread
import functools
import os
import threading
import types

import numpy as np
from numba.cuda.simulator import kernel as simulator
from numba.cuda.simulator.kernelapi import Dim3

from nlstm.kernels.cuda import basics, each, launch, lstm_cut
from nlstm.kernels.cuda.arrays import DeviceArray
from nlstm.kernels.cuda.launch import SIMULATED

SECONDS = 60  # after which nobody waits for a block any longer


def hasten():
    """Let blocks run as this page says."""
    if not SIMULATED:
        raise RuntimeError("CUDA in the simulator wants NUMBA_ENABLE_CUDASIM=1")
    simulator.BlockManager.run = run
    simulator.FakeCUDAKernel.__call__ = launch_or_call
    lstm_cut.see_flag = see_flag


def hasten_each():
    """Let a function of a place run for all places of NumPy's arrays, without a launch."""
    each.Each.__call__ = run_each


def run_each(kernel, count, *arguments):
    """Run a function of a place for all places, on NumPy's arrays; fill at once."""
    if launch.Preparing.on:
        launch.take_memory(arguments)
        return
    arguments = host(arguments)
    if not launch.recorded(run_places, kernel, count, arguments):
        run_places(kernel, count, arguments)


def run_places(kernel, count, arguments):
    if kernel is basics._fill:
        arguments[0][:count] = arguments[1]
        return
    with np.errstate(all="ignore"):
        for place in range(count):
            kernel.function(place, *arguments)


def host(argument):
    """Return the memory of arrays."""
    if isinstance(argument, tuple):
        return tuple(map(host, argument))
    return argument.raw._ary if isinstance(argument, DeviceArray) else argument


def run(manager, grid_point, *arguments):
    """Run a block."""
    block, points = Dim3(*grid_point), points_of(manager._block_dim)
    if waits(manager._f):
        Turns(manager, arguments, block, points).run()
        return
    own = threading.current_thread()
    own.blockIdx = block
    for own.thread_id, own.threadIdx in enumerate(points):
        manager._f(*arguments)


@functools.cache
def points_of(block_dim):
    """Return the places of a block's threads."""
    return [Dim3(*point) for point in np.ndindex(*block_dim)]


class Turns:
    """A block whose threads run one at a time, each as far as the next barrier.

    The next round begins with who came last: what is not guarded by a barrier is seen either way.
    """

    def __init__(self, manager, arguments, block, points):
        self._work, self._over = functools.partial(manager._f, *arguments), _thread.allocate_lock()
        self._coming, self._met, self.errors = [], [], []
        self._left = self._broken = False
        for number in reversed(range(len(points))):
            thread = Thread.idle.pop() if Thread.idle else Thread()
            thread.block, thread._manager, thread.blockIdx = self, manager, block
            thread.thread_id, thread.threadIdx, thread.count = number, points[number], 0
            self._coming.append(thread)

    def run(self):
        """Run them all; raise the first error."""
        self._over.acquire()
        threads = self._coming[:]
        self._next()
        try:
            self._over.acquire()
        except BaseException:  # an interrupt falls between two launches
            self._over.acquire(timeout=SECONDS)
            raise
        finally:
            Thread.idle += threads
        if self.errors:
            raise self.errors[0]

    def work(self):
        """Do one thread's work, in that thread."""
        try:
            self._work()
        except Exception as error:
            self.errors.append(error)

    def leave(self):
        """Count one thread less."""
        self._left = True
        self._next()

    def meet(self, thread):
        """Wait until all threads of the block are here."""
        self._met.append(thread)
        self._next()
        thread.turn.acquire()
        if self._broken:
            raise threading.BrokenBarrierError("a thread of the block is at its end")

    def pause(self, thread):
        """Let the others go on until they meet."""
        self._coming.insert(0, thread)
        self._next()
        thread.turn.acquire()

    def _next(self):
        if not self._coming:
            self._coming, self._met, self._broken = self._met, [], self._left
        if self._coming:
            self._coming.pop().turn.release()
        else:
            self._over.release()


class Thread(threading.Thread):
    """A thread of one block after the other."""

    idle: list = []

    def __init__(self):
        super().__init__(daemon=True)
        self.block, self.turn = None, _thread.allocate_lock()  # taken where it waits
        self.turn.acquire()
        self.start()

    def run(self):
        np.seterr(all="ignore")
        while True:
            self.turn.acquire()
            block = self.block
            block.work()
            self.block = self._manager = None
            leave, block = block.leave, None
            leave()  # from now on another block may have this thread
            del leave

    def syncthreads(self):
        self.block.meet(self)


os.register_at_fork(after_in_child=Thread.idle.clear)


def see_flag(flags, at):
    """Return a flag, after the others had time to raise it."""
    thread = threading.current_thread()
    thread.block.pause(thread)
    return flags[at]


def launch_or_call(kernel, *arguments, launch=simulator.FakeCUDAKernel.__call__):
    """Launch a kernel, or call a device function: directly if nothing in it asks for the thread."""
    if not kernel._device:
        with np.errstate(all="ignore"):  # a GPU warns of nothing
            return launch(kernel, *arguments)
    if "cuda" not in kernel.fn.__code__.co_names:
        return kernel.fn(*arguments)
    return launch(kernel, *arguments)


def waits(function):
    """Whether a kernel, or what it calls, waits for the other threads."""
    return _waits(function, frozenset())


def _waits(function, seen):
    if function in seen:
        return False
    return _waits_by_code(function, seen | {function})


@functools.cache
def _waits_by_code(function, seen):
    names = function.__code__.co_names
    if "syncthreads" in names:
        return True
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    known = [function.__globals__[name] for name in names if name in function.__globals__]
    called = [getattr(one, "fn", one) for one in cells + known]
    return any(_waits(one, seen) for one in called if isinstance(one, types.FunctionType))
