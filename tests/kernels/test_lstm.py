"""The LSTM kernels against the float64 reference, in every option and at awkward shapes."""

import numpy as np
import pytest

from nlstm.kernels.cpu.lstm import forward as lstm_forward_file
from nlstm.kernels.cpu.lstm import schedule as schedules
from nlstm.kernels.cpu.lstm.forward import place_z
from nlstm.kernels.cpu.lstm.schedule import lstm_scratch_size
from nlstm.kernels.cpu.machine.jit import njit
from nlstm.kernels.cpu.products import layout
from tests.kernels.lstm_case import GRADIENTS, random_case, run_kernels, zoneout_draws
from tests.kernels.schedules import lstm_slices, same_bits
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


# On two threads: the shape, its slices of rows and of units, whether slices have weight gradients
# of their own, and whether inputs are projected for many steps at once.
SCHEDULES = {
    "rows": ((37, 30, 3, 20), (2, 1), True, False),
    "rows, gradients together": ((9, 60, 300, 256), (2, 1), False, False),
    "units": ((5, 130, 3, 200), (1, 2), False, False),
    "units, inputs projected": ((6, 3, 1600, 520), (1, 2), False, True),
}
PREDICTED = [shape for shape, *_ in SCHEDULES.values()] + [(40, 13, 1600, 520)]


def schedule_of(shape, dtype, threads):
    """Return what `SCHEDULES` says after the shape, from the kernels' own functions."""
    (N, T, F, H), L = shape, layout.lanes(dtype)
    itemsize = np.dtype(dtype).itemsize
    partial = schedules.partial_slices.py_func(N, F, H, layout.blocks(H, dtype), L, itemsize)
    return lstm_slices(T, N, F, H, threads), partial > 0, schedules.is_projected.py_func(F, H)


def test_shapes_that_take_one_thread_are_known_as_such():
    for shape in ((1, 3, 4, 200), (5, 40, 3, 64)):
        assert schedule_of(shape, np.float32, 2)[0] == (1, 1)


@pytest.mark.parametrize(
    "dtype, options, more",
    [
        (np.float32, {}, ()),
        (np.float64, {}, ()),
        (np.float32, OPTIONS[6], ("lstm.forward.mask_inputs_parallel",)),
        (np.float32, OPTIONS[7], ("lstm.forward.mask_inputs_by_gate_parallel",)),
        (np.float64, OPTIONS[7], ("lstm.forward.mask_inputs_by_gate_parallel",)),
    ],
    ids=["plain32", "plain64", "masks32", "all32", "all64"],
)
@pytest.mark.parametrize("name", SCHEDULES)
def test_same_bits_at_any_number_of_threads(name, options, more, dtype, threads, monkeypatch):
    monkeypatch.setattr(lstm_forward_file, "SMALL_COPY", 0)
    shape, *wanted = SCHEDULES[name]
    assert list(schedule_of(shape, dtype, 2)) == wanted
    for count in threads[1:]:
        assert max(schedule_of(shape, dtype, count)[0]) > 1
    case, names = random_case(*shape, dtype, **options), []

    def run():
        result = run_kernels(case)
        names[:] = result
        return result.values()

    kernels = "lstm.forward.run_forward", "lstm.backward.run_backward"
    found = same_bits(threads, run, *kernels, *more)
    found = dict(zip(names, found))
    assert_close(found, reference(case), shape[1] * shape[3])
    assert not found["lanes past H"].any()


def test_the_last_of_those_that_predict_projects_in_chunks():
    *_, (N, T, F, H) = PREDICTED
    assert schedules.is_projected.py_func(F, H)
    assert 1 < schedules.projected_steps.py_func(T, N) < T


@pytest.mark.parametrize("shape", PREDICTED, ids=str)
def test_prediction_of_several_threads_gives_the_states_of_training(shape, threads):
    case = random_case(*shape, np.float32)
    trained = run_kernels(case)
    run = lambda: run_kernels(case, train=False).values()  # noqa: E731
    predicted = same_bits(threads, run, "lstm.forward.run_forward")
    for one, other in zip(predicted, ("h", "c"), strict=True):
        assert np.array_equal(one, trained[other])


@njit
def place(scratch, t0, t, N, B, L):
    _, at, block = place_z(None, scratch, t0, t, N, B, L)
    return at, at + B * block


def test_chunks_of_projected_inputs_take_turns_in_scratch():
    N, T, F, H = 40, 100, 1600, 520
    B, L = layout.blocks(H, np.float32), layout.lanes(np.float32)
    steps, scratch = schedules.projected_steps.py_func(T, N), np.zeros(1, np.float32)
    places = [[place(scratch, t0, t0 + t, N, B, L) for t in range(steps)] for t0 in (0, steps)]
    assert places[0] == places[1]
    ends = [end for _, end in places[0]]
    assert [start for start, _ in places[0][1:]] == ends[:-1]
    assert ends[-1] <= lstm_scratch_size(steps, N, F, H, np.float32)


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
