"""The fenced blocks of a page: its Python, run in order in one namespace, and what it shows of it.

A ```text block straight after a ```python block is what that one prints. Words must be equal,
``...`` stands for anything within a line. Numbers with a point may be off by a tenth of the block's
largest such number: another processor rounds otherwise. A block that begins with ``# Not run here:
reason`` is not run.

    python -m tests.docs.blocks docs/guides/your_own.md

prints what each block prints.
"""

import contextlib
import io
import re
import sys
from pathlib import Path
from typing import NamedTuple

FENCE = re.compile(r"^```(python|text)\n(.*?)^```\n(?=\n*(?:```text\n(.*?)^```)?)", re.M | re.S)
NOT_RUN = re.compile(r"# Not run here: \w.*")
NUMBER = re.compile(r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")
ALLOWED = 0.1


class Block(NamedTuple):
    line: int
    code: str
    shown: str | None

    @property
    def is_run(self) -> bool:
        return NOT_RUN.match(self.code) is None


def blocks_of(text: str) -> list[Block]:
    """List the blocks of Python of a page."""
    return [
        Block(text[: found.start()].count("\n") + 2, found[2], found[3])
        for found in FENCE.finditer(text)
        if found[1] == "python"
    ]


def printed_by(block: Block, page: str, namespace: dict) -> str:
    """Run a block; lines of tracebacks are those of the page."""
    code = compile("\n" * (block.line - 1) + block.code, page, "exec")
    written = io.StringIO()
    with contextlib.redirect_stdout(written):
        exec(code, namespace)
    return written.getvalue()


def is_like(printed: str, shown: str) -> bool:
    """Whether a page shows what was printed."""
    found, expected = printed.strip().split("\n"), shown.strip().split("\n")
    largest = max((abs(float(one)) for one in NUMBER.findall(shown) if "." in one), default=0.0)
    return len(found) == len(expected) and all(
        _line_is_like(*lines, ALLOWED * largest) for lines in zip(found, expected)
    )


def _line_is_like(found: str, expected: str, allowed: float) -> bool:
    words, numbers = _apart(expected)
    pattern = re.escape(words).replace(re.escape("..."), ".*")
    if not re.fullmatch(pattern, _apart(found)[0]):
        return False
    return "..." in expected or all(
        one == other or ("." in other and abs(float(one) - float(other)) <= allowed)
        for one, other in zip(_apart(found)[1], numbers)
    )


def _apart(line: str) -> tuple[str, list[str]]:
    """Return a line with # for its numbers and single spaces, and the numbers."""
    return " ".join(NUMBER.sub("#", line).split()), NUMBER.findall(line)


def main(path: str) -> None:
    namespace = {"__name__": "__main__"}
    for block in filter(lambda block: block.is_run, blocks_of(Path(path).read_text("utf-8"))):
        print(f"--- line {block.line}")
        print(printed_by(block, path, namespace), end="")


if __name__ == "__main__":
    main(sys.argv[1])
