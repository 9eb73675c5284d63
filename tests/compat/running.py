"""Runs scripts in this process, as `python -m nlstm run` does in one of its own."""

import runpy
import warnings
from pathlib import Path

import nlstm.compat

SCRIPTS = Path(__file__).parent / "scripts"


def run(name):
    """Return the script's names at its end, and the messages of its DeprecationWarnings."""
    nlstm.compat.install()
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", DeprecationWarning)
            found = runpy.run_path(str(SCRIPTS / f"{name}.py"), run_name="__main__")
    finally:
        nlstm.compat.uninstall()
    places = [Path(one.filename).name for one in caught]
    assert set(places) <= {f"{name}.py"}, "a warning points elsewhere"
    return found, [str(one.message) for one in caught]
