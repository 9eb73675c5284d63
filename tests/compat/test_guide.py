"""The code of the guide runs as it stands."""

import re
from pathlib import Path

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "coming_from_keras.md"


def test_code_blocks_run():
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.S)
    assert len(blocks) == 2
    for block in blocks:
        exec(block, {})
