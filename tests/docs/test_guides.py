"""The code of README and of the pages in docs runs as it stands, and prints what they show."""

from pathlib import Path

import numpy as np
import pytest

import nlstm
from nlstm.layers import LSTM, Dense
from tests.docs.blocks import Block, blocks_of, is_like, printed_by

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    name
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    if "_build" not in (name := path.relative_to(ROOT).as_posix())
    and blocks_of(path.read_text(encoding="utf-8"))
]
GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))
# Blocks that are shown and not run, by page; each says why in its first line.
NOT_RUN = {
    "README.md": 1,
    "docs/cuda.md": 1,
    "docs/interop.md": 1,
    "docs/machines.md": 2,
    "docs/guides/coming_from_pytorch.md": 1,
    "docs/guides/neighbours.md": 1,
}
# What takes longer than a test may.
SHORTENED = {
    "README.md": [
        ("epochs=100", "epochs=2"),
        ('{"units": [16, 32, 64]}, n_jobs=2', '{"epochs": [1]}'),
    ]
}
# What a page needs beside what tests need.
NEEDED = {"docs/gallery.md": "matplotlib"}
# What a page leaves to the reader.
GIVEN = {
    "README.md": {
        "x_t": np.zeros(10),
        "X": np.random.default_rng(0).random((20, 4, 2)),
        "y": np.arange(20) % 2,
    }
}


def a_file_of_keras():
    """Write what somebody's Keras would have left."""
    model = nlstm.Sequential([nlstm.Input((20, 10)), LSTM(3), Dense(1)])
    model.save("lstm_model.h5")


PREPARED = {"README.md": a_file_of_keras}


def read(page: str) -> list[Block]:
    text = (ROOT / page).read_text(encoding="utf-8")
    for long, short in SHORTENED.get(page, ()):
        assert long in text
        text = text.replace(long, short)
    return blocks_of(text)


@pytest.mark.parametrize("page", PAGES)
def test_code_runs_and_prints_what_is_shown(page, tmp_path, monkeypatch):
    if page in NEEDED:
        pytest.importorskip(NEEDED[page])
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__main__", **GIVEN.get(page, {})}
    PREPARED.get(page, lambda: None)()
    for block in read(page):
        if block.is_run:
            printed = printed_by(block, str(ROOT / page), namespace)
            if block.shown is not None:
                where = f"{page}:{block.line} prints\n{printed}"
                assert is_like(printed, block.shown), where


def test_blocks_that_are_not_run_are_counted():
    counts = {page: sum(not block.is_run for block in read(page)) for page in PAGES}
    assert {page: count for page, count in counts.items() if count} == NOT_RUN


def test_every_guide_has_code():
    assert len(GUIDES) > 5
    assert {path.relative_to(ROOT).as_posix() for path in GUIDES} <= set(PAGES)


def test_fences_are_python_or_text():
    """A block in another dress would not be looked at."""
    for path in GUIDES:
        fences = [line for line in path.read_text("utf-8").splitlines() if line.startswith("```")]
        assert set(fences) <= {"```python", "```text", "```"}, path


@pytest.mark.parametrize(
    "printed, shown, alike",
    [
        ("a 1.00 b\n", "a 1.05 b", True),
        ("a 1.00 b\n", "a 1.2 b", False),
        ("a 1 b\n", "a 1 c", False),
        ("5.3\n28.4\n", "5.9\n28.0", True),
        ("5.3\n8.4\n", "6.9\n8.4", False),
        ("2016-01-01\n", "2016-01-02", False),
        ("a\n", "a\nb", False),
        ("took 3 s\n", "took ...", True),
        ("x   1\n", "x 1", True),
        ("(6, 3)\n", "(6, 2)", False),
        ("-1\n", "1", False),
    ],
)
def test_what_is_like(printed, shown, alike):
    assert is_like(printed, shown) is alike


def test_blocks_of_a_page():
    run = "```python\na = 1\n```\n\n```text\nout\n```\n"
    page = f"# T\n\n{run}\nb\n\n```python\n# Not run here: x\n```\n"
    first, second = blocks_of(page)
    assert (first.line, first.code, first.shown, first.is_run) == (4, "a = 1\n", "out\n", True)
    assert (second.shown, second.is_run) == (None, False)
