"""Numbers that Keras computed, and the cases that they belong to."""

import json
from pathlib import Path

from tests.golden import cases


def rules(kind):
    """Return (case, what Keras found) for each case of a kind, such as "losses"."""
    found = json.loads(Path(__file__).with_name("rules.json").read_text(encoding="utf-8"))[kind]
    return list(zip(getattr(cases, kind.upper()), found, strict=True))
