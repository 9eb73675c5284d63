"""What `make package` has built: what is in it, and that it works where nothing else is.

    python tests/package.py dist

Not for pytest, which would need the network for it.
"""

import os
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DATA = {
    "nlstm/py.typed",
    "nlstm/datasets/README.md",
    "nlstm/datasets/japanese_vowels.npz",
    "nlstm/datasets/seattle_weather.csv",
}
FOLDERS = {"nlstm", "tests", "benchmarks", "docs", "examples"}
FILES = {"CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "PKG-INFO",
         "pyproject.toml", ".gitignore"}  # fmt: skip
RUBBISH = ("__pycache__", ".pyc", ".nbi", ".nbc", ".kernel", ".partial", ".arm", ".venv")
IMPORT = """
import sys, time
start = time.perf_counter()
import nlstm
seconds = time.perf_counter() - start
from importlib.metadata import version
assert version("nlstm") == nlstm.__version__
assert sys.prefix in nlstm.__file__, nlstm.__file__
print(f"import nlstm: {seconds:.2f} s")
"""


def main(folder: Path) -> None:
    """Check the one wheel and the one source distribution of a folder."""
    [wheel], [source] = folder.glob("*.whl"), folder.glob("*.tar.gz")
    check_wheel(set(zipfile.ZipFile(wheel).namelist()))
    with tarfile.open(source) as archive:
        check_source({name.partition("/")[2] for name in archive.getnames()})
    with tempfile.TemporaryDirectory() as home:
        run(wheel, Path(home))


def sources(folder: str = "nlstm") -> set[str]:
    """Return the Python files of the working tree."""
    found = {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*.py")}
    return {name for name in found if not any(part in name for part in ("/.", "/_build/"))}


def check_wheel(names: set[str]) -> None:
    """Raise unless the wheel is the package, whole, and nothing else."""
    missing = (sources() | DATA) - names
    assert not missing, f"The wheel lacks {sorted(missing)}."
    extra = {name for name in names if name.split("/")[0].split("-")[0] != "nlstm"}
    extra |= {name for name in names if any(part in name for part in RUBBISH)}
    extra |= {name for name in names if name.endswith(".py")} - sources()
    assert not extra, f"The wheel has {sorted(extra)} too."
    assert any(name.endswith("licenses/LICENSE") for name in names)


def check_source(names: set[str]) -> None:
    """Raise unless the source distribution is what a build and the tests need."""
    missing = DATA | FILES | {name for folder in FOLDERS for name in sources(folder)}
    missing -= names
    assert not missing, f"The source distribution lacks {sorted(missing)}."
    extra = {name for name in names if any(part in name for part in RUBBISH)}
    extra |= {name.split("/")[0] for name in names} - FOLDERS - FILES
    assert not extra, f"The source distribution has {sorted(extra)} too."


def run(wheel: Path, home: Path) -> None:
    """Install the wheel where nothing is, and run the seed script away from the working tree."""
    venv.create(home / "venv", with_pip=True)
    python = home / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"PYTHONWARNINGS": "error"}

    def call(*arguments: object, **changes: str) -> None:
        done = subprocess.run(
            [str(python), *map(str, arguments)],
            cwd=home,
            env=environment | changes,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        for line in done.stdout.splitlines()[-1:]:
            print(line, flush=True)

    pip = "-m", "pip", "install", "--quiet", "--disable-pip-version-check"
    call(*pip, wheel, PYTHONWARNINGS="ignore")
    call("-c", IMPORT)
    call("-c", IMPORT)  # the first wrote the byte code
    (home / "seed.py").write_bytes((ROOT / "examples" / "seed.py").read_bytes())
    call("seed.py")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
