"""The options of a command, and how one ends that cannot go on."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

__all__ = ["Words", "Wrong", "told"]


class Wrong(ValueError):
    """What a command cannot do, in words for whoever called it."""


class Words(argparse.ArgumentParser):
    """The options of one command; what is wrong with them takes one line."""

    def __init__(self, command: str, description: str) -> None:
        super().__init__(prog=f"python -m nlstm {command}", description=description)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and where help is."""
        print(f"{self.prog}: {message} (--help lists the options)", file=sys.stderr)
        raise SystemExit(2)


@contextmanager
def told(command: str) -> Iterator[None]:
    """Turn an error about files or data into a line on stderr and the exit status 1."""
    try:
        yield
    except (Wrong, ValueError, TypeError, ImportError) as error:
        text = str(error)
    except BrokenPipeError:
        raise
    except OSError as error:
        text = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    else:
        return
    print(f"python -m nlstm {command}: {text}", file=sys.stderr)
    raise SystemExit(1)
