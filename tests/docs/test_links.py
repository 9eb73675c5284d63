"""Links from page to page lead somewhere in a plain browser of the repository too."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILT = {"_build", "generated"}
PAGES = [
    path.relative_to(ROOT).as_posix()
    for path in [*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md"))]
    if not BUILT & set(path.parts)
]
LINK = re.compile(r"\]\((?!\w+:)([^)#\s]*)#?([^)\s]*)\)")


def anchors_of(text):
    """Return the anchors that browsers and Sphinx give to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w -]", "", one).strip().lower().replace(" ", "-") for one in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```|`[^`\n]+`", "", text, flags=re.M | re.S)
    for place, anchor in LINK.findall(text):
        target = (ROOT / page).parent / place if place else ROOT / page
        assert target.exists(), f"{page} links to {place}"
        if anchor:
            assert anchor in anchors_of(target.read_text(encoding="utf-8")), f"{place}#{anchor}"


def test_every_page_of_docs_is_in_a_contents_list():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8").split()
    index += [f"api/{one}" for one in (ROOT / "docs/api/index.rst").read_text("utf-8").split()]
    pages = {page.removeprefix("docs/").removesuffix(".md") for page in PAGES if "docs/" in page}
    assert pages - {"index"} <= set(index)


def test_pages_are_found():
    assert {"README.md", "docs/index.md", "docs/guides/first_forecast.md"} <= set(PAGES)
    assert LINK.findall("[a](b.md#c) [d](https://e) [f](#g)") == [("b.md", "c"), ("", "g")]
    assert anchors_of("# It's `a` b\n") == {"its-a-b"}
