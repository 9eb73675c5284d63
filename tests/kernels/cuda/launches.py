"""What operations and models would launch on a GPU, where there is none: kernels and signatures.

A launch is written down instead of run, and memory is none at all, so nothing here needs a driver.
numba-cuda, nvvm and ptxas then compile what was written down.
"""

import re
import shutil
import subprocess
import sys
import types
from pathlib import Path

import numpy as np

from nlstm.kernels import devices
from nlstm.kernels.cuda import arrays, cells, compiled, launch
from tests.kernels.cuda import models, operations, recurrent

PROCESSORS, SHARED_BYTES = 132, {(9, 0): 227 * 1024, (8, 0): 163 * 1024}
# Of the H100's and A100's; shapes at which the LSTM takes each of its forms.
FEWEST_UNITS = 16  # small models ask for kernels of their own
PLAIN = ["four", "dropped", "peephole", "zoneout", "silu", "everything"]
LSTM_SHAPES = [
    dict(N=32, T=3, F=10, H=50),
    dict(N=300, T=2, F=1, H=25),
    dict(N=600, T=2, F=20, H=64),
    dict(N=600, T=2, F=7, H=128, mask=True, last_only=True),
    dict(N=64, T=2, F=8, H=128),
    dict(N=200, T=2, F=40, H=128),
    dict(N=64, T=2, F=40, H=200, last_only=True),
    dict(N=64, T=2, F=40, H=200, mask=True),
    dict(N=64, T=1, F=40, H=200, last_only=True),
    dict(N=64, T=1, F=40, H=200, mask=True),
    dict(N=256, T=2, F=40, H=256),
    dict(N=64, T=2, F=40, H=500),
    dict(N=64, T=2, F=40, H=1024),
]
FORMS = r"(lstm_|gru_before_)whole|lstm_grid|lstm_steps|products"
GRU_SHAPES = LSTM_SHAPES[::2]
BEFORE_SHAPES = [
    dict(N=600, T=2, F=10, H=50),
    dict(N=200, T=2, F=3, H=64, mask=True, last_only=True),
    dict(N=32, T=2, F=1, H=128),
]


def recorded(capability, more=None, every=False):
    """Return what all cases launch, and `more`: `Kernel`, kinds of its arguments."""
    found = recording(capability)
    for dtype in ("float32", "float64"):
        for name in operations.CASES:
            if every or is_new(name, dtype):
                operations.results("cuda", name, dtype)
        side = operations.Side("cuda", dtype)
        for shape in LSTM_SHAPES if dtype == "float32" else LSTM_SHAPES[::5]:
            recurrent.lstm(side, **shape)
        for shape in LSTM_SHAPES if every else LSTM_SHAPES[::3] if dtype == "float32" else ():
            recurrent.lstm(side, **shape | {"training": False})
        for shape in GRU_SHAPES if dtype == "float32" else GRU_SHAPES[:1]:
            recurrent.gru(operations.Side("cuda", dtype), **shape)
        for shape in BEFORE_SHAPES if dtype == "float32" else BEFORE_SHAPES[:1]:
            recurrent.gru_before(operations.Side("cuda", dtype), **shape)
            recurrent.gru_before(operations.Side("cuda", dtype), **shape | {"training": False})
    for make, options in models.MODELS:
        models.fitted("cuda", make, **options)
    if more is not None:
        more()
    return found


def recording(capability):
    """Pretend a device from now on; return what will hold what is launched."""
    found: dict = {}

    def record(kernel, grid, *arguments):
        kind = tuple(map(compiled.kind_of, arguments))
        key = identity(kernel.function), kernel.threads, str(kind)
        found.setdefault(key, (kernel, kind))

    pretend_device(capability, record)
    return found


def named(found):
    """Return what was recorded by label, but models' kernels for a few units only."""
    named: dict = {}
    for (identity_, _, _), (kernel, kind) in found.items():
        sizes = sizes_of(kernel.function)
        if sizes.get("H", FEWEST_UNITS) < FEWEST_UNITS:
            continue
        name = " ".join([identity_[0], *(f"{key}={size}" for key, size in sizes.items())])
        named.setdefault(name, []).append((name, kernel, kind))
    return {
        f"{name} {number}": given
        for name, group in named.items()
        for number, given in enumerate(group)
    }


def chosen(named, capability):
    """Return of what has labels what is worth its time.

    All in float32 and one kernel of each name in float64; of older GPUs one of each form of the
    recurrences and products, as what differs there is the room for them.
    """
    kept: dict = {}
    for label, (name, kernel, kind) in named.items():
        plain, _, sizes = name.partition(" ")
        wide = "float64" in str(kind) and "float32" not in str(kind)
        if capability >= (9, 0):
            key = f"{plain} in float64" if wide else label
        elif wide or not re.match(FORMS, name):
            continue
        else:
            key = plain, sizes.partition(" ")[0]
        kept.setdefault(key, (label, (name, kernel, kind)))
    return dict(kept.values())


def is_new(name, dtype):
    """Whether a case launches what others do not: a kernel of an LSTM takes seconds to compile."""
    words = set(name.split())
    if "gru" in words and "before" not in words:
        return name in ("gru everything", "gru silu")
    if "lstm" in words:
        plain = PLAIN if dtype == "float32" else PLAIN[-1:]
        return "prediction" not in words and not words.isdisjoint(plain)
    return dtype == "float32" or "activation" not in words or "gelu" in words


def identity(function):
    """Return a function's name and what it closes over: equal where the compiled code is."""
    cells = []
    for cell in function.__closure__ or ():
        one = getattr(cell.cell_contents, "py_func", cell.cell_contents)
        cells.append(identity(one) if isinstance(one, types.FunctionType) else str(one))
    name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__.partition('.')[0]}"
    if name.startswith("each."):
        name = next((one[0] for one in cells if isinstance(one, tuple)), name)
    return name, function.__code__, tuple(cells)


def sizes_of(function):
    """Return the sizes that an LSTM's kernel is compiled for."""
    names = function.__code__.co_freevars
    cells = dict(zip(names, function.__closure__ or ()))
    return {name: cells[name].cell_contents for name in ("H", "rows") if name in cells}


def pretend_device(capability, record):
    """Put `record` in the place of launches, and nothing in the place of memory."""
    from numba import cuda
    from numba.cuda import compiler, dispatcher

    device = types.SimpleNamespace(
        compute_capability=capability,
        MULTIPROCESSOR_COUNT=PROCESSORS,
        MAX_SHARED_MEMORY_PER_BLOCK_OPTIN=SHARED_BYTES[capability],
    )
    for module in (cuda, compiler, dispatcher):
        module.get_current_device = lambda: device
    devices.gpus.missing = lambda number=0: None
    launch._here.ready = True
    launch._shared_stream = types.SimpleNamespace(synchronize=lambda: None, handle=0)
    cells.Cell.push = cells.Cell.pull = lambda cell: None
    for module in (launch, arrays):
        if hasattr(module, "free_memory"):
            module.free_memory = lambda: 1 << 36
    launch.processors.cache_clear()
    launch.shared_memory.cache_clear()
    launch.Kernel.__call__ = record
    launch.Graph.__init__ = lambda graph, calls, *more: None
    launch.Graph.replay = lambda graph: None
    arrays.Block.bytes = None
    arrays.DeviceArray.write = lambda array, host: None
    arrays.DeviceArray.to_host = lambda array: np.zeros(array.shape, array.dtype)


def ptx_of(kernel, kind, capability):
    """Return a kernel's PTX."""
    return compiled.ptx_of(kernel.function, kind, capability).decode()


def assembled(ptx, capability, max_registers, folder):
    """Return registers and spilled bytes as ptxas reports them."""
    ptxas = next(
        (str(p) for entry in sys.path for p in Path(entry).glob("nvidia/cu13/bin/ptxas")), None
    ) or shutil.which("ptxas")
    source = folder / "kernel.ptx"
    source.write_text(ptx)
    report = subprocess.run(
        [ptxas, "-v", f"-arch=sm_{capability[0]}{capability[1]}", f"-maxrregcount={max_registers}",
         "-o", str(folder / "kernel.cubin"), str(source)],
        capture_output=True, text=True, check=True,
    ).stderr  # fmt: skip
    registers = int(re.search(r"Used (\d+) registers", report)[1])
    return registers, sum(int(n) for n in re.findall(r"(\d+) bytes spill", report))
