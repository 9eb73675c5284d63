"""Runs scripts in this process, as `python -m nlstm run` does in one of its own."""

import runpy
import warnings
from pathlib import Path

import nlstm.compat

SCRIPTS = Path(__file__).parent / "scripts"


def run(name, source=None):
    """Return the names at a script's end, and the messages of its DeprecationWarnings.

    `source` is run in its place.
    """
    nlstm.compat.install()
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", DeprecationWarning)
            path = str(SCRIPTS / f"{name}.py")
            if source is None:
                found = runpy.run_path(path, run_name="__main__")
            else:
                found = {"__name__": "__main__"}
                exec(compile(source, path, "exec"), found)
    finally:
        nlstm.compat.uninstall()
    places = [Path(one.filename).name for one in caught]
    assert set(places) <= {f"{name}.py"}, "a warning points elsewhere"
    return found, [str(one.message) for one in caught]
