"""The register tile: the one inner loop under every matrix product.

    C[r, v] = start[r, v] + sum over sources, j, k of A[r, j, k] * B[v, j, k]      r < rows, v <
    vectors

C and B are read and written a vector at a time, A one number at a time, spread over a vector. The
``rows x vectors`` sums stay in registers (6 x 4 of the 32 of AVX-512 and ARM, 3 x 4 of the 16 of
AVX2), because they are the phis of a loop that is written in LLVM IR. Strides say which product it
is: A by rows or by columns, B in panels or in gate blocks. The order of the additions to one C
element depends on neither the tile's shape nor its place, so every way to cut a product into tiles
gives the same bits.

In the gate tile A differs from vector to vector, C[r, v] = ... A[r, j, k + v L] * B[v, j, k], for
what has a dropout mask a gate: four products with as many sums in registers as one. That v's
numbers are a vector's width further is known to the compiler, or else the addresses of all sums'
numbers take more registers than there are.

In the pair tile A and B hold words of two bfloat16, numbers 2k and 2k + 1 of the sum, and a step
adds both products of a pair; C is float32. It is what `tile` is for arrays of uint32. The AMX tile
stands in its place, under its symbol, where NLSTM_AMX=1 asks for it, so that kernels do not differ.
"""

from itertools import pairwise

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.core.compiler import Compiler
from numba.extending import intrinsic

from nlstm.kernels.cpu.machine.jit import (
    multiplies_tiles,
    njit,
    start_threads,
    vector_registers,
)
from nlstm.kernels.cpu.machine.simd import Emitter, element_pointer, scalar_ir
from nlstm.kernels.cpu.products.amx import define_amx_tile
from nlstm.kernels.cpu.products.frame import (
    A_FIELDS,
    B_FIELDS,
    VECTORS,
    WORD,
    emit_loop,
    inner_function,
    named_fields,
    tile_signature,
    unreachable_block,
)
from nlstm.kernels.cpu.products.pairs import add_pairs

ROWS = 6 if vector_registers() == 32 else 3  # + 4 vectors of B and a number of A must fit as well


@intrinsic
def tile(typingctx, rows, vectors, out, start, sources):
    """Compute one tile; offsets and strides count elements.

    Parameters
    ----------
    rows, vectors : 1 to ROWS, 1 to VECTORS.
    out : (array, offset, row stride, vector stride) of C.
    start : the same four of the values to start from, or None for zeros.
    sources : tuple of one or two (A, offset, row, k and j strides, B, offset, vector, k and j
        strides, n, m): the sum runs over j < m and, inside, k < n. Sources are added one after the
        other. Where (array, offset, k and j strides) follow, each step over k asks for one cache
        line of it, so that what is read later is on its way to the second-level cache.
    """
    return call_tile("pair_tile" if is_paired(sources[0][0]) else "tile", out, start, sources)


@intrinsic
def gate_tile(typingctx, rows, vectors, out, start, sources):
    """As `tile`, but VECTORS vectors always, for each of which A begins a vector further.

    `load_gate_tile` comes first.
    """
    return call_tile("gate_tile", out, start, sources)


def is_paired(array):
    """Whether an array holds pairs of bfloat16."""
    return array.dtype == types.uint32


def call_tile(kind, out, start, sources):
    """Return the signature of a tile and the generator of its call."""
    dtype = out[0].dtype
    b_first = len(A_FIELDS) + 1  # offset included
    ahead_first = b_first + len(B_FIELDS) + 1

    def codegen(context, builder, signature, args):
        def place(type_, packed, count):
            fields = [builder.extract_value(packed, i) for i in range(count)]
            return [element_pointer(context, builder, type_[0], fields[0], fields[1]), *fields[2:]]

        call = [args[0], args[1], *place(out, args[2], 4)]
        if start is types.none:
            zeros = cgutils.global_constant(
                builder, "nlstm_zeros", ir.Constant(Emitter(builder, dtype).type, None)
            )
            call += [builder.bitcast(zeros, scalar_ir(dtype).as_pointer()), WORD(0), WORD(0)]
        else:
            call += place(start, args[3], 4)
        pointer = call[2]
        for index, type_ in enumerate(sources):
            packed = builder.extract_value(args[4], index)
            fields = [builder.extract_value(packed, i) for i in range(len(type_))]
            for first, last in pairwise([0, b_first, ahead_first, len(type_)]):
                if first == last:  # nothing ahead: it asks for what is there
                    call += [pointer, WORD(0), WORD(0)]
                    break
                pointer = element_pointer(
                    context, builder, type_[first], fields[first], fields[first + 1]
                )
                pointer = builder.bitcast(pointer, scalar_ir(dtype).as_pointer())
                call += [pointer, *fields[first + 2 : last]]
        function_type, name = tile_signature(dtype, kind)
        missing = function_type.args[len(call) :]
        call += [ir.Constant(type_, None) if type_.is_pointer else WORD(0) for type_ in missing]
        function = cgutils.get_or_insert_function(builder.module, function_type, name)
        builder.call(function, call)
        return context.get_dummy_value()

    words = types.int64
    out_type = types.Tuple((out[0], words, words, words))
    start_type = start if start is types.none else types.Tuple((start[0], words, words, words))
    source_types = types.Tuple(
        [
            types.Tuple([s[i] if i in (0, b_first, ahead_first) else words for i in range(len(s))])
            for s in sources
        ]
    )
    return types.void(words, words, out_type, start_type, source_types), codegen


# --- the function behind it: compiled once for each dtype, known to its callers by its symbol -----
# Were it part of every kernel that calls it, LLVM would compile its 24 shapes again in each of
# them.


_loaded = set()


def load_tile(dtype):
    """Compile the tile of one dtype, or read it from the cache, and make its symbol known."""
    _load(np.dtype(dtype), "tile", tile_address)


def load_gate_tile(dtype):
    """As `load_tile`, for the gate tile: before kernels that call it are compiled or read."""
    _load(np.dtype(dtype), "gate_tile", gate_tile_address)


def load_pair_tile():
    """As `load_tile`, for the pair tile: before kernels that call it are compiled or read."""
    _load(np.dtype(np.float32), "pair_tile", paired_address)


def paired_address(array):
    """Return the address of the pair tile, or of what is asked for in its place."""
    return (amx_tile_address if multiplies_tiles() else pair_tile_address)(array)


def _load(dtype, kind, address):
    if (dtype, kind) not in _loaded:
        start_threads()  # cached kernels need the symbols of the threading layer as well
        _, name = tile_signature(dtype.name, kind)
        binding.add_symbol(name, address(np.empty(0, dtype)))
        _loaded.add((dtype, kind))


@njit(pipeline_class=Compiler)  # LLVM's second look at a whole kernel makes a tile longer
def tile_address(array):
    return _define_tile(array)


@njit(pipeline_class=Compiler)
def gate_tile_address(array):
    return _define_gate_tile(array)


@njit(pipeline_class=Compiler)
def pair_tile_address(array):
    return _define_pair_tile(array)


@njit(pipeline_class=Compiler)
def amx_tile_address(array):
    return _define_amx_tile(array)


def _definition(kind):
    @intrinsic
    def define(typingctx, array):
        def codegen(context, builder, signature, args):
            return builder.ptrtoint(define_tile(builder.module, array.dtype, kind), WORD)

        return types.int64(array), codegen

    return define


_define_tile, _define_gate_tile = _definition("tile"), _definition("gate_tile")
_define_pair_tile, _define_amx_tile = _definition("pair_tile"), _definition("amx_tile")


def define_tile(module, dtype, kind):
    """Define the IR function that picks the tile of a given shape."""
    if kind == "amx_tile":
        return define_amx_tile(module, define_tile(module, dtype, "pair_tile"))
    function_type, name = tile_signature(dtype, kind)
    function = inner_function(module, function_type, name + "_body", dtype)
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    rows, vectors, *fields = function.args
    shape = builder.add(builder.mul(rows, WORD(VECTORS + 1)), vectors)
    switch = builder.switch(shape, unreachable_block(function))
    for r in range(1, ROWS + 1):
        for v in range(VECTORS if kind == "gate_tile" else 1, VECTORS + 1):
            block = function.append_basic_block(f"tile_{r}x{v}")
            switch.add_case(WORD(r * (VECTORS + 1) + v), block)
            emit_tile(ir.IRBuilder(block), dtype, r, v, fields, kind)
    return function


def emit_tile(builder, dtype, rows, vectors, fields, kind):
    emit = Emitter(builder, dtype)
    cells = [(r, v) for r in range(rows) for v in range(vectors)]
    out, start, sources = named_fields(fields)

    def at(place, r, v):
        row = builder.mul(WORD(r), place["row"])
        return builder.gep(
            place["pointer"], [builder.add(row, builder.mul(WORD(v), place["vector"]))]
        )

    sums = [emit.load(at(start, r, v)) for r, v in cells]
    for source in sources:
        sums = emit_source(emit, rows, vectors, sums, source, kind)
    for (r, v), value in zip(cells, sums):
        emit.store(value, at(out, r, v))
    builder.ret_void()


def emit_source(emit, rows, vectors, sums, source, kind):
    """Add the products of one source to the sums: two nested loops around the multiply-adds."""
    builder = emit.builder

    def add(a, b, total):
        return add_pairs(emit, a, b, total) if kind == "pair_tile" else emit.fma(a, b, total)

    def step(values, a, b):
        *sums, ahead = values

        # The narrow side is held in registers, the other goes through one of them at a time: with
        # 16 registers 3 numbers, with 32 registers 4 vectors.
        def number(r, a=a):
            return emit.broadcast(builder.gep(a, [builder.mul(WORD(r), source["a_row"])]))

        def column(v):
            return emit.load(builder.gep(b, [builder.mul(WORD(v), source["b_vector"])]))

        result = list(sums)
        if kind == "gate_tile":
            for v in range(vectors):
                one, a_v = column(v), builder.gep(a, [WORD(v * emit.width)])
                for r in range(rows):
                    cell = r * vectors + v
                    result[cell] = add(number(r, a_v), one, sums[cell])
        elif rows < vectors:
            numbers = [number(r) for r in range(rows)]
            emit_prefetch(builder, ahead)
            for v in range(vectors):
                one = column(v)
                for r in range(rows):
                    result[r * vectors + v] = add(numbers[r], one, sums[r * vectors + v])
        else:
            columns = [column(v) for v in range(vectors)]
            emit_prefetch(builder, ahead)
            for r in range(rows):
                one = number(r)
                for v in range(vectors):
                    result[r * vectors + v] = add(one, columns[v], sums[r * vectors + v])
        return [*result, builder.gep(ahead, [source["ahead_k"]])]

    def inner(values, a, b):
        k_steps = (a, source["a_k"]), (b, source["b_k"])
        *sums, _ = emit_loop(builder, source["n"], values, *k_steps, step)
        return [*sums, builder.gep(values[-1], [source["ahead_j"]])]

    *sums, _ = emit_loop(
        builder,
        source["m"],
        [*sums, source["ahead"]],
        (source["a"], source["a_j"]),
        (source["b"], source["b_j"]),
        inner,
    )
    return sums


def emit_prefetch(builder, pointer):
    """Ask for a cache line, as far as the second level."""
    byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
    signature = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
    function = cgutils.get_or_insert_function(builder.module, signature, "llvm.prefetch.p0")
    read, locality, data = word(0), word(2), word(1)
    builder.call(function, [builder.bitcast(pointer, byte), read, locality, data])
