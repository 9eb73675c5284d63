"""Kernels that do one thing for each of many places: a thread a place."""

from nlstm.kernels.cuda.launch import SIMULATED, Kernel, cuda, device_function

THREADS = 8 if SIMULATED else 128


class Each:
    """A function of (place, *arguments) as a kernel; called with how many places there are.

    Arrays and numbers only: what is absent is left out, by another function.
    """

    def __init__(self, function):
        self.function = function
        body = function if SIMULATED else device_function(function)
        threads = THREADS

        def kernel(count, arguments):
            at = cuda.blockIdx.x * threads + cuda.threadIdx.x
            if at < count:
                body(at, *arguments)

        self._kernel = Kernel(kernel, threads)

    def __call__(self, count: int, *arguments) -> None:
        """Queue function(place, *arguments) for the places 0..count."""
        if count:
            self._kernel(-(-count // THREADS), count, arguments)


def each(function) -> Each:
    """Compile a function of (place, *arguments) where it is first called."""
    return Each(function)
