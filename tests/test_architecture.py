"""The plan of the house, kept by reading every import with `ast`; nothing is imported here.

`FLOORS` gives each file of nlstm its floor. A file imports from lower floors only, wherever in the
file the import stands: one inside a function still is an arrow. A new file fails until it has its
line in `FLOORS`.
"""

import ast
import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# The whole part of a floor is the room. Files of one floor never import each other. The first match
# wins; `*` is one name without a slash, `**` any path.
FLOORS = {
    # the front door
    "__main__.py": 5.1,
    "__init__.py": 5.0,
    # room 4: doors
    "saving.py": 4.0,
    "interop/*.py": 4.0,
    "torch.py": 4.0,
    "sklearn.py": 4.0,
    "distributed.py": 4.0,
    "inspection.py": 4.0,
    "plotting.py": 4.0,
    "demo.py": 4.0,
    # room 3: the loop
    "models.py": 3.6,
    "sequential.py": 3.5,
    "network.py": 3.4,
    "binding.py": 3.36,
    "weights.py": 3.33,
    "trainer.py": 3.3,
    "predicting.py": 3.25,
    "loop.py": 3.2,
    "reading.py": 3.15,
    "step.py": 3.1,
    "goal.py": 3.0,
    "batches.py": 3.1,
    "sources.py": 3.0,
    "callbacks/__init__.py": 3.15,
    "callbacks/callback.py": 3.0,
    "callbacks/batches.py": 3.0,
    "callbacks/monitor.py": 3.01,
    "callbacks/*.py": 3.1,
    "data.py": 3.1,
    "plan_cache.py": 3.0,
    "row_order.py": 3.0,
    "stream.py": 3.0,
    "progress.py": 3.0,
    "summary.py": 3.0,
    "model_file.py": 3.07,
    "model_config.py": 3.0,
    "training_state.py": 3.05,
    "weights_file.py": 3.0,
    "windows/__init__.py": 3.4,
    "windows/backtest.py": 3.3,
    "windows/source.py": 3.2,
    "windows/side.py": 3.1,
    "windows/scalers.py": 3.1,
    "windows/window_scaler.py": 3.1,
    "windows/*.py": 3.0,
    "datasets/__init__.py": 3.1,
    "datasets/*.py": 3.0,
    # room 2: the parts, on a ground of files that know no other
    "layers/__init__.py": 2.5,
    "layers/layer.py": 2.3,
    "graph.py": 2.2,
    "layers/lstm_level.py": 2.35,
    "layers/projection.py": 2.32,
    "layers/lstm_gains.py": 2.32,
    "layers/shapes.py": 2.32,
    "layers/views.py": 2.32,
    "layers/activation.py": 2.38,
    "layers/functions.py": 2.45,
    "layers/joins.py": 2.34,
    "layers/*.py": 2.4,
    "metrics/__init__.py": 2.22,
    "metrics/metric.py": 2.2,
    "metrics/functions.py": 2.215,
    "metrics/confusion.py": 2.205,
    "metrics/*.py": 2.21,
    "optimizers/__init__.py": 2.22,
    "optimizers/optimizer.py": 2.2,
    "optimizers/schedules.py": 2.1,
    "optimizers/*.py": 2.21,
    "losses/__init__.py": 2.12,
    "losses/loss.py": 2.1,
    "losses/functions.py": 2.115,
    "losses/*.py": 2.11,
    "initializers.py": 2.1,
    "activations.py": 2.1,
    "regularizers.py": 2.11,
    "constraints.py": 2.1,
    "plan.py": 2.09,
    "parameters.py": 2.0,
    "config.py": 2.05,
    "names.py": 2.0,
    "counts.py": 2.0,
    "seeds.py": 2.0,
    # room 1: the numbers; inside it one rule only: cpu and cuda do not know each other
    "kernels/**": 1.0,
}

FORBIDDEN_NAMES = {"core", "utils", "common", "helpers", "misc", "base"}
COMPILERS = {"numba", "llvmlite"}  # in kernels only
TOP_LEVEL = {"numpy"}  # third-party modules any file may import as it is loaded


@dataclass(frozen=True)
class Import:
    """One imported module: dotted name, line, and whether loading the file already runs it."""

    module: str
    line: int
    at_load: bool


def imports_of(path: Path, package: str) -> list[Import]:
    """List the imports of a file that lies in `package`, relative ones made absolute."""
    found = []

    def visit(node, at_load):
        if isinstance(node, ast.Import):
            found.extend(Import(alias.name, node.lineno, at_load) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1]
            start = ".".join([*parents, node.module or ""]) if node.level else node.module
            # `from a import b`: b may be a module; `floor_of` falls back on a where it is not.
            found.extend(
                Import(f"{start.rstrip('.')}.{alias.name}", node.lineno, at_load)
                for alias in node.names
            )
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
            ("import_module", "__import__")
        ):
            if node.args and isinstance(node.args[0], ast.Constant):
                found.append(Import(str(node.args[0].value), node.lineno, at_load))
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for child in ast.iter_child_nodes(node):
            visit(child, at_load and not inside and not typing_only)

    visit(ast.parse(path.read_text(encoding="utf-8")), True)
    return found


def floor_of(name: str) -> float | None:
    """Give the floor of a file, named from the package down; None if it is not in the map."""
    for pattern, floor in FLOORS.items():
        expression = re.escape(pattern).replace(r"\*\*", ".+").replace(r"\*", "[^/]+")
        if re.fullmatch(expression, name):
            return floor
    return None


def faults_of(package: Path, base_dependencies: set[str]) -> list[str]:
    """List, one sentence each, what breaks the plan in the package that lies at `package`."""
    files = {path.relative_to(package).as_posix(): path for path in sorted(package.rglob("*.py"))}
    names = {_module(package.name, name): name for name in files}
    faults = []
    for name, path in files.items():
        floor = floor_of(name)
        if floor is None:
            faults.append(
                f"{name} has no floor: add a line to FLOORS in tests/test_architecture.py"
            )
            continue
        module = _module(package.name, name)
        own_package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        for found in imports_of(path, own_package):
            where = f"{name}:{found.line}"
            top = found.module.partition(".")[0]
            if top == package.name:
                target = names.get(found.module) or names.get(found.module.rpartition(".")[0])
                if target is None:
                    faults.append(f"{where} imports {found.module}, which is no file")
                elif target != name:
                    faults.extend(f"{where} {fault}" for fault in _arrow(name, target))
            elif top not in sys.stdlib_module_names:
                faults.extend(
                    f"{where} {fault}" for fault in _third_party(name, found, base_dependencies)
                )
    return faults


def _module(package: str, name: str) -> str:
    return ".".join([package, *Path(name).with_suffix("").parts]).removesuffix(".__init__")


def _arrow(name: str, target: str) -> list[str]:
    floor, below = floor_of(name), floor_of(target)
    if below is None:
        return []  # reported once, as a file without a floor
    if floor == below == 1.0:
        pair = {name.split("/")[1], target.split("/")[1]}
        return [f"imports {target}: cpu and cuda are apart"] if pair == {"cpu", "cuda"} else []
    if below < floor:
        return []
    return [f"imports {target}: from floor {floor} to floor {below}, but arrows point down only"]


def _third_party(name: str, found: Import, base_dependencies: set[str]) -> list[str]:
    top = found.module.partition(".")[0]
    room = int(floor_of(name))
    if top in COMPILERS:
        return [] if room == 1 else [f"imports {top}, which only kernels may"]
    faults = []
    if found.at_load and top not in TOP_LEVEL:
        faults.append(f"imports {top} as it is loaded: import it inside the function that needs it")
    if room < 4 and top not in base_dependencies:
        faults.append(f"imports {top}: rooms 1 to 3 live on the base dependencies alone")
    return faults


def forbidden_names_in(folder: Path) -> list[str]:
    """List files and folders whose name says nothing about what is inside."""
    return [
        path.relative_to(folder).as_posix()
        for path in sorted(folder.rglob("*"))
        if path.stem in FORBIDDEN_NAMES and (path.suffix == ".py" or path.is_dir())
    ]


def project_dependencies() -> set[str]:
    """Read the import names of the base dependencies, which are their project names too."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {re.match(r"[\w-]+", line).group() for line in project["dependencies"]}


# The project itself


def test_arrows_point_down():
    assert (ROOT / "nlstm" / "kernels" / "__init__.py").is_file()
    faults = faults_of(ROOT / "nlstm", project_dependencies())
    assert not faults, "\n".join(faults)


def test_reference_imports_nothing_from_nlstm():
    folder = ROOT / "tests" / "reference"
    assert list(folder.rglob("*.py"))
    faults = [
        f"{path.relative_to(ROOT)}:{found.line} imports {found.module}"
        for path in sorted(folder.rglob("*.py"))
        for found in imports_of(path, "tests.reference")
        if found.module.partition(".")[0] in {"nlstm", *COMPILERS}
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("folder", ["nlstm", "tests", "benchmarks"])
def test_file_names_say_what_is_inside(folder):
    assert forbidden_names_in(ROOT / folder) == []


# The rules themselves: each breach is found, and only it


def house(folder: Path, **more: str) -> Path:
    """Build a small package that keeps every rule, then add or replace the files in `more`."""
    files = {
        "__init__": "from nlstm.models import Sequential\n",
        "models": "from . import trainer\nfrom .layers import LSTM\n",
        "trainer": "import numpy as np\n\ndef fit():\n    import tqdm\n",
        "layers/__init__": "from nlstm.layers.lstm import LSTM\n",
        "layers/layer": "from nlstm import parameters\n",
        "layers/lstm": "from nlstm import kernels\nfrom nlstm.layers.layer import Layer\n",
        "parameters": "import os.path\n",
        "kernels/__init__": "",
        "kernels/cpu/jit": "import numba\nfrom llvmlite import ir\n",
        "kernels/cpu/lstm": "from nlstm.kernels.cpu.jit import njit\n",
        "demo": "from .models import Sequential\n\ndef main():\n    import matplotlib.pyplot\n",
    }
    files.update(more)
    for name, text in files.items():
        path = folder / "nlstm" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / "nlstm"


def test_a_house_in_order_has_no_faults(tmp_path):
    assert faults_of(house(tmp_path), {"numpy", "numba", "tqdm"}) == []


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("parameters", "from nlstm.layers.lstm import LSTM", "arrows point down"),
        ("parameters", "def f():\n    from nlstm import models", "arrows point down"),
        ("parameters", "import nlstm", "arrows point down"),
        ("parameters", "import importlib\nimportlib.import_module('nlstm.models')", "arrows point"),
        ("data", "if TYPE_CHECKING:\n    from .models import Sequential", "arrows point down"),
        ("trainer", "from nlstm.models import Sequential", "arrows point down"),
        ("layers/dense", "from .lstm import LSTM", "arrows point down"),
        ("saving", "from nlstm import demo", "arrows point down"),
        ("models", "import nlstm.demo", "arrows point down"),
        ("kernels/cpu/dense", "from nlstm.parameters import Parameters", "arrows point down"),
        ("kernels/cuda/lstm", "from nlstm.kernels.cpu import lstm", "cpu and cuda are apart"),
        ("models", "from nlstm.absent import thing", "which is no file"),
        ("trainer", "def f():\n    import numba", "only kernels may"),
        ("layers/lstm", "from llvmlite import ir", "only kernels may"),
        ("trainer", "import tqdm", "inside the function"),
        ("trainer", "try:\n    import tqdm\nexcept ImportError:\n    pass", "inside the function"),
        ("demo", "import matplotlib.pyplot", "inside the function"),
        ("models", "def f():\n    import torch", "base dependencies alone"),
        ("gadgets", "", "add a line to FLOORS in tests/test_architecture.py"),
    ],
)
def test_each_breach_is_found(tmp_path, name, text, fault):
    faults = faults_of(house(tmp_path, **{name: text}), {"numpy", "numba", "tqdm"})
    assert len(faults) == 1
    assert faults[0].startswith(f"{name}.py") and fault in faults[0]


def test_forbidden_names_are_found(tmp_path):
    package = house(tmp_path, **{"layers/utils": "", "core/lstm": "", "database": ""})
    assert forbidden_names_in(package) == ["core", "layers/utils.py"]
