"""Programs: calls that are recorded once as graphs, and replayed."""

from nlstm.kernels.cuda.launch import Graph, prepare

__all__ = ["Branch", "Program", "Queued", "queued"]


class Queued:
    """A function that queues work on the device, and does nothing else."""

    __slots__ = ("function",)

    def __init__(self, function):
        self.function = function

    def __call__(self, *arguments):
        return queued(self.function(*arguments))


def queued(found):
    """Return what a kernel, or a factory of kernels, gave, with functions as `Queued`."""
    if isinstance(found, tuple):
        return tuple(queued(one) for one in found)
    return Queued(found) if callable(found) else found


class Program:
    """Calls in order: those that only queue work become graphs, at the second run.

    The first run compiles what has to be, which cannot be recorded. `whole` comes last, and is one
    launch from the first run on: no interrupt falls into it.
    """

    records = True

    def __init__(self, calls, whole=()):
        self._calls, self._whole = list(calls), laid_out(list(whole))
        self._ran = False
        self._pieces = []

    def __call__(self):
        """Run all calls."""
        if self._pieces:
            for piece in self._pieces:
                piece()
        elif not self.records:
            run(self._calls)
            run(self._whole)
        elif self._ran:
            pieces = list(_recorded([*self._calls, *self._whole]))
            for piece in pieces:
                piece()
            self._pieces = pieces
        else:
            run(self._calls)
            prepare(call for call in self._whole if isinstance(call[0], Queued))
            pieces = list(_recorded(self._whole))
            for piece in pieces:
                piece()
            self._ran = True
            if not self._calls:
                self._pieces = pieces


def run(calls):
    """Run calls one by one."""
    for function, arguments in calls:
        function(*arguments)


def _recorded(calls):
    """Give what runs the calls: graphs, and between them calls of the host."""
    together = []
    for function, arguments in calls:
        if isinstance(function, Queued):
            together.append((function, *arguments))
            continue
        if together:
            yield Graph(together).replay
            together = []
        yield lambda function=function, arguments=arguments: function(*arguments)
    if together:
        yield Graph(together).replay


class Branch:
    """One of several lists of calls, each of them whole."""

    def __init__(self, choose, ways):
        self.choose, self.ways = choose, ways
        self._programs = [Program((), way) for way in ways]

    def __call__(self):
        """Run the way that is chosen now."""
        self._programs[self.choose()]()


def laid_out(calls):
    """Return calls with a branch among them as one branch, what stands around it in all its ways.

    So that it runs with the branch, or not at all. One branch is all there is.
    """
    for place, (branch, _) in enumerate(calls):
        if isinstance(branch, Branch) and len(calls) > 1:
            before, after = calls[:place], calls[place + 1 :]
            return [(Branch(branch.choose, [[*before, *way, *after] for way in branch.ways]), ())]
    return calls
