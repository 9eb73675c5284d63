"""`python -m nlstm run script.py`: as `python script.py`, with nlstm in the place of Keras."""

import io
import os
import sys
from collections.abc import Sequence
from importlib.machinery import SourceFileLoader
from types import ModuleType, TracebackType
from typing import Any

from nlstm import compat

__all__ = ["run"]


def run(script: str, arguments: Sequence[str] = ()) -> None:
    """Run a script as the program of this process.

    Parameters
    ----------
    script : str
        A file of Python code.
    arguments : sequence of str
        Its command line.

    Notes
    -----
    As Python does it: `sys.argv`, `sys.path[0]`, `__file__`, `__main__`, tracebacks that begin in
    the script, and the exit code. Processes that the script starts import what is installed.

    Raises
    ------
    SystemExit
        The script cannot be read, or ends by it.
    """
    path = os.path.abspath(script)
    try:
        with io.open_code(path) as file:
            source = file.read()
    except OSError as error:
        print(f"python -m nlstm run: can't open {script!r}: {error.strerror}", file=sys.stderr)
        raise SystemExit(2) from None
    compat.install()
    sys.argv[:] = [script, *arguments]
    if not sys.flags.safe_path:
        sys.path[0] = os.path.dirname(os.path.realpath(path))
    main = ModuleType("__main__")
    main.__dict__.update(
        __file__=path, __loader__=SourceFileLoader("__main__", path), __builtins__=__builtins__
    )
    sys.modules["__main__"] = main
    try:
        exec(compile(source, path, "exec", dont_inherit=True), main.__dict__)
    except BaseException as error:
        _begin_traceback(error, path)
        raise


def _begin_traceback(error: BaseException, path: str) -> None:
    """Let the traceback that Python prints begin in the script."""
    inner = error.__traceback__
    while inner is not None and inner.tb_frame.f_code.co_filename != path:
        inner = inner.tb_next
    shown = sys.excepthook

    def hook(kind: type[BaseException], value: BaseException, trace: TracebackType | None) -> Any:
        if value is error:
            value.__traceback__ = trace = inner
        shown(kind, value, trace)

    sys.excepthook = hook
