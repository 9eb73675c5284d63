"""The ways in which things are copied, for tests."""

import copy
import io
import pickle

import cloudpickle
import joblib

__all__ = ["TWINS", "WAYS"]


def _by_joblib(thing):
    file = io.BytesIO()
    joblib.dump(thing, file)
    file.seek(0)
    return joblib.load(file)


TWINS = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda thing: pickle.loads(pickle.dumps(thing)),
    "cloudpickle": lambda thing: cloudpickle.loads(cloudpickle.dumps(thing)),
    "joblib": _by_joblib,
}
WAYS = list(TWINS)


def memory(array):
    """Return an array as NumPy sees it; the opaque device hides it."""
    return getattr(array, "_array", array)
