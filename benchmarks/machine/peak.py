"""What this machine really does: multiply-adds in registers, and bytes moved at any footprint.

    python benchmarks/machine/peak.py [--threads 1,2] [--json]
    python benchmarks/machine/peak.py --bandwidth [--threads 2]

Honours NUMBA_CPU_FEATURES: with AVX2 chosen there, the peak is AVX2's.
"""

import argparse
import json
import platform
import time
from concurrent.futures import ThreadPoolExecutor

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import config, njit, types
from numba.extending import intrinsic

# An FMA takes 4 or 5 cycles and a core starts 2 in a cycle, so at least 10 must be in flight; 12
# and their two operands still fit the 16 registers of AVX2.
CHAINS = 12
UNROLL = 8


def vector_floats() -> int:
    """Give the number of float32 in the widest vector that Numba compiles for."""
    named = config.CPU_FEATURES
    if named is None:
        features = {name for name, present in llvm.get_host_cpu_features().items() if present}
    else:
        features = {name[1:] for name in named.split(",") if name.startswith("+")}
    if "avx512f" in features:
        return 16
    return 8 if features & {"avx", "avx2"} else 4


def isa() -> str:
    """Name the vector instructions that Numba compiles for."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return "neon" if platform.machine().lower() in ("arm64", "aarch64") else "scalar"
    return {16: "avx512", 8: "avx2", 4: "sse"}[vector_floats()]


@intrinsic
def fma_chains(typingctx, repeats, factor, addend):
    """Run `repeats` rounds of UNROLL fused multiply-adds in each of CHAINS vectors; add them up."""

    def codegen(context, builder, signature, arguments):
        repeats, factor, addend = arguments
        width = vector_floats()
        vector = ir.VectorType(ir.FloatType(), width)
        # llvmlite's declare_intrinsic knows no vectors; the mangled name says the same.
        fma = ir.Function(
            builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fma.v{width}f32"
        )

        def broadcast(scalar):
            filled = ir.Constant(vector, ir.Undefined)
            for lane in range(width):
                filled = builder.insert_element(filled, scalar, ir.IntType(32)(lane))
            return filled

        factors, addends = broadcast(factor), broadcast(addend)
        # Unlike starts, or the chains would be one value to the compiler.
        starts = [broadcast(ir.Constant(ir.FloatType(), float(i + 1))) for i in range(CHAINS)]

        before = builder.block
        loop, after = builder.append_basic_block("fma"), builder.append_basic_block("sum")
        builder.branch(loop)
        builder.position_at_end(loop)
        counter = builder.phi(repeats.type)
        counter.add_incoming(ir.Constant(repeats.type, 0), before)
        chains = [builder.phi(vector) for _ in range(CHAINS)]
        values = chains
        for _ in range(UNROLL):
            values = [builder.call(fma, [value, factors, addends]) for value in values]
        for chain, start, value in zip(chains, starts, values, strict=True):
            chain.add_incoming(start, before)
            chain.add_incoming(value, loop)
        following = builder.add(counter, ir.Constant(repeats.type, 1))
        counter.add_incoming(following, loop)
        builder.cbranch(builder.icmp_signed("<", following, repeats), loop, after)

        builder.position_at_end(after)
        total = values[0]
        for value in values[1:]:
            total = builder.fadd(total, value)
        result = builder.extract_element(total, ir.IntType(32)(0))
        for lane in range(1, width):
            result = builder.fadd(result, builder.extract_element(total, ir.IntType(32)(lane)))
        return result

    return types.float32(types.int64, types.float32, types.float32), codegen


@njit("float32(int64, float32, float32)", nogil=True)
def _chains(repeats, factor, addend):
    return fma_chains(repeats, factor, addend)


def peak_gflops(threads: int = 1, seconds: float = 0.15, trials: int = 5) -> float:
    """Measure the multiply-add rate of float32 on `threads` threads, best of some trials.

    The best, as a peak is what the machine can do: a trial that something else disturbed says less.
    """
    flops_per_repeat = 2 * CHAINS * UNROLL * vector_floats()
    repeats = 1 << 14
    while True:
        elapsed = _timed(_chains, repeats)
        if elapsed > seconds / 8:
            break
        repeats *= 4
    repeats = max(1, int(repeats * seconds / elapsed))
    best = 0.0
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(trials):
            start = time.perf_counter()
            list(pool.map(lambda _: _timed(_chains, repeats), range(threads)))
            elapsed = time.perf_counter() - start
            best = max(best, threads * repeats * flops_per_repeat / elapsed / 1e9)
    return best


def _timed(chains, repeats):
    start = time.perf_counter()
    chains(repeats, 0.999, 0.001)  # settles at 1: no denormals, no infinities
    return time.perf_counter() - start


@njit(nogil=True)
def _triad(repeats, factor, a, b, c):
    for r in range(repeats):
        scale = factor * np.float32(r)  # another in each round, or one round would do for all
        for i in range(a.size):
            a[i] = b[i] + scale * c[i]


def bandwidth(threads: int, footprint: int, seconds: float = 0.05, trials: int = 5) -> float:
    """Measure bytes per second that `threads` threads move when they work on `footprint` bytes.

    The triad a = b + s c of STREAM (McCalpin 1995), counted as there: two reads and a write. Each
    thread has arrays of its own; the footprint is that of all of them. The best of some trials.
    """
    size = max(16, footprint // (3 * 4 * threads))
    arrays = [[np.ones(size, np.float32) for _ in range(3)] for _ in range(threads)]
    factor = np.float32(0.5)
    _triad(1, factor, *arrays[0])
    start = time.perf_counter()
    _triad(4, factor, *arrays[0])
    repeats = max(1, int(4 * seconds / (time.perf_counter() - start)))
    best = 0.0
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(trials):
            start = time.perf_counter()
            list(pool.map(lambda own: _triad(repeats, factor, *own), arrays))
            elapsed = time.perf_counter() - start
            best = max(best, 3 * 4 * size * threads * repeats / elapsed)
    return best


def main():
    usual = "1,2" if config.NUMBA_NUM_THREADS > 1 else "1"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", default=usual, help="numbers of threads, by comma")
    parser.add_argument("--json", action="store_true", help="print isa and {threads: GFLOP/s}")
    parser.add_argument("--bandwidth", action="store_true", help="GB/s by footprint instead")
    options = parser.parse_args()
    if options.bandwidth:
        for threads in map(int, options.threads.split(",")):
            for power in range(16, 30):
                gigabytes = bandwidth(threads, 1 << power) / 1e9
                print(f"{threads} threads, {2**power >> 10} KiB: {gigabytes:.0f} GB/s")
        return
    peaks = {int(n): peak_gflops(int(n)) for n in options.threads.split(",")}
    if options.json:
        print(json.dumps({"isa": isa(), "gflops": peaks}))
        return
    for threads, gflops in peaks.items():
        print(f"{threads} thread{'s' * (threads > 1)}: {gflops:.0f} GFLOP/s")


if __name__ == "__main__":
    main()
