"""How often a drill is done, what went wrong, and the table of it all.

`make drills` does the drills whole; among the other tests they are small.
"""

import os

__all__ = ["WHOLE", "Drill", "table", "times"]

WHOLE = os.environ.get("NLSTM_DRILLS") == "whole"
SHOWN = 5  # of what went wrong, in the error

_drills: list["Drill"] = []


def times(small, whole):
    """Return how often to do a thing."""
    return whole if WHOLE else small


class Drill:
    """Counts what is looked at inside a with statement; it ends in an error if any was wrong."""

    def __init__(self, name):
        self.name, self.done, self.wrong, self.notes = name, 0, [], {}

    def __enter__(self):
        _drills.append(self)
        return self

    def check(self, right, what):
        """Count one more, right or wrong."""
        self.done += 1
        if not right:
            self.wrong.append(what)

    def note(self, what, more=1):
        """Count something that is neither right nor wrong."""
        self.notes[what] = self.notes.get(what, 0) + more

    def __exit__(self, kind, *error):
        if kind is None:
            assert self.done, f"{self.name}: nothing was done"
            assert not self.wrong, f"{len(self.wrong)} of {self.done}: {self.wrong[:SHOWN]}"


def table():
    """Return the lines of the table: drill, how often, how often wrong, and what else was seen."""
    rows = [("drill", "done", "wrong", "of these")]
    for one in _drills:
        notes = ", ".join(f"{number} {what}" for what, number in one.notes.items())
        rows.append((one.name, f"{one.done}", f"{len(one.wrong)}", notes))
    widths = [max(map(len, column)) for column in zip(*rows)]
    rows.insert(1, tuple("-" * width for width in widths))
    return [f"| {' | '.join(map(str.ljust, row, widths))} |" for row in rows]
