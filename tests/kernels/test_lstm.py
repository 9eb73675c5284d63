"""The LSTM kernels against the float64 reference, in every option and at awkward shapes."""

import numba
import numpy as np
import pytest

from tests.kernels.lstm_case import GRADIENTS, random_case, run_kernels, zoneout_draws
from tests.reference.lstm import lstm_backward, lstm_forward

SHAPES = [
    (1, 1, 1, 1),
    (3, 5, 2, 7),
    (13, 4, 9, 33),
    (32, 20, 10, 50),
    (2, 3, 1, 64),
    (150, 9, 5, 17),
    (40, 14, 1600, 520),  # weights so large that inputs are projected for several steps at once
]
OPTIONS = [
    {},
    {"reverse": True},
    {"mask": True},
    {"x_mask": True},
    {"h_mask": True},
    {"last_only": True},
    {"mask": True, "x_mask": True, "h_mask": True, "reverse": True},
    {"peephole": True, "zoneout": (0.3, 0.2), "mask": True, "x_masks": True, "h_mask": True},
]


def reference(case, activation="tanh", recurrent_activation="sigmoid"):
    (N, T, _), H, dtype = case["x"].shape, case["h0"].shape[1], case["x"].dtype
    if case["zoneout"] is not None:
        case = case | {"zoneout": zoneout_draws(case["zoneout"], T, N, H, dtype)}
    arguments = {name: value for name, value in case.items() if name not in ("dy", "dh", "dc")}
    trace = lstm_forward(
        **arguments, activation=activation, recurrent_activation=recurrent_activation
    )
    gradients = lstm_backward(trace, case["dy"], case["dh"], case["dc"])
    expected = {name: getattr(gradients, name) for name in GRADIENTS}
    if case["peephole"] is not None:
        expected["dp"] = gradients.dp
    return expected | {"outputs": trace.outputs, "h": trace.h, "c": trace.c}


def assert_close(result, expected, steps_and_units):
    """Rounding errors grow with the length of the sums: T * H terms, each within a few ulp."""
    dtype = result["outputs"].dtype
    tolerance = 4 * np.finfo(dtype).eps * np.sqrt(steps_and_units)
    for name, value in expected.items():
        scale = max(1.0, np.abs(value).max())
        error = np.abs(result[name] - value).max() / scale
        assert error < tolerance, f"{name}: error {error:.3g}, tolerance {tolerance:.3g}"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "+".join(options) or "plain")
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_agrees_with_reference(shape, options, dtype):
    case = random_case(*shape, dtype, **options)
    result = run_kernels(case, last_only=options.get("last_only", False))
    assert_close(result, reference(case), shape[1] * shape[3])
    assert not result["lanes past H"].any()


@pytest.mark.parametrize(
    "activations", [("relu", "sigmoid"), ("gelu", "mish"), ("softplus", "hard_sigmoid")]
)
def test_activations(activations):
    case = random_case(5, 3, 2, 9, np.float64)
    result = run_kernels(case, *activations)
    assert_close(result, reference(case, *activations), 30)
    assert not result["lanes past H"].any()


@pytest.mark.parametrize("options", [{}, {"mask": True}], ids=["plain", "mask"])
def test_prediction_keeps_two_slots(options):
    case = random_case(7, 6, 3, 20, np.float32, **options)
    trained, predicted = run_kernels(case), run_kernels(case, train=False)
    assert np.array_equal(trained["h"], predicted["h"])
    assert np.array_equal(trained["c"], predicted["c"])


@pytest.mark.parametrize(
    "shape", [(1, 3, 4, 200), (5, 40, 3, 64), (37, 20, 10, 50), (6, 3, 1600, 520)]
)
@pytest.mark.parametrize("options", [{}, OPTIONS[-1]], ids=["plain", "all"])
def test_same_bits_at_any_number_of_threads(shape, options, threads):
    case = random_case(*shape, np.float32, **options)
    results = []
    for count in threads:
        numba.set_num_threads(count)
        results.append(run_kernels(case))
    for other in results[1:]:
        for name, value in results[0].items():
            assert np.array_equal(value, other[name]), name


def test_nan_stays_visible():
    case = random_case(4, 3, 2, 8, np.float32)
    case["x"][2, 1, 0] = np.nan
    outputs = run_kernels(case)["outputs"]
    assert np.isnan(outputs[2, 1:]).all()
    assert np.isfinite(outputs[[0, 1, 3]]).all()
    assert np.isfinite(outputs[2, 0]).all()


def test_values_below_the_normal_range():
    case = random_case(9, 5, 3, 20, np.float32)
    for name in ("x", "W", "U", "dy", "dh", "dc"):
        case[name] *= np.float32(1e-39)
    result, expected = run_kernels(case), reference(case)
    assert_close(result, expected, 100)
    for name in ("outputs", "h", "c"):  # what comes of ordinary states stays exact
        assert np.abs(result[name]).max() > 0.1
