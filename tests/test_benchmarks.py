"""The plan of `benchmarks/`, kept by reading its files; the doors of its commands are opened."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_architecture import circles_in, imports_of

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "benchmarks"
ASV = FOLDER / "asv"
# Which folders of benchmarks a folder imports beside itself.
ACROSS = {"asv": {"machine"}, "peers": {"machine"}, "gpu": {"machine"}, "machine": set()}
BENCHMARK = re.compile(r"^( {4})?def (time|timeraw|mem|peakmem|track)_\w+\(", re.MULTILINE)


def arrows():
    """Return what each file of benchmarks imports of the others, by dotted name."""
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path
        for path in sorted(FOLDER.rglob("*.py"))
    }
    found = {}
    for module, path in modules.items():
        names = [one.module for one in imports_of(path, module.rpartition(".")[0])]
        found[module] = {name for name in names if name in modules}
        found[module] |= {name.rpartition(".")[0] for name in names} & modules.keys()
    return found


def test_asv_folder_holds_benchmarks_only():
    known = {"__init__.py", "asv.conf.json", "cases.py"}
    files = {path.name for path in ASV.iterdir() if path.is_file()} - known
    assert files and [name for name in files if not re.fullmatch(r"bench_\w+\.py", name)] == []
    folders = [path.name for path in ASV.iterdir() if path.is_dir()]
    assert set(folders) <= {".asv", "__pycache__"}


@pytest.mark.parametrize("path", sorted(ASV.glob("*.py")), ids=lambda path: path.stem)
def test_files_of_asv_measure_and_are_no_commands(path):
    text = path.read_text(encoding="utf-8")
    assert "__main__" not in text and "argparse" not in text
    if path.name.startswith("bench_"):
        inherits = re.search(r"^class \w+\(LayerTimes\)", text, re.MULTILINE)
        assert inherits or BENCHMARK.search(text), "no benchmark in it"


def test_every_kernel_family_has_a_benchmark():
    kernels = ROOT / "nlstm" / "kernels" / "cpu"
    families = {path.parent.name for path in kernels.glob("*/__init__.py")}
    named = {
        family
        for path in ASV.glob("bench_*.py")
        for family in re.findall(r"kernels[/.]cpu[/.](\w+)", path.read_text(encoding="utf-8"))
    }
    assert named == families


def test_folders_import_as_planned_and_form_no_circle():
    found = arrows()
    assert any(found.values())
    for module, targets in found.items():
        folders = {name.split(".")[1] for name in targets if name.count(".") > 1}
        own = module.split(".")[1] if module.count(".") > 1 else None
        if own:
            assert folders - {own} <= ACROSS[own], module
    assert circles_in(found) == []


@pytest.mark.parametrize("command", ["compare.py", "costs.py"])
def test_commands_stand_where_they_are_known(tmp_path, command):
    call = [sys.executable, str(FOLDER / command), "--help"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--peer-python" in done.stdout
