"""Tables in Markdown, and the places in documents that are filled by a command."""

import re
from pathlib import Path


def number(value: float) -> str:
    """Write three significant digits; never an exponent for what a table shows."""
    return f"{value:.3g}" if abs(value) < 999.5 else f"{value:.0f}"


def table(rows: list[list[str]]) -> str:
    """Lay out rows of cells, the first the header; all but the first column to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    rule = ["-" * widths[0]] + ["-" * (width - 1) + ":" for width in widths[1:]]
    head, *body = (
        [row[0].ljust(widths[0])] + [c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)]
        for row in rows
    )
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, rule, *body])


def fill(document: Path, name: str, text: str) -> None:
    """Replace what stands between ``<!-- name -->`` and ``<!-- end of name -->``."""
    before = document.read_text(encoding="utf-8")
    start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    pattern = re.compile(f"{re.escape(start)}\n.*?{re.escape(end)}", re.DOTALL)
    if len(pattern.findall(before)) != 1:
        raise ValueError(f"{document} must hold '{start}' and '{end}' once, each on its own line.")
    # A function, as the text may hold backslashes.
    after = pattern.sub(lambda _: f"{start}\n{text.strip()}\n{end}", before)
    document.write_text(after, encoding="utf-8")
