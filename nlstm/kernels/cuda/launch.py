"""Launching and recording kernels: with `compiled.py` the only file that knows numba-cuda.

A `Kernel` is compiled for each kind of arguments that it gets. `Graph` records launches on the
one stream and replays them with one call of the driver.
"""

import functools
import math
import sys
import threading
import warnings
import weakref

import numpy as np

if not hasattr(np, "row_stack"):  # numba-cuda 0.30 asks for what NumPy 2.5 dropped
    setattr(np, "row_stack", np.vstack)  # noqa: B010  (a plain name would be rewritten)

with warnings.catch_warnings():  # numba-cuda 0.30 asks NumPy for units that 2.5 is about to drop
    warnings.simplefilter("ignore", DeprecationWarning)
    from numba import cuda
from numba.core import config  # noqa: E402

from nlstm.kernels.cuda.compiled import Compiled, check, kind_of  # noqa: E402

SIMULATED = bool(config.ENABLE_CUDASIM)
REGISTERS = 65536
STATIC_SHARED_BYTES = 48 * 1024

turn = threading.RLock()  # one thread at a time queues work: a recording holds nobody else's
_here = threading.local()  # whether this thread has the device's context
_shared_stream = None
_number = None  # of the GPU that this process computes on


def use(number: int) -> None:
    """Compute on a GPU from now on: a process uses one."""
    global _number
    if _number not in (None, number):
        raise RuntimeError(
            f"nlstm computes on one GPU a process, and GPU {_number} is in use; got cuda:{number}."
        )
    _number = number


def stream():
    """Return the one stream that all work is queued on."""
    global _shared_stream
    if not SIMULATED and not hasattr(_here, "ready"):
        cuda.select_device(_number or 0)
        _here.ready = True
    if _shared_stream is None:
        _shared_stream = cuda.stream()
    return _shared_stream


@functools.cache
def handle():
    """Return the stream as the driver's calls take it."""
    from cuda.bindings import driver

    found = stream().handle
    return driver.CUstream(int(getattr(found, "value", found)))


def free_memory() -> int:
    """Return how many bytes of the device's memory nobody has."""
    if SIMULATED:
        return 1 << 36
    stream()
    return cuda.current_context().get_memory_info().free


def synchronize() -> None:
    """Wait until all queued work is done."""
    stream().synchronize()


def recover() -> None:
    """Open the compiler's lock, which an interrupt may have left closed behind this thread."""
    module = sys.modules.get("numba.cuda.core.compiler_lock")
    lock = getattr(getattr(module, "global_compiler_lock", None), "_lock", None)
    while lock is not None and lock._is_owned():
        lock.release()


@functools.cache
def processors() -> int:
    """Return how many multiprocessors the device has."""
    stream()
    return 2 if SIMULATED else cuda.get_current_device().MULTIPROCESSOR_COUNT


@functools.cache
def shared_memory() -> int:
    """Return how much shared memory a block may have."""
    if SIMULATED:
        return 227 * 1024
    stream()
    return cuda.get_current_device().MAX_SHARED_MEMORY_PER_BLOCK_OPTIN


def device_function(function):
    """Compile a function that kernels call."""
    return cuda.jit(device=True)(function)


def quick_exponential_and_ratio(dtype):
    """Return exp and division for where an error of a few units in the last place will do.

    float32 has instructions for both; float64 and the simulator take the usual ones.
    """
    if SIMULATED:
        return math.exp, lambda a, b: a / b
    if np.dtype(dtype) != np.float32:
        return device_function(lambda z: math.exp(z)), device_function(lambda a, b: a / b)
    from numba.cuda import libdevice

    return (
        device_function(lambda z: libdevice.fast_expf(z)),
        device_function(lambda a, b: libdevice.fast_fdividef(a, b)),
    )


def registers_of(threads: int, blocks: int = 1) -> int:
    """Return the most registers a thread may have for blocks of `threads` to start together."""
    warps = -(-threads // 32) * blocks
    return min(255, REGISTERS // (32 * warps) // 8 * 8)


class Kernel:
    """A kernel, its block's size and shared memory; compiled for each kind of arguments.

    Parameters
    ----------
    function : callable. The Python function.
    threads : int. Threads of a block.
    shared_bytes : int. Dynamic shared memory of a block.
    blocks : int. Blocks that a multiprocessor should hold at once.
    """

    together = False  # whether blocks wait for each other

    def __init__(self, function, threads: int, shared_bytes: int = 0, blocks: int = 1):
        self.function = function
        self.threads = threads
        self.shared_bytes = shared_bytes
        self.max_registers = registers_of(threads, blocks)
        self._ready = {}

    def __call__(self, grid, *arguments) -> None:
        """Queue one launch of `grid` blocks; the first call compiles."""
        kind = tuple(map(kind_of, arguments))
        with turn:
            ready = self._ready.get(kind)
            if ready is None:
                ready = self._ready[kind] = self._compile(kind)
            if Preparing.on:
                take_memory(arguments)
                return
            if SIMULATED:
                if not recorded(self._simulate, ready, grid, raw(arguments)):
                    self._simulate(ready, grid, raw(arguments))
            else:
                stream()
                shape = grid, self.threads, self.shared_bytes
                ready.launch(*shape, handle(), self.together, arguments)

    def _simulate(self, ready, grid, arguments):
        ready[grid, self.threads, stream(), self.shared_bytes](*arguments)

    def _compile(self, kind):
        if SIMULATED:
            return cuda.jit(self.function)
        stream()
        capability = tuple(cuda.get_current_device().compute_capability)
        return Compiled(self.function, kind, self.max_registers, self.shared_bytes, capability)


def take_memory(argument) -> None:
    """Let arrays take their memory, as later, when a graph is recorded, they could not."""
    if isinstance(argument, tuple):
        for one in argument:
            take_memory(one)
    elif hasattr(argument, "block"):
        argument.block.bytes  # noqa: B018, which takes it


class Recording:
    """Whether a graph is recorded, and where the simulator writes launches down instead."""

    on = False
    into: list | None = None


def recorded(function, *arguments) -> bool:
    """Whether a graph is being recorded in the simulator: then a launch is written down for it."""
    if Recording.into is None:
        return False
    Recording.into.append((function, arguments))
    return True


class Preparing:
    """Whether kernels are only compiled, and not launched."""

    on = False


def prepare(calls) -> None:
    """Compile what calls, which queue kernels and do nothing else, will launch."""
    with turn:
        Preparing.on = True
        try:
            for function, arguments in calls:
                function(*arguments)
        finally:
            Preparing.on = False


def raw(argument):
    """Return arrays as the simulator has them."""
    return (
        tuple(map(raw, argument))
        if isinstance(argument, tuple)
        else (getattr(argument, "raw", argument))
    )


class Graph:
    """Launches recorded once and replayed together.

    Parameters
    ----------
    calls : sequence of (callable, *arguments). Each queues launches on the stream; each must have
        run before, so that nothing is compiled while recording.
    """

    def __init__(self, calls):
        self.calls = list(calls)
        self.nodes = len(self.calls)
        with turn:
            try:
                if SIMULATED:
                    self._write_down()
                else:
                    _destroy_dead()
                    with cuda.defer_cleanup():
                        self._record()
            finally:
                Recording.on, Recording.into = False, None

    def _write_down(self):
        Recording.on, self._launches = True, []
        Recording.into = self._launches
        for function, *arguments in self.calls:
            function(*arguments)

    def _record(self):
        from cuda.bindings import driver

        self._driver, self._stream = driver, handle()
        relaxed = driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED
        check(driver.cuStreamBeginCapture(self._stream, relaxed)[0])
        Recording.on = True
        try:
            for function, *arguments in self.calls:
                function(*arguments)
        finally:
            error, graph = driver.cuStreamEndCapture(self._stream)
        check(error)
        self._graph = graph
        error, self._ready = driver.cuGraphInstantiate(graph, 0)
        check(error)
        # Not at once: Python may collect it while another is recorded, or while it still runs.
        gone = weakref.finalize(self, _dead.append, (self._ready, graph))
        gone.atexit = False

    def replay(self) -> None:
        """Queue all recorded launches."""
        if SIMULATED:
            for launch, arguments in self._launches:
                launch(*arguments)
        else:
            with turn:
                if not hasattr(_here, "ready"):
                    stream()
                check(self._driver.cuGraphLaunch(self._ready, self._stream)[0])


_dead: list[tuple] = []  # what graphs that are no more have left


def _destroy_dead():
    if _dead:
        from cuda.bindings import driver

        synchronize()
        while _dead:
            ready, graph = _dead.pop()
            check(driver.cuGraphExecDestroy(ready)[0])
            check(driver.cuGraphDestroy(graph)[0])


if SIMULATED:
    # The simulator refuses alignments, which the compiler needs to make four loads one.
    from numba.cuda.simulator import kernelapi

    def _shared_array(self, shape, dtype, alignment=None, _array=kernelapi.FakeCUDAShared.array):
        import sys

        dtype = np.dtype(getattr(dtype, "name", dtype))
        if shape == 0:
            count = self._dynshared_size // dtype.itemsize
            return np.frombuffer(self._dynshared.data, dtype=dtype, count=count)
        frame = sys._getframe(1)
        place = (frame.f_code.co_filename, frame.f_lineno)
        return self._allocations.setdefault(place, np.empty(shape, dtype))

    kernelapi.FakeCUDAShared.array = _shared_array
