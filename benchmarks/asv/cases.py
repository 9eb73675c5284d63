"""What benchmarks have in common: fewer shapes where asked, and layers bound as `fit` binds them.

NLSTM_BENCH_QUICK=1 makes every benchmark take fewer shapes, so that one pass of them all fits into
a few minutes on two cores; `.ci/run` sets it. Times are then for no one to compare.
"""

import os
from abc import ABC, abstractmethod

import numpy as np

QUICK = os.environ.get("NLSTM_BENCH_QUICK", "0") not in ("", "0")


def selection(everything, quick):
    """Return the parameters of a benchmark: all of them, or those that are enough for a check."""
    return list(quick if QUICK else everything)


def normal(*shape, seed=0):
    """Draw float32 numbers, the same on every call."""
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def coins(*shape):
    """Draw zeros and ones, as a mask has them."""
    return np.random.default_rng(0).integers(0, 2, shape).astype(np.uint8)


def check_finite(arrays, about):
    """Raise an error where what was computed is not a number."""
    for array in arrays:
        if not np.isfinite(array).all():
            raise AssertionError(f"{about}: NaN or infinite numbers")


def run_all(calls):
    """Run bound calls, as a training step does."""
    for function, arguments in calls:
        function(*arguments)


def weight_buffer(size):
    """Put `size` weights in four arrays of a flat buffer, and gradients beside them."""
    from nlstm.kernels import load
    from nlstm.plan.parameters import Parameter, ParameterBuffer

    def same(array):
        return array

    parts = [normal(len(part)) for part in np.array_split(np.empty(size), 4)]
    parameters = [Parameter("weights", part.shape, part.copy, same, same) for part in parts]
    buffer = ParameterBuffer(parameters, load("cpu", "float32"))
    for number, parameter in enumerate(parameters):
        parameter.gradient[:] = normal(parameter.size, seed=number + 1)
    return buffer


def update_calls(optimizer, buffer):
    """Return all calls of a step of an optimizer."""
    calls = optimizer.bind(buffer.ops, buffer)
    return [*optimizer.beforehand, *calls]


class LayerTimes(ABC):
    """The two passes of a layer, by the calls that it binds into a plan, on all threads.

    A set-up calls `bind`. This class is abstract so that asv does not take it for a benchmark.
    """

    timeout = 300

    @abstractmethod
    def setup(self, *parameters): ...

    def bind(self, layer, *inputs, **options):
        """Bind and compile a layer; run it once, in memory that is NaN where nothing was written.

        Inputs are (N, T, F) or (N, F); options are those of the tests' `Bound`. Some gradients are
        changed in place and shrink from run to run: kernels take tiny numbers as zeros.
        """
        from tests.layers.binding import Bound

        bound = Bound(layer, *inputs, dtype="float32", **options)
        for parameter in layer.parameters:  # of a size that keeps a recurrence in bounds
            weights = parameter.get()
            parameter.set(weights / np.sqrt(len(weights)))
        plan, outputs = bound.plan, bound.outputs
        slopes = [plan.input_gradient(y) for y in outputs]
        self.forward, self.backward = plan.forward, plan.backward()
        run_all(self.forward)
        for y, slope in zip(outputs, slopes):
            slope.fill(0)
            slope[..., : y.features] = 1
        run_all(self.backward)
        found = [y.value[..., : y.features] for y in outputs]
        found += [x.gradient[..., : x.features] for x in bound.inputs]
        weights = [one.get_gradient() for one in layer.parameters if one.trainable]
        check_finite([*found, *weights], layer.name)

    def time_forward(self, *parameters):
        run_all(self.forward)

    def time_backward(self, *parameters):
        run_all(self.backward)


class OnCuda:
    """Where models and kernels compute on a GPU; without one a benchmark is skipped, and says so.

    Times are the wall's, to the end of what was queued.
    """

    timeout = 300

    def begin(self):
        """Let what is made from now on compute on CUDA; `synchronize` waits for it."""
        try:
            from nlstm.kernels.cuda.launch import SIMULATED, cuda, synchronize
        except ImportError as error:
            raise NotImplementedError(f"no CUDA: {error}") from error
        if SIMULATED or not cuda.is_available():
            raise NotImplementedError("no CUDA: no GPU, or its driver or numba-cuda is missing")
        from nlstm.kernels.operations import DEFAULT

        DEFAULT[0] = "cuda"
        self.synchronize = synchronize
