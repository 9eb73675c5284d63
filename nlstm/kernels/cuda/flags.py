"""What blocks of one launch say to each other, and copies that nobody waits for: inline PTX.

A flag is raised (`raise_flag`) after a block barrier by one thread, and what the block wrote before
is then there for whoever saw the flag so high (`see_flag`). Copies go to shared memory behind the
arithmetic; `wait_for_copies` waits for all but the last few bundles. In the simulator, where one
block runs after the other, the same in plain Python.
"""

import functools

import numpy as np

from nlstm.kernels.cuda.launch import SIMULATED, Kernel, cuda, stream

LEAST_CAPABILITY = 8  # of devices that have copies behind the arithmetic
MOST_BYTES = 16  # of a copy


@functools.cache
def has_copies() -> bool:
    """Whether the device has them."""
    if SIMULATED:
        return True
    stream()
    return cuda.get_current_device().compute_capability[0] >= LEAST_CAPABILITY


class Together(Kernel):
    """A kernel whose blocks wait for each other: the driver starts all at once, or refuses."""

    together = True


if SIMULATED:

    def see_flag(flags, at):
        """Return a flag."""
        return flags[at]

    def raise_flag(flags, at, value):
        """Set a flag."""
        flags[at] = value

    def copier(numbers):
        """Return a function that copies so many numbers to shared memory, or zeros there."""

        def copy(shared, to, source, start, real):
            for k in range(numbers):
                shared[to + np.uint64(k)] = 0
                if real:
                    at = np.unravel_index(int(start) + k, source.shape)
                    shared[to + np.uint64(k)] = source[tuple(map(int, at))]

        return copy

    def bundle_copies():
        """Close a bundle of copies."""

    def waiter(open_bundles):
        """Return a function that waits for all but so many bundles."""
        return lambda: None

else:
    from llvmlite import ir
    from numba.cuda import types
    from numba.cuda.extending import intrinsic

    WORD = ir.IntType(32)
    SHARED = 3  # the address space

    def address(context, builder, kind, array, at):
        """Return where an array, taken as one axis, has an element."""
        data = context.make_array(kind)(context, builder, value=array).data
        return builder.gep(data, [at])

    def assembly(builder, text, constraints, result, *arguments):
        """Emit one instruction that stays where it is."""
        kind = ir.FunctionType(result, [one.type for one in arguments])
        code = ir.InlineAsm(kind, text, constraints, side_effect=True)
        return builder.call(code, arguments)

    @intrinsic
    def see_flag(typing_context, flags, at):
        """Return a flag."""

        def generate(context, builder, signature, arguments):
            place = address(context, builder, signature.args[0], *arguments)
            text = "ld.acquire.gpu.global.b32 $0, [$1];"
            return assembly(builder, text, "=r,l,~{memory}", WORD, place)

        return types.int32(flags, at), generate

    @intrinsic
    def raise_flag(typing_context, flags, at, value):
        """Set a flag."""

        def generate(context, builder, signature, arguments):
            kind, _, given = signature.args
            place = address(context, builder, kind, *arguments[:2])
            value = context.cast(builder, arguments[2], given, types.int32)
            text = "st.release.gpu.global.b32 [$0], $1;"
            assembly(builder, text, "l,r,~{memory}", ir.VoidType(), place, value)

        return types.void(flags, at, value), generate

    def copier(numbers):
        """Return a function that copies so many numbers to shared memory, or zeros there."""

        @intrinsic
        def copy(typing_context, shared, to, source, start, real):
            size = numbers * shared.dtype.bitwidth // 8
            way = "cg" if size == MOST_BYTES else "ca"

            def generate(context, builder, signature, arguments):
                near, far = signature.args[0], signature.args[2]
                there = address(context, builder, near, *arguments[:2])
                there = builder.addrspacecast(there, there.type.pointee.as_pointer(SHARED))
                there = builder.ptrtoint(there, WORD)
                source = address(context, builder, far, *arguments[2:4])
                real = builder.select(arguments[4], WORD(size), WORD(0))
                text = f"cp.async.{way}.shared.global [$0], [$1], {size}, $2;"
                void = ir.VoidType()
                assembly(builder, text, "r,l,r,~{memory}", void, there, source, real)

            return types.void(shared, to, source, start, real), generate

        return copy

    @intrinsic
    def bundle_copies(typing_context):
        """Close a bundle of copies."""

        def generate(context, builder, signature, arguments):
            assembly(builder, "cp.async.commit_group;", "~{memory}", ir.VoidType())

        return types.void(), generate

    def waiter(open_bundles):
        """Return a function that waits for all but so many bundles."""

        @intrinsic
        def wait(typing_context):
            text = f"cp.async.wait_group {open_bundles};"

            def generate(context, builder, signature, arguments):
                assembly(builder, text, "~{memory}", ir.VoidType())

            return types.void(), generate

        return wait
