"""Prints the table of counts after drills that were done whole."""

from tests.drills.counts import WHOLE, table


def pytest_terminal_summary(terminalreporter):
    if WHOLE:
        terminalreporter.section("drills")
        for line in table():
            terminalreporter.write_line(line)
