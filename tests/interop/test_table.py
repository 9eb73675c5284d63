"""docs/interop.md is what the tables say."""

from pathlib import Path

import pytest

pytest.importorskip("onnx")
from tests.interop.table import page  # noqa: E402  (nodes are written)

DOCS = Path(__file__).parents[2] / "docs" / "interop.md"


def test_the_page_is_what_the_command_writes():
    text = DOCS.read_text(encoding="utf-8")
    assert text == page() + "\n", "python -m tests.interop.table > docs/interop.md"
