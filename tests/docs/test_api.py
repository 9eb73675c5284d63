"""Every public name stands on a page of the API, and nothing else does."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "api").glob("*.rst"))
# Rooms that users do not import. A new room is taken for one that they do.
INNER = set("arguments commands data demo files kernels network plan training __main__".split())
# Its library is not among what tests and pages are made with: tests/torch looks at its page.
ELSEWHERE = {"torch"}
# What users hold and do not import: it is on a page without being a name of a public room.
HELD = {"nlstm.network.stream.Stream", "nlstm.windows.side.Side"}


def rooms():
    """Yield the public modules: rooms, and the modules that these name in `__all__`."""
    waiting = [
        f"nlstm.{path.stem}"
        for path in sorted((ROOT / "nlstm").iterdir())
        if path.stem not in INNER | ELSEWHERE | {"__init__", "__pycache__", "py"}
        if path.suffix == ".py" or (path / "__init__.py").exists()
    ]
    while waiting:
        room = importlib.import_module(waiting.pop())
        yield room
        waiting += [
            f"{room.__name__}.{name}" for name in names_of(room) if is_module(getattr(room, name))
        ]


def is_module(thing):
    return inspect.ismodule(thing)


def names_of(room):
    written = [name for name in vars(room) if not name.startswith("_")]
    return getattr(room, "__all__", None) or [n for n in written if not is_module(vars(room)[n])]


def public_names():
    top = importlib.import_module("nlstm")
    return {
        f"{room.__name__}.{name}"
        for room in [top, *rooms()]
        for name in names_of(room)
        if not is_module(getattr(room, name))
    }


def listed_in(text):
    """Return the names that a page documents, and those that it calls another name of one."""
    module, listed, others, in_table = "", set(), {}, False
    for line in text.splitlines():
        if found := re.match(r"\.\. (?:current)?module:: (\S+)", line):
            module = found[1]
        elif found := re.match(r"\.\. auto(?:function|class):: (\S+)", line):
            listed.add(f"{module}.{found[1]}")
        elif found := re.match(r"- ``(\S+)`` is :py:obj:`(\S+)`", line):
            others[found[1]] = found[2]
        elif in_table and (found := re.fullmatch(r"   (\w+)", line)):
            listed.add(f"{module}.{found[1]}")
        if line and not line.startswith("   "):
            in_table = line == ".. autosummary::"
    return listed, others


def listed_names():
    listed, others = set(), {}
    for page in PAGES:
        found = listed_in(page.read_text(encoding="utf-8"))
        listed |= found[0]
        others |= found[1]
    return listed, others


def thing(name):
    module, _, last = name.rpartition(".")
    return getattr(importlib.import_module(module), last)


def test_every_public_name_is_on_a_page():
    listed, others = listed_names()
    missing = sorted(public_names() - listed - others.keys())
    assert not missing, f"add to the room's page in docs/api: {', '.join(missing)}"


def test_pages_name_nothing_else():
    listed, others = listed_names()
    assert listed | others.keys() <= public_names() | HELD
    assert not listed & others.keys()


@pytest.mark.parametrize("name, other", sorted(listed_names()[1].items()))
def test_second_names_are_the_same_thing(name, other):
    assert other in listed_names()[0]
    assert thing(name) is thing(other)


def test_nothing_is_listed_twice():
    names = {}
    for name in sorted(listed_names()[0]):
        names.setdefault(id(thing(name)), []).append(name)
    assert [twice for twice in names.values() if len(twice) > 1] == []


def test_what_is_listed_has_a_docstring():
    assert [name for name in sorted(listed_names()[0]) if not inspect.getdoc(thing(name))] == []


def test_every_page_is_in_the_index():
    index = (ROOT / "docs" / "api" / "index.rst").read_text(encoding="utf-8").split()
    assert {page.stem for page in PAGES} - {"index"} <= set(index)


def test_reading_a_page():
    text = (
        ".. module:: m\n\nA\n-\n\n.. autosummary::\n   :toctree: generated\n\n   B\n   C\n\nD\n\n"
        "   no\n.. currentmodule:: n\n\n.. autofunction:: e\n- ``m.f`` is :py:obj:`n.e`\n"
    )
    assert listed_in(text) == ({"m.B", "m.C", "n.e"}, {"m.f": "n.e"})
