"""What a GPU computes, beside the CPU's results: operations, models, the same bits again.

The CPU compiles for minutes where it has no cache, so its results may come from a file that was
written elsewhere: `python -m benchmarks.gpu_check --expect FILE`.
"""

import numpy as np

from nlstm.kernels.operations import DEFAULT
from tests.kernels.cuda import forms, models, operations, recurrent
from tests.kernels.cuda.side import Side

LIMITS = {"float32": 1e-5, "float64": 1e-12}
FIT = 1e-4
FORMS = [
    ("whole", "float32", False),
    ("steps", "float32", False),
    ("whole", "float64", False),
    ("steps", "float64", False),
    ("whole", "float32", True),
    ("steps", "float32", True),
]
GRU_SHAPES = {
    "in one launch": {"N": 300, "T": 20, "F": 10, "H": 64, "mask": True},
    "of a launch a step": {"N": 70, "T": 12, "F": 40, "H": 250},
}


def cases(dry):
    """Return the operations' cases and the models', by name: functions of a device."""
    names = list(operations.CASES)[:: 12 if dry else 1]
    found = {
        f"{name} {dtype}": lambda device, name=name, dtype=dtype: operations.results(
            device, name, dtype
        )
        for dtype in LIMITS
        for name in names
    }
    if not dry:
        found |= {
            f"gru {form} {dtype}": lambda device, dtype=dtype, shape=shape: recurrent.gru(
                Side(device, dtype), **shape
            )
            for dtype in LIMITS
            for form, shape in GRU_SHAPES.items()
        }
        found |= {
            f"gru before {form} {dtype}": lambda device, dtype=dtype, shape=shape: (
                recurrent.gru_before(Side(device, dtype), **shape)
            )
            for dtype in LIMITS
            for form, shape in GRU_SHAPES.items()
        }
    return found | {f"model {name}": run for name, run in fits(dry).items()}


def fits(dry):
    """Return models by name."""
    makes = {make.__name__: (make, options) for make, options in models.MODELS}
    for options in models.LSTM_OPTIONS:
        make = models.of_lstm(options, True)
        makes[f"LSTM {options}"] = make, {"lengths": models.LENGTHS}
    if dry:
        makes = {"seed": makes["seed"]}

    def results(device, make, options):
        history, outputs, *weights = models.fitted(device, make, **options)
        found = {f"history {name}": np.array(values) for name, values in history.items()}
        return found | {"outputs": outputs} | {f"weight {k}": w for k, w in enumerate(weights)}

    return {
        name: lambda device, given=given: results(device, *given) for name, given in makes.items()
    }


def write_expected(path):
    """Compute all cases on the CPU, and write what came out."""
    found = {}
    for name, run in cases(False).items():
        found |= {f"{name}|{what}": value for what, value in run("cpu").items()}
    np.savez_compressed(path, **found)
    return len(found)


def compare(options, attempt):
    """Return the largest error of each kind of case, and all cases that are beyond its limit."""
    stored = np.load(options.expected) if options.expected else None
    found: dict = {"cases": 0, "largest": {}, "beyond": {}}
    for name, run in cases(options.dry).items():
        kind = "model" if name.startswith("model ") else name.rpartition(" ")[2]
        limit = LIMITS.get(kind, FIT)
        error = attempt(lambda name=name, run=run: error_of(name, run, stored))
        found["cases"] += 1
        if isinstance(error, dict) or not error <= limit:
            found["beyond"][name] = error
        else:
            found["largest"][kind] = max(found["largest"].get(kind, 0.0), error)
    if found["beyond"]:
        found["error"] = f"{len(found['beyond'])} of {found['cases']} cases"
    return found


def error_of(name, run, stored):
    """Return the largest error of a case, relative to the largest number of each result."""
    results = run("cuda")
    if stored is None:
        expected = run("cpu")
    else:
        expected = {what: stored[f"{name}|{what}"] for what in results}
    finite = {what: np.isfinite(wanted) for what, wanted in expected.items()}
    largest = max(
        (np.abs(w[finite[what]]).max(initial=0) for what, w in expected.items()), default=0
    )
    worst = 0.0
    for what, wanted in expected.items():
        there = finite[what]
        if not np.array_equal(there, np.isfinite(results[what])):
            return float("inf")
        own = np.abs(wanted[there]).max(initial=0) or largest  # what should be zero has no size
        if there.any():
            error = np.abs(np.asarray(results[what], float)[there] - wanted[there]).max()
            worst = max(worst, float(error / max(own, np.finfo(float).tiny)))
    return worst


def lstm_forms(options, attempt):
    """Return the errors of each form of the LSTM against the NumPy reference."""
    sizes = dict(N=3, T=2, F=2, H=4) if options.dry else dict(N=32, T=20, F=10, H=50)
    found = {}
    for form, dtype, masked in FORMS:
        given = {"masked": masked, "dtype": dtype, **sizes}
        name = f"{form} {dtype}{' masked' if masked else ''}"
        found[name] = attempt(lambda form=form, given=given: forms.lstm_errors(form, **given))
    if not options.dry:
        found["whole H=128, 2 rows"] = attempt(
            lambda: forms.lstm_errors("whole", 61, 30, 5, 128, rows=2)
        )
        for N, T, H in ((70, 12, 250), (256, 30, 256), (64, 9, 500), (64, 9, 1024), (300, 5, 333)):
            for dtype in ("float32", "float64") if H < 1000 else ("float32",):
                given = dict(masked=H == 500, dtype=dtype)
                found[f"grid N={N} H={H} {dtype}"] = attempt(
                    lambda N=N, T=T, H=H, given=given: forms.lstm_errors(
                        "grid", N, T, 40, H, **given
                    )
                )
        found["steps H=250"] = attempt(lambda: forms.lstm_errors("steps", 70, 12, 40, 250))
    return found


def same_bits(shapes, steps):
    """Whether five fits of each shape give the same weights to the bit."""
    from benchmarks.machine.models import compiled_model

    found = {}
    for shape in shapes:
        results = set()
        x, y = shape.data(1)
        for _ in range(5):
            before, DEFAULT[0] = DEFAULT[0], "cuda"
            try:
                model = compiled_model(shape)
            finally:
                DEFAULT[0] = before
            model.fit(x, y, batch_size=shape.N, epochs=steps, verbose=0)
            results.add(b"".join(w.tobytes() for w in model.get_weights()))
        found[shape.name] = len(results) == 1
    if not all(found.values()):
        found["error"] = "the bits differ from run to run"
    return found
