"""The plan of the house, kept by reading every file with `ast`; nothing is imported here.

`ROOMS` names the rooms from the ground up. A room imports rooms of lower lines only, wherever in a
file the import stands: one inside a function still is an arrow. Inside a room files import each
other freely, but never in a circle.
"""

import ast
import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# A room is a folder of nlstm or a file in it. Rooms of one line do not know each other.
ROOMS = (
    "arguments kernels",
    "plan activations initializers constraints",
    "data losses optimizers regularizers",
    "metrics layers",
    "network",
    "training",
    "files",
    "callbacks models",
    "windows datasets",
    "saving compilation demo interop torch sklearn distributed inspection preprocessing",
    "plotting",
    "utils random backend mixed_precision",
    "compat",
    "commands",
    "__init__",
    "__main__",
)
DOORS = next(level for level, rooms in enumerate(ROOMS) if "saving" in rooms.split())
APART = {"cpu", "cuda", "shared"}  # of kernels: cpu and cuda know shared, and nobody else
LINES = 350
# Longer files, each with its reason.
LONG = {
    "kernels/cpu/activations/emitters.py": "twenty activations, each a few lines of one kind",
    "kernels/cpu/machine/simd.py": "the instructions, each a few lines of one kind",
    "kernels/cuda/lstm_grid.py": "both passes of one form, which share its sums",
    "kernels/cuda/lstm_whole.py": "both passes of one form, which share its tiles",
    "windows/scalers.py": "four scalers of one interface",
    "arguments/config.py": "one idea, both ways: to JSON and back",
    "optimizers/optimizer.py": "Keras's attributes of an optimizer, each a few lines",
    "models/model.py": "Keras's methods: most are a docstring and a line",
}
PARAMETERS = 14  # positional ones that a function may have
KERAS = "Keras's signature"
# Functions with more, each with its reason.
MANY_PARAMETERS = {
    "layers/lstm.py LSTM.__init__": KERAS,
    "layers/simple_rnn.py SimpleRNN.__init__": KERAS,
    "layers/gru.py GRU.__init__": KERAS,
    "layers/conv1d.py Conv1D.__init__": KERAS,
    "layers/batch_normalization.py BatchNormalization.__init__": KERAS,
    "training/fit.py fit": KERAS,
    "optimizers/adaptive.py Adam.__init__": KERAS,
    "optimizers/adaptive.py AdamW.__init__": KERAS,
    "optimizers/adaptive.py Nadam.__init__": KERAS,
    "optimizers/adaptive.py Adamax.__init__": KERAS,
    "optimizers/adaptive.py RMSprop.__init__": KERAS,
}
# What other classes implement; all else above a class is inheritance for its own sake, and more
# than one such class is a chain. A Protocol is an interface too.
INTERFACES = frozenset(
    "Callback Configured Constraint Initializer KernelMetric Layer LearningRateSchedule Loss "
    "Metric Optimizer Regularizer Source".split()
)
FORBIDDEN_NAMES = {"core", "utils", "common", "helpers", "misc", "base"}
KERAS_PATHS = {"utils": "scripts ask for this path of Keras's"}  # a list of names and nothing else
COMPILERS = {"numba", "llvmlite", "cuda"}  # in kernels only
TOP_LEVEL = {"numpy"}  # third-party modules any file may import as it is loaded
# Doors that are there for one library alone, whose classes theirs are: it is loaded with them.
OF_ONE_LIBRARY = {"sklearn": {"sklearn"}, "torch": {"torch"}}


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


def room_of(name: str) -> str:
    """Give the room of a file that is named from the package down."""
    first = name.partition("/")[0]
    return first.removesuffix(".py")


def level_of(name: str) -> int | None:
    """Give the line of `ROOMS` that has the file's room; None if there is none."""
    room = room_of(name)
    return next((level for level, rooms in enumerate(ROOMS) if room in rooms.split()), None)


def faults_of(package: Path, base_dependencies: set[str]) -> list[str]:
    """List, one sentence each, what breaks the plan in the package that lies at `package`."""
    files = {path.relative_to(package).as_posix(): path for path in sorted(package.rglob("*.py"))}
    names = {_module(package.name, name): name for name in files}
    arrows: dict[str, set[str]] = {name: set() for name in files}
    faults = []
    for name, path in files.items():
        if level_of(name) is None:
            faults.append(f"{name} is in no room: see ROOMS in tests/test_architecture.py")
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
                    if room_of(name) == room_of(target):
                        arrows[name].add(target)
                    faults.extend(f"{where} {fault}" for fault in _arrow(name, target))
            elif top not in sys.stdlib_module_names:
                faults.extend(
                    f"{where} {fault}" for fault in _third_party(name, found, base_dependencies)
                )
    return faults + circles_in(arrows)


def _module(package: str, name: str) -> str:
    return ".".join([package, *Path(name).with_suffix("").parts]).removesuffix(".__init__")


def _arrow(name: str, target: str) -> list[str]:
    level, below = level_of(name), level_of(target)
    if below is None:
        return []  # reported once, as a file in no room
    if room_of(name) == room_of(target) == "kernels":
        pair = {name.split("/")[1], target.split("/")[1]}
        apart = len(pair) > 1 and pair <= APART and name.split("/")[1] == "shared"
        if pair == {"cpu", "cuda"} or apart:
            return [f"imports {target}: {' and '.join(sorted(pair))} are apart"]
        return []
    if room_of(name) == room_of(target) or below < level:
        return []
    return [f"imports {target}: a room imports lower rooms only"]


def circles_in(arrows: dict[str, set[str]]) -> list[str]:
    """List the circles of imports, one for each group of files that cannot be put in an order."""
    waiting = {name: set(targets) for name, targets in arrows.items()}
    while free := {name for name, targets in waiting.items() if not targets & waiting.keys()}:
        waiting = {name: targets for name, targets in waiting.items() if name not in free}
    used = {target for targets in waiting.values() for target in targets}
    circle = sorted(name for name in waiting if name in used)
    return [f"{circle[0]} is in a circle of imports: {', '.join(circle)}"] if circle else []


def _third_party(name: str, found: Import, base_dependencies: set[str]) -> list[str]:
    top = found.module.partition(".")[0]
    if top in COMPILERS:
        return [] if room_of(name) == "kernels" else [f"imports {top}, which only kernels may"]
    faults = []
    if found.at_load and top not in TOP_LEVEL | OF_ONE_LIBRARY.get(room_of(name), set()):
        faults.append(f"imports {top} as it is loaded: import it inside the function that needs it")
    if level_of(name) < DOORS and top not in base_dependencies:
        faults.append(f"imports {top}: below the doors only the base dependencies are there")
    return faults


def chains_in(package: Path) -> list[str]:
    """List the classes that have more than one of ours above them, interfaces left out."""
    files = {path.relative_to(package).as_posix(): path for path in sorted(package.rglob("*.py"))}
    own = {_module(package.name, name) for name in files}
    classes: dict[tuple[str, str], list[str]] = {}
    imported: dict[tuple[str, str], tuple[str, str]] = {}
    for name, path in files.items():
        module = _module(package.name, name)
        home = module if path.name == "__init__.py" else module.rpartition(".")[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                classes[module, node.name] = [ast.unparse(one).split("[")[0] for one in node.bases]
            elif isinstance(node, ast.ImportFrom):
                parents = home.split(".")[: len(home.split(".")) - node.level + 1]
                start = [*parents, *filter(None, [node.module])] if node.level else [node.module]
                for one in node.names:
                    imported[module, one.asname or one.name] = ".".join(start), one.name
            elif isinstance(node, ast.Import):
                for one in node.names:
                    parts = one.name.partition(".")
                    shown = one.asname or parts[0]
                    imported[module, shown] = "", one.name if one.asname else parts[0]

    def found(module: str, name: str) -> tuple[str, str] | None:
        """Return where a class stands that a module calls by a name, dots included."""
        first, _, rest = name.partition(".")
        if not rest and (module, first) in classes:
            return module, first
        if (module, first) in imported:
            start, there = imported[module, first]
            whole = f"{start}.{there}".strip(".")
            if rest:
                return found(whole, rest)
            return found(start, there)
        return found(f"{module}.{first}", rest) if rest and f"{module}.{first}" in own else None

    def above(place: tuple[str, str]) -> set[tuple[str, str]]:
        bases = {found(place[0], base) for base in classes[place]} - {None}
        return bases.union(*map(above, bases))

    def is_interface(place: tuple[str, str]) -> bool:
        return place[1] in INTERFACES or bool({"Protocol", "typing.Protocol"} & {*classes[place]})

    chains = {place: sorted(p[1] for p in above(place) if not is_interface(p)) for place in classes}
    return [
        f"{module}.{name} has {' and '.join(chain)} above it: one class may be, and interfaces"
        for (module, name), chain in chains.items()
        if len(chain) > 1
    ]


def long_files_in(package: Path) -> list[str]:
    """List the files that are too long without a reason, and reasons that have gone."""
    lengths = {
        path.relative_to(package).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in sorted(package.rglob("*.py"))
    }
    long = {name for name, lines in lengths.items() if lines > LINES}
    return [
        *(f"{name} has {lengths[name]} lines; {LINES} need a reason" for name in long - set(LONG)),
        *(f"{name} is not long any more: its reason can go" for name in set(LONG) - long),
    ]


def private_uses_in(package: Path) -> list[str]:
    """List where something outside `models` reads a private name of a model."""
    faults = []
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package).as_posix()
        if room_of(name) == "models":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Attribute) or not node.attr.startswith("_"):
                continue
            holder = ast.unparse(node.value).rpartition(".")[2]
            if holder == "model" and not node.attr.endswith("__"):
                faults.append(f"{name}:{node.lineno} reads model.{node.attr}")
    return faults


TYPED_ROOMS = {"network", "training", "models", "files"}
TYPED = {"model", "ops", "layer", "plan"}


def untyped_arguments_in(package: Path) -> list[str]:
    """List arguments that name a thing of ours and take Any; mypy sees those without a type."""
    return [
        f"{path.relative_to(package).as_posix()}:{node.lineno} takes {node.arg}: Any"
        for path in sorted(package.rglob("*.py"))
        if room_of(path.relative_to(package).as_posix()) in TYPED_ROOMS
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.arg) and node.arg in TYPED
        if node.annotation is not None and ast.unparse(node.annotation) == "Any"
    ]


def crowded_functions_in(package: Path) -> list[str]:
    """List functions with too many positional parameters without a reason, and idle reasons."""
    found = {}

    def visit(node, inside):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                name = inside + getattr(child, "name", "lambda")
                count = len(child.args.posonlyargs) + len(child.args.args)
                if count > PARAMETERS:
                    found[name] = count
                visit(child, name + ".")
            else:
                visit(
                    child, f"{inside}{child.name}." if isinstance(child, ast.ClassDef) else inside
                )

    for path in sorted(package.rglob("*.py")):
        visit(ast.parse(path.read_text("utf-8")), path.relative_to(package).as_posix() + " ")
    return [
        *(f"{name} takes {found[name]} arguments" for name in found.keys() - MANY_PARAMETERS),
        *(f"{name} is not so long: its reason can go" for name in MANY_PARAMETERS.keys() - found),
    ]


def forbidden_names_in(folder: Path) -> list[str]:
    """List files and folders whose name says nothing about what is inside."""
    return [
        path.relative_to(folder).as_posix()
        for path in sorted(folder.rglob("*"))
        if path.stem in FORBIDDEN_NAMES and (path.suffix == ".py" or path.is_dir())
        if not (path.relative_to(folder).as_posix() in KERAS_PATHS and _only_names_in(path))
    ]


def _only_names_in(folder: Path) -> bool:
    """Whether a folder has one file, of imports, now or when asked for, and `__all__` alone."""
    files = [path for path in folder.rglob("*") if "__pycache__" not in path.parts]
    if files != [folder / "__init__.py"]:
        return False
    text, *rest = ast.parse(files[0].read_text(encoding="utf-8")).body
    return isinstance(text, ast.Expr) and all(
        isinstance(node, ast.ImportFrom)
        or (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__")
        or (isinstance(node, ast.FunctionDef) and node.name == "__getattr__")
        for node in rest
    )


def project_dependencies() -> set[str]:
    """Read the import names of the base dependencies, which are their project names too."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {re.match(r"[\w-]+", line).group() for line in project["dependencies"]}


# The project itself


def test_rooms_import_lower_rooms_and_files_form_no_circle():
    assert (ROOT / "nlstm" / "kernels" / "__init__.py").is_file()
    faults = faults_of(ROOT / "nlstm", project_dependencies())
    assert not faults, "\n".join(faults)


def test_no_class_has_a_chain_of_ours_above_it():
    assert chains_in(ROOT / "nlstm") == []


def test_files_are_short():
    assert long_files_in(ROOT / "nlstm") == []


def test_models_keep_their_private_names_to_themselves():
    assert private_uses_in(ROOT / "nlstm") == []


def test_what_is_ours_has_a_type():
    assert untyped_arguments_in(ROOT / "nlstm") == []


def test_functions_take_few_arguments():
    assert crowded_functions_in(ROOT / "nlstm") == []


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
        "__init__": "from nlstm.models.sequential import Sequential\n",
        "models/sequential": "from . import model\nfrom ..layers import LSTM\n",
        "models/model": "from nlstm.training.loop import fit\n",
        "training/loop": "import numpy as np\n\ndef fit():\n    import tqdm\n",
        "layers/__init__": "from nlstm.layers.lstm import LSTM\n",
        "layers/layer": "from nlstm.plan import parameters\n",
        "layers/lstm": "from nlstm import kernels\nfrom nlstm.layers.layer import Layer\n",
        "plan/parameters": "import os.path\n",
        "kernels/__init__": "",
        "kernels/cpu/jit": "import numba\nfrom llvmlite import ir\n",
        "kernels/shared/losses": "",
        "kernels/cpu/lstm": "from nlstm.kernels.cpu.jit import njit\n"
        "from nlstm.kernels.shared import losses\n",
        "demo": "from .models import sequential\n\ndef main():\n    import matplotlib.pyplot\n",
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
        ("plan/parameters", "from nlstm.layers.lstm import LSTM", "lower rooms only"),
        ("plan/parameters", "def f():\n    from nlstm.models import model", "lower rooms only"),
        ("plan/parameters", "import nlstm", "lower rooms only"),
        (
            "plan/parameters",
            "import importlib\nimportlib.import_module('nlstm.models.model')",
            "lower rooms only",
        ),
        ("data/feed", "if TYPE_CHECKING:\n    from ..models import sequential", "lower rooms only"),
        ("training/fit", "from nlstm.models import sequential", "lower rooms only"),
        ("arguments/names", "from nlstm import kernels", "lower rooms only"),
        ("saving", "from nlstm import demo", "lower rooms only"),
        ("models/cloning", "import nlstm.demo", "lower rooms only"),
        ("kernels/cpu/dense", "from nlstm.plan.parameters import P", "lower rooms only"),
        ("kernels/cuda/lstm", "from nlstm.kernels.cpu import lstm", "cpu and cuda are apart"),
        ("kernels/shared/rows", "from nlstm.kernels.cpu import jit", "cpu and shared are apart"),
        ("models/cloning", "from nlstm.absent import thing", "which is no file"),
        ("training/fit", "def f():\n    import numba", "only kernels may"),
        ("layers/dense", "from llvmlite import ir", "only kernels may"),
        ("training/fit", "import tqdm", "inside the function"),
        (
            "training/fit",
            "try:\n    import tqdm\nexcept ImportError:\n    raise",
            "inside the function",
        ),
        ("demo", "import matplotlib.pyplot", "inside the function"),
        ("sklearn/labels", "import torch", "inside the function"),
        ("models/cloning", "def f():\n    import torch", "only the base dependencies"),
        ("gadgets", "", "is in no room"),
        ("layers/layer", "from nlstm.layers import lstm", "is in a circle of imports"),
        ("kernels/cpu/jit", "from nlstm.kernels.cpu import lstm", "is in a circle of imports"),
    ],
)
def test_each_breach_is_found(tmp_path, name, text, fault):
    faults = faults_of(house(tmp_path, **{name: text}), {"numpy", "numba", "tqdm"})
    assert len(faults) == 1
    assert fault in faults[0] and name.split("/")[0] in faults[0]


@pytest.mark.parametrize(
    "files, faulty",
    [
        (
            {"layers/a": "class A: ...\nclass B(A): ...\nclass C(B): ...\n"},
            "nlstm.layers.a.C has A and B",
        ),
        (
            {
                "layers/a": "class Layer: ...\nclass A(Layer): ...\nclass B(A): ...\n",
                "layers/__init__": "from nlstm.layers.a import B as D\n",
                "models/b": "from nlstm import layers\nclass C(layers.D): ...\n",
            },
            "nlstm.models.b.C has A and B",
        ),
        (
            {
                "layers/a": "class A: ...\nclass B: ...\n",
                "layers/b": "from . import a\nimport nlstm.layers.a\n"
                "class C(a.A, nlstm.layers.a.B): ...\n",
            },
            "nlstm.layers.b.C has A and B",
        ),
        ({"layers/a": "class A(Layer): ...\nclass B(A): ...\nclass Layer: ...\n"}, None),
        (
            {
                "layers/a": "from typing import Protocol\nclass A(Protocol): ...\n"
                "class B(A): ...\nclass C(B): ...\n",
                "layers/b": "import os\nclass C(os.PathLike): ...\nclass B(C): ...\n",
            },
            None,
        ),
        (
            {
                "losses/a": "class E: ...\nclass B(E): ...\n",
                "layers/a": "class B: ...\nclass C(B): ...\n",
            },
            None,
        ),
    ],
)
def test_chains_are_found(tmp_path, files, faulty):
    found = chains_in(house(tmp_path, **files))
    assert len(found) == (faulty is not None)
    assert all(faulty in one for one in found)


def test_long_files_are_found(tmp_path):
    package = house(tmp_path, **{"layers/dense": "pass\n" * (LINES + 1)})
    faults = long_files_in(package)
    assert sum("layers/dense.py has 351 lines" in fault for fault in faults) == 1
    assert sum("its reason can go" in fault for fault in faults) == len(LONG)


def test_private_uses_and_missing_types_are_found(tmp_path):
    text = "def f(model: Any, layer: Layer):\n    return model._x, self.model._y, model.z\n"
    package = house(tmp_path, **{"training/fit": text, "models/cloning": text})
    reads = ["reads model._x", "reads model._y"]
    assert private_uses_in(package) == [f"training/fit.py:2 {read}" for read in reads]
    found = [fault.partition(":")[0] for fault in untyped_arguments_in(package)]
    assert found == ["models/cloning.py", "training/fit.py"]


def test_crowded_functions_are_found(tmp_path):
    many = ", ".join(f"a{number}" for number in range(PARAMETERS + 1))
    text = f"class A:\n    def f(self):\n        def g({many}): pass\n    h = lambda {many}: 0\n"
    faults = crowded_functions_in(house(tmp_path, **{"layers/dense": text}))
    assert sum(fault.startswith("layers/dense.py A.f.g takes 15") for fault in faults) == 1
    assert sum(fault.startswith("layers/dense.py A.lambda takes 15") for fault in faults) == 1
    assert sum("its reason can go" in fault for fault in faults) == len(MANY_PARAMETERS)


def test_forbidden_names_are_found(tmp_path):
    package = house(tmp_path, **{"layers/utils": "", "core/lstm": "", "database": ""})
    assert forbidden_names_in(package) == ["core", "layers/utils.py"]


@pytest.mark.parametrize(
    "files, found",
    [
        ({"utils/__init__": '"""Names."""\nfrom a import b\n__all__ = ["b"]\n'}, []),
        ({"utils/__init__": '"""Names."""\ndef b(): ...\n'}, ["utils"]),
        ({"utils/__init__": '"""Names."""\n', "utils/more": ""}, ["utils"]),
        ({"utils": '"""Names."""\n'}, ["utils.py"]),
    ],
)
def test_a_path_of_keras_may_hold_names_alone(tmp_path, files, found):
    assert forbidden_names_in(house(tmp_path, **files)) == found
