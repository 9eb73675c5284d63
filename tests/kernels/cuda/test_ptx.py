"""Every kernel compiled for sm_80 and sm_90 without a GPU: registers, spills, float64 arithmetic.

Wants numba-cuda, nvidia-nvvm, nvidia-cuda-nvrtc and ptxas (nvidia-cuda-nvcc), all of one CUDA
version, and NLSTM_PTX_TESTS=1.
"""

import os
import re
import shutil
import subprocess
import sys
import time
import types
from pathlib import Path

import numpy as np
import pytest

from nlstm.kernels.cuda import dense, lstm_steps, lstm_whole, products, training
from nlstm.kernels.cuda.launch import cuda

numba_types = pytest.importorskip("numba.cuda").types
MOST_SPILLED_BYTES = 16


def array(ndim, dtype=np.float32):
    kind = {"float32": "float32", "float64": "float64", "uint8": "uint8", "int64": "int64"}
    return numba_types.Array(getattr(numba_types, kind[np.dtype(dtype).name]), ndim, "C")


def lstm_signature(real):
    gates = [array(4, real), array(4, real), array(3, real), array(3, real)]
    return (array(3, real), *gates, array(3, real), array(3, real), array(2, np.uint8))


def cases():
    """Yield name, kernel and argument types; heavy ones first."""
    integer = numba_types.int64
    mask = array(2, np.uint8)
    for real in (np.float32, np.float64):
        dtype, name = np.dtype(real), np.dtype(real).name
        one, two, three, four = (array(n, real) for n in (1, 2, 3, 4))
        shapes = (
            (50, 1, 10),
            (25, 1, 1),
            (32, 2, 7),
            (64, 1, 8),
            (128, 2, 5),
            (128, 1, 0),
            (128, 4, 0),
        )
        for H, rows, F in shapes:
            if not lstm_whole.fits(H, real, F, rows=rows):
                continue
            yield (
                f"whole_forward {name} H={H} rows={rows} F={F}",
                lstm_whole.whole_forward(dtype, H, rows, F),
                lstm_signature(real),
            )
            yield (
                f"whole_backward {name} H={H} rows={rows}",
                lstm_whole.whole_backward(dtype, H, rows, F == 10),
                (three, three, three, two, two, four, mask),
            )
        for masked in (False, True):
            yield (
                f"step_forward {name} masked={masked}",
                lstm_steps.step_forward(dtype, True, masked),
                (integer, four, three, three, three, mask),
            )
            yield (
                f"step_backward {name} masked={masked}",
                lstm_steps.step_backward(dtype, True, masked),
                (integer, four, three, three, three, two, two, mask),
            )
        for rows, columns in ((1, 1), (1, 2), (2, 1), (2, 2)):
            for transposed in (False, True):
                yield (
                    f"product {name} {rows}x{columns} transposed={transposed}",
                    products.product(dtype, rows, columns, not transposed, transposed),
                    (two, two, one, two),
                )
            yield (
                f"gradient_parts {name} {rows}x{columns}",
                products.gradient_parts(dtype, rows, columns),
                (two, two, two, three),
            )
        yield f"sum_parts {name}", products.sum_parts(dtype), (two, one)
        yield f"dense_forward {name}", dense.dense_forward(dtype), (two, three, two, two)
        yield (
            f"dense_backward {name}",
            dense.dense_backward(dtype),
            (two, two, three, three, two, two),
        )
        yield f"mse {name}", training.mean_squared_error(dtype), (two, two, two, one)
        yield f"adam_rate {name}", training.adam_rate(dtype), (one, array(1, np.int64), one)
        yield f"adam_update {name}", training.adam_update(dtype), (one,) * 5
        yield f"fill {name}", training.fill(dtype), (one,)


CASES = {name: (kernel, signature) for name, kernel, signature in cases()}


def compile_ptx(kernel, signature, capability):
    device = types.SimpleNamespace(compute_capability=capability)
    for module in ("dispatcher", "compiler"):
        sys.modules[f"numba.cuda.{module}"].get_current_device = lambda: device
    ptx, _ = cuda.compile(
        kernel.function, signature, device=False, cc=capability, output="ptx", abi="numba"
    )
    return ptx.decode() if isinstance(ptx, bytes) else ptx


def assemble(ptx, capability, max_registers, folder):
    """Return registers and spilled bytes as ptxas reports them."""
    ptxas = shutil.which("ptxas") or next(
        (str(p) for entry in sys.path for p in Path(entry).glob("nvidia/cu13/bin/ptxas")), None
    )
    source = folder / "kernel.ptx"
    source.write_text(ptx)
    report = subprocess.run(
        [ptxas, "-v", f"-arch=sm_{capability[0]}{capability[1]}", f"-maxrregcount={max_registers}",
         "-o", str(folder / "kernel.cubin"), str(source)],
        capture_output=True, text=True, check=True,
    ).stderr  # fmt: skip
    registers = int(re.search(r"Used (\d+) registers", report)[1])
    spilled = [int(n) for n in re.findall(r"(\d+) bytes spill", report)]
    stack = [int(n) for n in re.findall(r"(\d+) bytes stack frame", report)]
    return registers, sum(spilled), sum(stack)


@pytest.mark.parametrize("capability", [(9, 0), (8, 0)], ids=["sm_90", "sm_80"])
@pytest.mark.parametrize("name", CASES)
def test_compiles(name, capability, tmp_path):
    kernel, signature = CASES[name]
    ptx = compile_ptx(kernel, signature, capability)
    registers, spilled, stack = assemble(ptx, capability, kernel.max_registers, tmp_path)
    if spilled > MOST_SPILLED_BYTES and ("step_" in name or "rows=4" in name):
        pytest.xfail(f"{spilled} bytes spilled: outside of the inner loop, not tuned yet")
    assert spilled <= MOST_SPILLED_BYTES
    assert registers <= kernel.max_registers
    if "float32" in name and "adam_rate" not in name:
        assert not re.search(r"\.f64", ptx)


if __name__ == "__main__":
    wanted = sys.argv[1:]
    folder = Path(os.environ.get("TMPDIR", "/tmp")) / "nlstm_ptx"
    folder.mkdir(exist_ok=True)
    for name, (kernel, signature) in CASES.items():
        if wanted and not all(word in name for word in wanted):
            continue
        start = time.perf_counter()
        try:
            ptx = compile_ptx(kernel, signature, (9, 0))
            found = assemble(ptx, (9, 0), kernel.max_registers, folder)
        except Exception as error:  # noqa: BLE001
            print(f"{name:45s} {type(error).__name__}: {str(error)[-1500:]}")
            continue
        wide = len(re.findall(r"ld\.shared\.v4", ptx)), len(re.findall(r"ld\.shared\.[fb]", ptx))
        (folder / (name.replace(" ", "_") + ".ptx")).write_text(ptx)
        print(
            f"{name:45s} registers {found[0]:3d} of {kernel.max_registers} spilled {found[1]:4d} "
            f"stack {found[2]:4d} ld.shared.v4 {wide[0]} scalar {wide[1]} "
            f"f64 {len(re.findall(r'[.]f64', ptx))} "
            f"shared {kernel.shared_bytes} {time.perf_counter() - start:.1f} s", flush=True,
        )  # fmt: skip
