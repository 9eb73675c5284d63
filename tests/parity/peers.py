"""The peers: Keras on PyTorch, and PyTorch. Import them from here alone.

Without them a module that imports this one is skipped; with NLSTM_PEERS=required it fails.
"""

import importlib
import os
import warnings

import pytest

REQUIRED = os.environ.get("NLSTM_PEERS") == "required"
os.environ["KERAS_BACKEND"] = "torch"  # read when Keras is first imported


def _peer(name):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ImportError:
        if REQUIRED:
            raise
        pytest.skip(f"{name} is not installed", allow_module_level=True)


torch = _peer("torch")
keras = _peer("keras")
