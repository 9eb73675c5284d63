"""The table of docs/cuda.md: where each part of nlstm computes on a CUDA model.

    NUMBA_ENABLE_CUDASIM=1 python -m tests.kernels.cuda.page

prints it, for the end of the page.
"""

import inspect

from nlstm import layers, losses, metrics, optimizers
from nlstm.kernels import cpu, cuda
from nlstm.layers import Layer
from nlstm.losses import Loss
from nlstm.metrics import KernelMetric, Metric
from nlstm.optimizers import Optimizer

START = "<!-- made by: python -m tests.kernels.cuda.page -->"

# Of the contract's operations that the GPU has not, what users call those that are missed.
WORDS = {
    "lstm_normalised": "`LSTM(layer_norm=True)`",
    "normalised_scratch_size": "",
    "normalised_factors_shape": "",
    "lstm_paired": '`matmul_precision="bfloat16"`',
    "lstm_paired_size": "",
    "lstm_paired_scratch_size": "",
    "dense_paired": "",
    "dense_paired_scratch_size": "",
    "stream_table": "`model.stream`: it runs on the CPU, with a copy of the weights, and says so",
    "stream_step": "",
}
# What the device has no use for: layouts are asked of its words, threads are the processor's.
HOSTS = {"describe", "get_num_threads", "set_num_threads"}


def absent():
    """Return the contract's operations that the GPU has not."""
    given = vars(cpu).items()
    public = {n for n, one in given if not n.startswith("_") and not inspect.ismodule(one)}
    missing = {n for n in public if not hasattr(cuda, n) and not hasattr(cuda.Words, n)}
    return {n for n in missing - HOSTS if not n.startswith(("pack_", "unpack_"))}


def classes(module, kind, leave=()):
    """Return the public names of a module that are of a kind."""
    found = [getattr(module, name) for name in getattr(module, "__all__", dir(module))]
    made = {one.__name__ for one in found if inspect.isclass(one) and issubclass(one, kind)}
    return sorted(made - {kind.__name__, *leave})


def lines():
    """Return the table's lines."""
    ours = classes(metrics, KernelMetric, {"KernelMetric"})
    others = [name for name in classes(metrics, Metric, {"KernelMetric"}) if name not in ours]
    missed = [text for name, text in WORDS.items() if name in absent() and text]
    rows = {
        "layers, native": classes(layers, Layer),
        "losses, native": classes(losses, Loss),
        "optimizers, native": classes(optimizers, Optimizer),
        "metrics, native": ours,
        "metrics in NumPy, by way of the host": others,
    }
    for title, names in rows.items():
        yield f"- {title}: {', '.join(f'`{name}`' for name in names)}"
    yield "- by way of the host: users' own losses, metrics, regularizers, constraints, in NumPy"
    yield f"- absent: {'; '.join(missed)}"


if __name__ == "__main__":
    print("\n".join(lines()))
