"""The files of tests/interop/files, unpacked where a test asks for them."""

import zipfile
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent / "files"
VERSIONS = [
    "keras-1.2", "keras-2.3", "tf-1.15", "keras-2.9", "keras-2.12", "keras-2.13", "keras-2.15",
    "keras-3.0", "keras-3.15",
]  # fmt: skip


def files_of(version, *endings):
    """Return the names of a version's files."""
    with zipfile.ZipFile(FOLDER / f"{version}.zip") as archive:
        return [name for name in archive.namelist() if name.endswith(endings)]


def unpack(version, name, folder):
    """Put one of a version's files in a folder; return its path."""
    with zipfile.ZipFile(FOLDER / f"{version}.zip") as archive:
        return archive.extract(name, folder)


def answers(version, name, folder):
    """Return what went in, what came out, and the rest, of a file's case."""
    case = name.split(".")[0].removesuffix("_weights")
    found = np.load(unpack(version, f"{case}.npz", folder))
    parts = {start: [] for start in ("x", "y", "target", "later")}
    for key in found.files:
        start = key.split("_")[0]
        if start in parts:
            parts[start].append(found[key])
    return parts, found["loss"] if "loss" in found.files else None


def as_one(values):
    """Return the only one of a list, or the list."""
    return values[0] if len(values) == 1 else values


def forget(model):
    """Reset the states of stateful layers."""
    for layer in model.layers:
        getattr(layer, "reset_state", int)()


def check_predictions(model, x, wanted):
    """Compare what a model predicts, in float32."""
    found = model.predict(as_one(x), verbose=0)
    found = found if isinstance(found, list) else [found]
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)
