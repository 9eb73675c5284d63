"""Sixteen bytes at a time: reads of four numbers, and copies to shared memory that go on by themselves.

Places are counted in elements from the array's first, whatever its axes, and are multiples of four
of what lies at a multiple of 16 bytes. Numba would make four loads of four numbers that it does not
know to be aligned, and has no words for asynchronous copies.
"""

import numpy as np

from nlstm.kernels.cuda.launch import SIMULATED

__all__ = ["commit", "copy_four", "copy_one", "read_four", "wait", "write_four"]

if SIMULATED:

    def _flat(array):
        return array.reshape(-1)

    def read_four(array, at):
        flat = _flat(array)
        return flat[at], flat[at + 1], flat[at + 2], flat[at + 3]

    def write_four(array, at, first, second, third, fourth):
        flat = _flat(array)
        flat[at], flat[at + 1], flat[at + 2], flat[at + 3] = first, second, third, fourth

    def copy_four(to, at, array, place, inside):
        for q in range(4):
            _flat(to)[at + q] = _flat(array)[place + q] if inside else 0

    def copy_one(to, at, array, place, inside):
        _flat(to)[at] = _flat(array)[place] if inside else 0

    def commit():
        pass

    def wait():
        pass

else:
    from llvmlite import ir
    from numba.cuda import types
    from numba.cuda.extending import intrinsic

    WORD = ir.IntType(32)
    ADDRESS = ir.IntType(64)
    SHARED = 3  # LLVM's number of shared memory

    def _pointer(context, builder, kind, array, place_kind, place):
        """Return the address of an element."""
        data = context.make_array(kind)(context, builder, array).data
        place = context.cast(builder, place, place_kind, types.uint64)
        return builder.gep(data, [place])

    def _four(context, builder, kind, pointer):
        """Return an address as one of four numbers."""
        number = context.get_data_type(kind.dtype)
        return builder.bitcast(pointer, ir.VectorType(number, 4).as_pointer())

    @intrinsic
    def read_four(typing_context, array, at):
        """Return the four numbers at a place."""

        def generate(context, builder, signature, given):
            kind, place_kind = signature.args
            pointer = _pointer(context, builder, kind, given[0], place_kind, given[1])
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
            pointer = _pointer(context, builder, kind, given[0], place_kind, given[1])
            number = context.get_data_type(kind.dtype)
            four = ir.Constant(ir.VectorType(number, 4), ir.Undefined)
            for q, one in enumerate(given[2:]):
                four = builder.insert_element(four, one, WORD(q))
            builder.store(four, _four(context, builder, kind, pointer)).align = 16
            return context.get_dummy_value()

        numbers = (array.dtype,) * 4
        return types.void(array, at, *numbers), generate

    def _copy(size, cached):
        """Make a copy of `size` bytes to shared memory; zeros where it is not `inside`."""

        def copy(typing_context, to, at, array, place, inside):
            def generate(context, builder, signature, given):
                to_kind, at_kind, kind, place_kind, inside_kind = signature.args
                to_pointer = _pointer(context, builder, to_kind, given[0], at_kind, given[1])
                shared = ir.PointerType(to_pointer.type.pointee, addrspace=SHARED)
                to_word = builder.ptrtoint(builder.addrspacecast(to_pointer, shared), WORD)
                pointer = _pointer(context, builder, kind, given[2], place_kind, given[3])
                inside = context.cast(builder, given[4], inside_kind, types.boolean)
                bytes_read = builder.select(inside, WORD(size), WORD(0))
                assembly = ir.InlineAsm(
                    ir.FunctionType(ir.VoidType(), [WORD, ADDRESS, WORD]),
                    f"cp.async.{cached}.shared.global [$0], [$1], {size}, $2;",
                    "r,l,r,~{memory}", side_effect=True,
                )  # fmt: skip
                builder.call(assembly, [to_word, builder.ptrtoint(pointer, ADDRESS), bytes_read])
                return context.get_dummy_value()

            return types.void(to, at, array, place, inside), generate

        return copy

    copy_four = intrinsic(_copy(16, "cg"))
    copy_one = intrinsic(_copy(4, "ca"))

    def _plain(assembly):
        def generate(context, builder, signature, given):
            kind = ir.FunctionType(ir.VoidType(), [])
            builder.call(ir.InlineAsm(kind, assembly, "~{memory}", side_effect=True), [])
            return context.get_dummy_value()

        return types.void(), generate

    @intrinsic
    def commit(typing_context):
        """Begin what has been asked for since the last commit."""
        return _plain("cp.async.commit_group;")

    @intrinsic
    def wait(typing_context):
        """Wait until all commits but the last have arrived."""
        return _plain("cp.async.wait_group 1;")


def are_aligned(*arrays) -> bool:
    """Whether every row of arrays lies at a multiple of 16 bytes: as far as that is our doing."""
    return all(
        array.dtype == np.float32 and array.offset % 16 == 0 and array.block.owner is None
        and array.shape[-1] % 4 == 0
        for array in arrays
    )  # fmt: skip
