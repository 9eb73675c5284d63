"""Text for standard output, whatever that can show."""

import os
import sys
from collections.abc import Sequence
from typing import Any

from nlstm.arguments.shown import cells

__all__ = ["COLUMNS", "folded", "is_live", "printable", "say", "shows", "width"]

COLUMNS = 80  # of a terminal that does not say
NOTEBOOK_COLUMNS = 100
INDENT = "    "


def is_live() -> bool:
    """Whether a line can be drawn again: on a terminal, or in a notebook that somebody looks at."""
    if _in_notebook():
        return _is_watched()
    return _on_terminal() and os.environ.get("TERM") != "dumb"


def width() -> int | None:
    """Return the columns of standard output; None where a line may be of any length."""
    if _on_terminal():
        return _columns()
    return NOTEBOOK_COLUMNS if is_live() else None


def _columns() -> int:
    try:  # as shutil.get_terminal_size, which asks about another stream
        told = int(os.environ.get("COLUMNS", 0))
    except ValueError:
        told = 0
    if told < 1:
        try:
            told = os.get_terminal_size(sys.stdout.fileno()).columns
        except (AttributeError, ValueError, OSError):
            told = 0
    return told if told > 0 else COLUMNS


def _on_terminal() -> bool:
    try:
        return bool(sys.stdout.isatty())
    except (AttributeError, ValueError):  # there is none, or it is closed
        return False


def _in_notebook() -> bool:
    return type(sys.stdout).__module__.startswith("ipykernel")


def _is_watched() -> bool:
    """Whether a notebook's front-end can ask its user something.

    What runs a notebook from beginning to end cannot, and keeps every redraw in the file.
    """
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    kernel = getattr(shell, "kernel", None)
    parent: dict[str, Any] = getattr(kernel, "get_parent", dict)()
    return bool(parent.get("content", {}).get("allow_stdin", True))


def folded(parts: Sequence[str], columns: int | None) -> str:
    """Join parts by " - "; a part that does not fit behind the others begins a line."""
    lines = [parts[0]]
    for part in parts[1:]:
        longer = f"{lines[-1]} - {part}"
        if columns is None or cells(longer) < columns:
            lines[-1] = longer
        else:
            lines.append(INDENT + part)
    return "\n".join(lines)


def shows(text: str, stream: Any = None) -> bool:
    """Whether a stream, standard output by default, has all characters of `text`."""
    try:
        text.encode(_encoding(stream))
    except UnicodeEncodeError:
        return False
    return True


def printable(text: str, stream: Any = None) -> str:
    r"""Return `text` with what the stream cannot show in the form of "\xe9"."""
    encoding = _encoding(stream)
    return text.encode(encoding, "backslashreplace").decode(encoding)


def say(text: str, flush: bool = False) -> None:
    """Print a line."""
    print(printable(text), flush=flush and hasattr(sys.stdout, "flush"))


def _encoding(stream: Any) -> str:
    found = getattr(stream or sys.stdout, "encoding", None)
    return found if isinstance(found, str) else "utf-8"
