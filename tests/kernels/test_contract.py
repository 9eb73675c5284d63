"""The page of the contract and what the CPU's kernels export say the same."""

import ast
import re
from pathlib import Path

import pytest

KERNELS = Path(__file__).resolve().parents[2] / "nlstm" / "kernels"
WITHIN = {"Words"}  # what `nlstm.kernels.load` makes its operations with


def exported(source):
    """Return the public names that a file imports."""
    names = {
        alias.asname or alias.name
        for node in ast.parse(source).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    return {name for name in names if not name.startswith("_")} - WITHIN


def described(source):
    """Return the names that the page's list of kernels begins its ``quotations`` with."""
    page = ast.get_docstring(ast.parse(source))
    operations = page[page.index("Kernels are attributes of") :].partition("\n\n")[2]
    return set(re.findall(r"``(\w+)[^`]*``", operations))


def differences(page, exports):
    """List what one side has and the other has not."""
    page, exports = described(page), exported(exports)
    return sorted(f"only on the page: {name}" for name in page - exports) + sorted(
        f"only exported: {name}" for name in exports - page
    )


def test_page_and_exports_agree():
    page, exports = ((KERNELS / name).read_text() for name in ("__init__.py", "cpu/__init__.py"))
    assert differences(page, exports) == []


@pytest.mark.parametrize(
    "page, exports, fault",
    [
        ("``a(x)``, ``b``", "from m import a as a", ["only on the page: b"]),
        ("``a(x) -> c, d``", "from m import a as a\nfrom m import b as b", ["only exported: b"]),
        ("``a``", "from m import a as a\nfrom m import Words as Words", []),
    ],
)
def test_a_surplus_on_either_side_is_found(page, exports, fault):
    assert differences(f'"""P.\n\nKernels are attributes of x\n\n* {page}\n"""', exports) == fault
