"""No kernel has parallel loops that no test compares with one thread."""

from pathlib import Path

import numpy as np
import pytest

from nlstm.kernels.cpu.activations.ramp import SMALL_WORK, ramp_forward
from tests.kernels.schedules import parallel_kernels, same_bits, watched

TESTS = Path(__file__).parents[1]


def rise(rows):
    y = np.empty((rows, 16))
    ramp_forward(np.ones((rows, 16)), y, 16, 0.5, 0.0, 2.0)
    return [y]


def test_every_parallel_kernel_is_named_by_a_test_of_threads():
    texts = [path.read_text() for path in TESTS.rglob("test_*.py") if path != Path(__file__)]
    texts = [text for text in texts if "same_bits(" in text]
    kernels = set(parallel_kernels().values())
    assert len(kernels) > 30
    unnamed = {name for name in kernels if not any(f'"{name}"' in text for text in texts)}
    assert not unnamed


def test_the_schedule_is_seen():
    small, large = SMALL_WORK // 16 - 1, SMALL_WORK // 16
    for rows, wanted in ((small, set()), (large, {"activations.ramp.rise_parallel"})):
        with watched() as ran:
            rise(rows)
        assert ran == wanted


def test_work_that_takes_one_thread_is_no_comparison(threads):
    same_bits(threads, lambda: rise(SMALL_WORK // 16), "activations.ramp.rise_parallel")
    with pytest.raises(AssertionError):
        same_bits(threads, lambda: rise(SMALL_WORK // 16 - 1), "activations.ramp.rise_parallel")


def test_another_bit_is_seen(threads):
    runs = iter(range(len(threads)))
    with pytest.raises(AssertionError):
        same_bits(threads, lambda: [np.array([0.0 if next(runs) else -0.0])])
