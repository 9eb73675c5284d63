"""Numba's simulator made quick enough for whole models, and models computed there.

NUMBA_ENABLE_CUDASIM=1 comes before all imports. Of itself the simulator starts a Python thread for
each thread of a block and polls them. Here a kernel that never waits for its block's other threads
runs them one after the other, without starting any; in others they wait at a barrier, unpolled.
"""

import functools
import threading
import types

import numpy as np
from numba.cuda.simulator import kernel as simulator
from numba.cuda.simulator.kernelapi import Dim3

from nlstm.kernels.cuda import basics, each, launch
from nlstm.kernels.cuda.arrays import DeviceArray
from nlstm.kernels.cuda.launch import SIMULATED

SECONDS = 60  # after which a block's threads wait no longer for each other


def hasten():
    """Let blocks run as this page says."""
    if not SIMULATED:
        raise RuntimeError("CUDA in the simulator wants NUMBA_ENABLE_CUDASIM=1")
    simulator.BlockManager.run = run
    simulator.BlockThread.syncthreads = meet
    simulator.FakeCUDAKernel.__call__ = launch_or_call


def hasten_each():
    """Let a function of a place run for all places of NumPy's arrays, without a launch."""
    each.Each.__call__ = run_each


def run_each(kernel, count, *arguments):
    """Run a function of a place for all places, on NumPy's arrays; fill at once."""
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
    points = list(np.ndindex(*manager._block_dim))
    if not waits(manager._f):
        own = threading.current_thread()
        own.blockIdx = Dim3(*grid_point)
        for own.thread_id, point in enumerate(points):
            own.threadIdx = Dim3(*point)
            manager._f(*arguments)
        return
    manager.barrier = threading.Barrier(len(points), timeout=SECONDS)
    threads = [
        simulator.BlockThread(lambda: manager._f(*arguments), manager, grid_point, point, False)
        for point in points
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    errors = [thread.exception for thread in threads if thread.exception]
    errors.sort(key=lambda one: isinstance(one[0], threading.BrokenBarrierError))
    for error, traceback in errors[:1]:
        raise error.with_traceback(traceback)


def meet(thread):
    """Wait until all threads of the block are here."""
    thread._manager.barrier.wait()


def _run_and_tell(thread, run=simulator.BlockThread.run):
    """Run a thread; if it fails, nobody waits for it."""
    with np.errstate(all="ignore"):
        run(thread)
    if thread.exception:
        thread._manager.barrier.abort()


simulator.BlockThread.run = _run_and_tell


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
