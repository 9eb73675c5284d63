"""Steps that a user's code is part of: they are made whole, or not at all."""

from collections.abc import Sequence

from nlstm.kernels.operations import Array, Call, Operations

__all__ = ["undoable"]


def undoable(ops: Operations, changed: Sequence[Array], calls: Sequence[Call]) -> Call:
    """Return the call that runs `calls`; if one raises, all that they have changed is put back."""
    kept = [ops.empty(array.shape, array.dtype) for array in changed]
    pairs = list(zip(kept, changed, strict=True))
    keep = ops.program([(ops.copy, pair) for pair in pairs])
    put_back = ops.program(whole=[(ops.copy, (array, copy)) for copy, array in pairs])
    run = ops.program(calls)

    def run_or_undo() -> None:
        keep()
        try:
            run()
        except BaseException:
            put_back()
            raise

    return run_or_undo, ()
