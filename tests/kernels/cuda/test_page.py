"""The table of docs/cuda.md is that of the code."""

from pathlib import Path

from tests.kernels.cuda.page import START, WORDS, absent, lines

PAGE = Path(__file__).resolve().parents[3] / "docs" / "cuda.md"


def test_the_table_is_up_to_date():
    table = PAGE.read_text().partition(START)[2].partition("\n## ")[0]
    assert table.strip().splitlines() == list(lines())


def test_what_is_absent_has_words():
    assert absent() <= WORDS.keys()
