"""Who does the work: processes of this machine, or any executor of concurrent.futures.

One's own processes have one chunk each, so that it is known whose chunk has killed one; such a
process is replaced. Other executors mend themselves, or say that they are broken.
"""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from typing import Any, Protocol

from nlstm import kernels
from nlstm.arguments.checks import WrongKind, checked_size

__all__ = ["Crew", "crew_of"]

LARGE = 1 << 20  # bytes of a job that Dask gets once, and not with each chunk
# One thread a worker; several would take the processors from the others.
ONE_THREAD = dict.fromkeys(
    ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
)
AT_START = (
    "A worker process ended before it had begun. Where the call stands in a script, put it below "
    'if __name__ == "__main__": as each worker imports the script first; its own words are above.'
)
BROKEN = (
    "The executor has lost a worker and takes no more work ({error}). What is done lies in out, "
    "if that was given: the same call with a new executor goes on. executor=None replaces workers "
    "that die."
)


class Crew(Protocol):
    """Takes calls; as many as have `room`."""

    def room(self, pending: int) -> int:
        """Return how many more calls are welcome beside those that are pending."""

    @property
    def workers(self) -> int:
        """How many calls run at once."""

    def submit(self, function: Callable[..., Any], job: bytes, *arguments: Any) -> Future[Any]:
        """Have a call made."""

    def ended(self, future: "Future[Any]", error: BaseException | None) -> None:
        """Take back who has made a call; raise where nothing more can be done."""

    def close(self, at_once: bool) -> None:
        """Let go of what was made here."""


@contextlib.contextmanager
def crew_of(executor: Any) -> Iterator[Crew]:
    """Give a crew for as long as a with statement lasts; an executor of the user's stays open."""
    if executor is not None and callable(getattr(executor, "get_executor", None)):
        executor = executor.get_executor(retries=2)  # a Client of Dask's
    crew: Crew
    if isinstance(executor, Executor):
        crew = Given(executor)
    elif executor is None or isinstance(executor, int):
        if executor is None:
            executor = kernels.load(kernels.HOST).get_num_threads()
        crew = Processes(checked_size("executor", executor))
    else:
        raise WrongKind(
            "executor must be an Executor of concurrent.futures, such as "
            f"Client(...).get_executor(), a number of processes, or None; got {executor!r}."
        )
    try:
        yield crew
    except BaseException:
        crew.close(True)
        raise
    crew.close(False)


class Given:
    """An executor of the user's."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._client = getattr(executor, "_client", None)  # Dask's
        self._sent: tuple[bytes, Any] | None = None

    @property
    def workers(self) -> int:
        """How many there are now."""
        if self._client is not None:
            return max(1, sum(self._client.ncores().values()))
        for name in ("num_workers", "_max_workers"):
            count = getattr(self._executor, name, None)
            if isinstance(count, int) and count > 0:
                return count
        return os.cpu_count() or 1

    def room(self, pending: int) -> int:
        """Return how many more: each worker finds its next chunk waiting."""
        return 2 * self.workers - pending

    def submit(self, function: Callable[..., Any], job: bytes, *arguments: Any) -> Future[Any]:
        """Submit; what is large goes to Dask's workers once."""
        if self._client is not None and len(job) > LARGE:
            if self._sent is None or self._sent[0] is not job:
                self._sent = job, self._client.scatter(job, broadcast=True)
            return self._executor.submit(function, self._sent[1], *arguments, pure=False)
        if self._client is not None:
            return self._executor.submit(function, job, *arguments, pure=False)
        try:
            return self._executor.submit(function, job, *arguments)
        except BrokenExecutor as error:
            raise RuntimeError(BROKEN.format(error=error)) from error

    def ended(self, future: "Future[Any]", error: BaseException | None) -> None:
        """Send a job anew after a loss: it may be what was lost."""
        if isinstance(error, BrokenExecutor):
            raise RuntimeError(BROKEN.format(error=error)) from error
        if error is not None:
            self._sent = None

    def close(self, at_once: bool) -> None:
        """Leave it to its owner."""


class Processes:
    """Processes of this machine that were spawned, and end with it."""

    def __init__(self, count: int) -> None:
        self.workers = count
        self._free = [Process() for _ in range(count)]
        self._busy: dict[Future[Any], Process] = {}

    def room(self, pending: int) -> int:
        """Return how many are idle."""
        return len(self._free)

    def submit(self, function: Callable[..., Any], job: bytes, *arguments: Any) -> Future[Any]:
        """Have one that is idle make a call."""
        process = self._free[-1]
        future = process.submit(function, job, *arguments)
        self._busy[future] = self._free.pop()
        return future

    def ended(self, future: "Future[Any]", error: BaseException | None) -> None:
        """Replace a process that has died."""
        process = self._busy.pop(future)
        if isinstance(error, BrokenExecutor):
            has_begun = process.has_begun
            process.stop(True)
            if not has_begun:
                raise RuntimeError(AT_START) from error
        self._free.append(process)

    def close(self, at_once: bool) -> None:
        """End them."""
        for process in [*self._free, *self._busy.values()]:
            process.stop(at_once)


class Process:
    """One process; there is none before the first call and after `stop`."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._begun: Future[Any] | None = None

    @property
    def has_begun(self) -> bool:
        """Whether it came as far as working."""
        return self._begun is not None and self._begun.done() and self._begun.exception() is None

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Have a call made; one that has died in the meantime is replaced."""
        try:
            return self._started().submit(function, *arguments)
        except BrokenExecutor:
            self.stop(True)
            return self._started().submit(function, *arguments)

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, mp_context=context)
            with _environment(ONE_THREAD), _without_interrupts():  # spawned by the first call
                self._begun = self._pool.submit(_begin)
        return self._pool

    def stop(self, at_once: bool) -> None:
        """End it, in the middle of a call if need be."""
        pool, self._pool, self._begun = self._pool, None, None
        if pool is None:
            return
        for process in list((getattr(pool, "_processes", None) or {}).values()) if at_once else []:
            process.kill()
        pool.shutdown(wait=True, cancel_futures=True)


def _begin() -> None:
    """Have this process end with its parent, even if that is killed, and by it alone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT,))
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    """Have processes that start meanwhile not hear Ctrl-C, which a terminal sends to all of them.

    They would end in the middle of their imports, each with a traceback. Here it waits.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Have variables in the environment for processes that start meanwhile."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
