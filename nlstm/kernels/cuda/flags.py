"""What blocks of one launch say to each other.

A flag is raised (`raise_flag`) after a block barrier by one thread, and what the block wrote before
is then there for whoever saw the flag so high (`see_flag`). In the simulator, where one block runs
after the other, the same in plain Python.
"""

from nlstm.kernels.cuda.launch import SIMULATED, Kernel


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

else:
    from llvmlite import ir
    from numba.cuda import types
    from numba.cuda.extending import intrinsic

    from nlstm.kernels.cuda.vectors import assembly, element

    WORD = ir.IntType(32)

    @intrinsic
    def see_flag(typing_context, flags, at):
        """Return a flag."""

        def generate(context, builder, signature, given):
            kind, at_kind = signature.args
            place = element(context, builder, kind, given[0], at_kind, given[1])
            text = "ld.acquire.gpu.global.b32 $0, [$1];"
            return assembly(builder, text, "=r,l,~{memory}", WORD, place)

        return types.int32(flags, at), generate

    @intrinsic
    def raise_flag(typing_context, flags, at, value):
        """Set a flag."""

        def generate(context, builder, signature, given):
            kind, at_kind, value_kind = signature.args
            place = element(context, builder, kind, given[0], at_kind, given[1])
            value = context.cast(builder, given[2], value_kind, types.int32)
            text = "st.release.gpu.global.b32 [$0], $1;"
            assembly(builder, text, "l,r,~{memory}", ir.VoidType(), place, value)
            return context.get_dummy_value()

        return types.void(flags, at, value), generate
