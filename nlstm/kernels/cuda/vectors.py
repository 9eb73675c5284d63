"""Sixteen bytes at a time: reads of four numbers, and copies that nobody waits for.

Places are counted in elements from the array's first, whatever its axes; those of four numbers are
multiples of four of what lies at a multiple of 16 bytes. Numba would make four loads of four
numbers that it does not know to be aligned, and has no words for copies behind the arithmetic.
"""

import functools

import numpy as np

from nlstm.kernels.cuda.launch import SIMULATED, cuda, stream

LEAST_CAPABILITY = 8  # of devices that have such copies
MOST_BYTES = 16  # of a copy

if SIMULATED:

    def _flat(array):
        return array.reshape(-1)

    def read_four(array, at):
        flat = _flat(array)
        return flat[at], flat[at + 1], flat[at + 2], flat[at + 3]

    def write_four(array, at, first, second, third, fourth):
        flat = _flat(array)
        flat[at], flat[at + 1], flat[at + 2], flat[at + 3] = first, second, third, fourth

    def copier(numbers):
        """Return a function that copies so many numbers to shared memory, or zeros there."""

        def copy(to, at, array, place, inside):
            for q in range(numbers):
                _flat(to)[at + np.uint64(q)] = _flat(array)[place + np.uint64(q)] if inside else 0

        return copy

    def commit():
        """Begin what has been asked for since the last commit."""

    def waiter(left):
        """Return a function that waits until no more than so many commits are on their way."""
        return lambda: None

else:
    from llvmlite import ir
    from numba.cuda import types
    from numba.cuda.extending import intrinsic

    WORD = ir.IntType(32)
    SHARED = 3  # LLVM's number of shared memory

    def element(context, builder, kind, array, place_kind, place):
        """Return the address of an element of an array, taken as one axis."""
        data = context.make_array(kind)(context, builder, array).data
        place = context.cast(builder, place, place_kind, types.uint64)
        return builder.gep(data, [place])

    def assembly(builder, text, constraints, result, *arguments):
        """Emit one instruction that stays where it is."""
        kind = ir.FunctionType(result, [one.type for one in arguments])
        return builder.call(ir.InlineAsm(kind, text, constraints, side_effect=True), arguments)

    def _four(context, builder, kind, pointer):
        """Return an address as one of four numbers."""
        number = context.get_data_type(kind.dtype)
        return builder.bitcast(pointer, ir.VectorType(number, 4).as_pointer())

    @intrinsic
    def read_four(typing_context, array, at):
        """Return the four numbers at a place."""

        def generate(context, builder, signature, given):
            kind, place_kind = signature.args
            pointer = element(context, builder, kind, given[0], place_kind, given[1])
            four = builder.load(_four(context, builder, kind, pointer))
            four.align = 16
            numbers = [builder.extract_element(four, WORD(q)) for q in range(4)]
            return context.make_tuple(builder, signature.return_type, numbers)

        return types.UniTuple(array.dtype, 4)(array, at), generate

    @intrinsic
    def write_four(typing_context, array, at, first, second, third, fourth):
        """Write four numbers to a place."""

        def generate(context, builder, signature, given):
            kind, place_kind, *kinds = signature.args
            pointer = element(context, builder, kind, given[0], place_kind, given[1])
            number = context.get_data_type(kind.dtype)
            four = ir.Constant(ir.VectorType(number, 4), ir.Undefined)
            for q, one in enumerate(given[2:]):
                four = builder.insert_element(four, one, WORD(q))
            builder.store(four, _four(context, builder, kind, pointer)).align = 16
            return context.get_dummy_value()

        numbers = (array.dtype,) * 4
        return types.void(array, at, *numbers), generate

    def copier(numbers):
        """Return a function that copies so many numbers to shared memory, or zeros there."""

        @intrinsic
        def copy(typing_context, to, at, array, place, inside):
            size = numbers * to.dtype.bitwidth // 8
            cached = "cg" if size == MOST_BYTES else "ca"

            def generate(context, builder, signature, given):
                to_kind, at_kind, kind, place_kind, inside_kind = signature.args
                there = element(context, builder, to_kind, given[0], at_kind, given[1])
                there = builder.addrspacecast(there, there.type.pointee.as_pointer(SHARED))
                source = element(context, builder, kind, given[2], place_kind, given[3])
                inside = context.cast(builder, given[4], inside_kind, types.boolean)
                read = builder.select(inside, WORD(size), WORD(0))
                text = f"cp.async.{cached}.shared.global [$0], [$1], {size}, $2;"
                places = builder.ptrtoint(there, WORD), source
                assembly(builder, text, "r,l,r,~{memory}", ir.VoidType(), *places, read)
                return context.get_dummy_value()

            return types.void(to, at, array, place, inside), generate

        return copy

    def _plain(text):
        @intrinsic
        def plain(typing_context):
            def generate(context, builder, signature, given):
                assembly(builder, text, "~{memory}", ir.VoidType())
                return context.get_dummy_value()

            return types.void(), generate

        return plain

    commit = _plain("cp.async.commit_group;")

    def waiter(left):
        """Return a function that waits until no more than so many commits are on their way."""
        return _plain(f"cp.async.wait_group {left};")


copy_four, copy_one = copier(4), copier(1)


@functools.cache
def has_copies() -> bool:
    """Whether the device copies to shared memory behind the arithmetic."""
    if SIMULATED:
        return True
    stream()
    return cuda.get_current_device().compute_capability[0] >= LEAST_CAPABILITY


def are_aligned(*arrays) -> bool:
    """Whether every row of arrays lies at a multiple of 16 bytes: as far as that is our doing."""
    return has_copies() and all(
        array.dtype == np.float32
        and array.offset % 16 == 0
        and array.block.owner is None
        and array.shape[-1] % 4 == 0
        for array in arrays
    )
