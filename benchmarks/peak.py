"""How many multiply-adds this machine really does: chains of vector FMA that live in registers.

    python benchmarks/peak.py [--threads 1,2] [--json]

Honours NUMBA_CPU_FEATURES: with AVX2 chosen there, the peak is AVX2's.
"""

import argparse
import json
import time
from concurrent.futures import ThreadPoolExecutor

import llvmlite.binding as llvm
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", default="1,2", help="numbers of threads, by comma")
    parser.add_argument("--json", action="store_true", help="print {threads: GFLOP/s}")
    options = parser.parse_args()
    peaks = {int(n): peak_gflops(int(n)) for n in options.threads.split(",")}
    if options.json:
        print(json.dumps({"vector_floats": vector_floats(), "gflops": peaks}))
        return
    for threads, gflops in peaks.items():
        print(f"{threads} thread{'s' * (threads > 1)}: {gflops:.0f} GFLOP/s")


if __name__ == "__main__":
    main()
