"""How things are shown in notebooks: small tables that need nothing from elsewhere."""

import math
from collections.abc import Sequence
from html import escape

__all__ = ["as_html", "curve"]

MOST = 40  # rows of a table
WIDE, HIGH = 120, 24  # of a curve, in pixels


def as_html(
    title: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    below: Sequence[str] = (),
    curves: Sequence[str] = (),
) -> str:
    """Return a table of texts, all of them escaped.

    Parameters
    ----------
    title : str
    header : sequence of str
        Of the columns; may be empty.
    rows : sequence of sequences of str
    below : sequence of str
        Lines below the table.
    curves : sequence of str
        What `curve` gave, one for each row: its last cell.
    """
    heads = "".join(f"<th>{escape(one)}</th>" for one in header)
    lines = [f"<tr>{heads}</tr>"] if header else []
    for number, row in enumerate(rows[:MOST]):
        drawn = f"<td>{curves[number]}</td>" if curves else ""
        lines.append(f"<tr>{''.join(f'<td>{escape(one)}</td>' for one in row)}{drawn}</tr>")
    more = [f"and {len(rows) - MOST} more"] if len(rows) > MOST else []
    notes = "<br>".join(escape(one) for one in [*more, *below])
    return (
        f"<div><b>{escape(title)}</b><table>{''.join(lines)}</table>"
        + (f"<small>{notes}</small>" if notes else "")
        + "</div>"
    )


def curve(values: Sequence[float]) -> str:
    """Return a small picture of numbers, as SVG; nothing where there are fewer than two."""
    known = [(place, one) for place, one in enumerate(values) if math.isfinite(one)]
    if len(known) < 2:
        return ""
    low, high = min(one for _, one in known), max(one for _, one in known)
    step = max(1, len(known) // WIDE)
    span = (high - low) or 1.0
    points = " ".join(
        f"{place * (WIDE - 2) / (len(values) - 1) + 1:.1f},"
        f"{(HIGH - 3) * (high - one) / span + 1.5:.1f}"
        for place, one in [*known[:-1:step], known[-1]]
    )
    return (
        f'<svg width="{WIDE}" height="{HIGH}"><polyline points="{points}" fill="none" '
        'stroke="#0072B2" stroke-width="1.5"/></svg>'
    )
