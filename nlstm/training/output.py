"""Text for standard output, whatever that can show."""

import sys
from typing import Any

__all__ = ["printable", "say", "shows"]


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
    print(printable(text), flush=flush)


def _encoding(stream: Any) -> str:
    found = getattr(stream or sys.stdout, "encoding", None)
    return found if isinstance(found, str) else "utf-8"
