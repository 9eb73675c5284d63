"""docs/keras.md is what its command writes."""

from pathlib import Path

from tests.parity import peers  # noqa: F401  skips without the peers

DOCUMENT = Path(__file__).parents[2] / "docs" / "keras.md"


def test_the_table_is_up_to_date():
    from tests.parity.table import page

    found = DOCUMENT.read_text(encoding="utf-8")
    assert found == page(), "run: python -m tests.parity.table > docs/keras.md"
