"""The libraries, and what each gets that runs in a process of its own."""

import os
import sys
from pathlib import Path

TITLES = {
    "nlstm": "nlstm",
    "torch": "PyTorch",
    "torch-tf32": "PyTorch, TF32",
    "keras-jax": "Keras on JAX",
    "keras-tensorflow": "Keras on TensorFlow",
    "nlstm-bfloat16": "nlstm bfloat16",
    "torch-bfloat16": "PyTorch autocast",
    "keras-jax-bfloat16": "Keras on JAX mixed_bfloat16",
    "keras-tensorflow-bfloat16": "Keras on TensorFlow mixed_bfloat16",
}
# What each device compares: float32 with products in fewer bits is a GPU's, and TensorFlow here the
# CPU's alone.
PEERS = {
    "cpu": ["torch", "keras-jax", "keras-tensorflow"],
    "cuda": ["torch", "torch-tf32", "keras-jax"],
}
# Each library's way to bfloat16, on the CPU alone.
BFLOAT16_OF = {
    name.removesuffix("-bfloat16"): name for name in TITLES if name.endswith("-bfloat16")
}


def thread_environment(threads: int, device: str = "cpu") -> dict[str, str]:
    """Copy the environment, with the number of threads in every word that some library reads."""
    return os.environ | {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        "NUMBA_NUM_THREADS": str(threads),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "JAX_PLATFORMS": device,
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # the others need of a GPU's memory too
        "PYTHONUNBUFFERED": "1",
    }


def core_of(processor: int) -> str:
    """Name the core of a processor by all processors that share it."""
    path = Path(f"/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list")
    return path.read_text().strip() if path.is_file() else str(processor)


def processors() -> dict[int, str]:
    """Give the processors that this process may use, with their cores; a second of a core last."""
    if not hasattr(os, "sched_getaffinity"):
        return {n: str(n) for n in range(os.cpu_count() or 1)}
    cores = {n: core_of(n) for n in sorted(os.sched_getaffinity(0))}
    taken = list(cores.values())
    order = {n: taken[:k].count(core) for k, (n, core) in enumerate(cores.items())}
    return {n: cores[n] for n in sorted(cores, key=order.get)}


def stay_on_cores(count):
    """Bind this process to so many processors: some libraries size their pools by that alone."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, list(processors())[:count])


def versions_of(*projects):
    """Give the versions of those projects that are installed."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for project in projects:
        try:
            found[project] = version(project)
        except PackageNotFoundError:
            continue
    return found


def report(line: str):
    """Say how far a command is, beside what it prints."""
    print(line, file=sys.stderr, flush=True)
