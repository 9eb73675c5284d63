"""The parity suite: nlstm beside live Keras and PyTorch, where they are installed."""

import os
import sys
from pathlib import Path

import pytest

from tests.parity.record import RECORD

FOLDER = Path(__file__).parent
REQUIRED = os.environ.get("NLSTM_PEERS") == "required"
# Warnings from inside the peers are theirs; all others stay errors.
THEIRS = ("keras", "torch", "jax", "tensorflow")


@pytest.fixture(scope="session")
def parity():
    """Give the record: see `Record.configuration`."""
    return RECORD


@pytest.fixture(autouse=True)
def seeded():
    """Begin each test with the same random numbers, ours and the peers': a red one stays red."""
    import nlstm

    nlstm.utils.set_random_seed(0)
    if "keras" in sys.modules:  # the suite is collected without peers too
        sys.modules["keras"].utils.set_random_seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(scope="module")
def float64():
    """Let Keras compute in float64 throughout: weights, settings of optimizers, sums of metrics."""
    from tests.parity.peers import keras  # not above: the suite is collected without peers too

    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx(before[0])
    keras.config.set_dtype_policy(before[1])


def pytest_collection_modifyitems(items):
    for item in items:
        if FOLDER in item.path.parents:
            for name in THEIRS:
                item.add_marker(pytest.mark.filterwarnings(rf"ignore:::{name}($|\..*)"))


def _skipped(config):
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return len(reporter.stats.get("skipped", ())) if REQUIRED and reporter else 0


def pytest_sessionfinish(session, exitstatus):
    if _skipped(session.config) and not exitstatus:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    path = os.environ.get("NLSTM_PARITY_REPORT")
    if path and RECORD.counts:
        RECORD.write(path)


def pytest_terminal_summary(terminalreporter, config):
    for line in RECORD.lines():
        terminalreporter.write_line(line)
    if _skipped(config):
        terminalreporter.write_line("parity: NLSTM_PEERS=required, but tests were skipped: failed")
