"""Losses and metrics by name: which kernel and code serve one."""

import numpy as np

from nlstm.kernels.cpu.losses import statistics
from nlstm.kernels.cpu.losses.families import FAMILIES
from nlstm.kernels.cpu.losses.reduction import MODES
from nlstm.kernels.cpu.machine.launching import launcher

__all__ = ["FUNCTIONS", "loss", "statistic"]

FUNCTIONS = {name: (kernel, code) for kernel, codes in FAMILIES for name, code in codes.items()}
NOTHING = {dtype: np.zeros((0, 0, 0), dtype) for dtype in (np.dtype("f4"), np.dtype("f8"))}


def loss(name, settings=(0.0,), reduction="sum_over_batch_size"):
    """Return function(y, p, features, weight, dp, total), see `reduction`.

    Parameters
    ----------
    name : str. A key of `FUNCTIONS`.
    settings : sequence of float. What the kernel's docstring says.
    reduction : str. A key of `reduction.MODES`.
    """
    kernel, code = FUNCTIONS[name]
    mode, constants = MODES[reduction], np.array(settings, np.float64)

    @launcher
    def function(y, p, features, weight, dp, total):
        nothing = NOTHING[p.dtype]
        weight = nothing if weight is None else weight
        dp = nothing if dp is None else dp
        return [(kernel, (code, mode, constants, y, p, features, weight, dp, total))]

    return function


STATISTICS = {
    "confusion": statistics.confusion,
    "f_scores": statistics.f_scores,
    "moments": statistics.moments,
}


def statistic(name, *constants):
    """Return function(y, p, features, weight, dp, total) that adds up sums of a metric.

    Parameters
    ----------
    name : str. A function of `statistics`.
    constants : Its first arguments.
    """
    kernel = STATISTICS[name]

    @launcher
    def function(y, p, features, weight, dp, total):
        weight = NOTHING[p.dtype] if weight is None else weight
        return [(kernel, (*constants, y, p, features, weight, total))]

    return function
