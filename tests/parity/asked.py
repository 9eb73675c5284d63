"""Peers that may not be there.

Without them a module that asks for one is skipped; with NLSTM_PEERS=required it fails.
"""

import importlib
import os
import warnings

import pytest

REQUIRED = os.environ.get("NLSTM_PEERS") == "required"


def peer(name):
    """Return a module, or skip the one that asks for it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ImportError:
        if REQUIRED:
            raise
        pytest.skip(f"{name} is not installed", allow_module_level=True)
