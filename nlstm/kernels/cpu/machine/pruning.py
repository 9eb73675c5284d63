"""A field of a tuple that is None is so known when a kernel is compiled, as an argument is.

Numba leaves out a branch behind ``mask is None`` where `mask` is an argument; behind ``masks.mask
is None`` it would compile both, and so an option that is off could not be. Here each such test of
an argument, or of a field of one, becomes True or False before types are inferred.
"""

import operator

from numba.core import ir, types
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.ir_utils import GuardException, get_definition
from numba.core.untyped_passes import InlineInlinables, RewriteSemanticConstants

TESTS = {operator.is_: True, operator.is_not: False}


@register_pass(mutates_CFG=False, analysis_only=False)
class NoneTests(FunctionPass):
    """Write the result of each test for None that the arguments' types decide."""

    _name = "nlstm_none_tests"

    def __init__(self):
        super().__init__()

    def run_pass(self, state):
        changed = False
        for block in state.func_ir.blocks.values():
            for statement in block.find_insts(ir.Assign):
                test = statement.value
                if not (isinstance(test, ir.Expr) and test.op == "binop" and test.fn in TESTS):
                    continue
                found = result_of(state, test)
                if found is not None:
                    statement.value = ir.Const(found, test.loc)
                    definitions = state.func_ir._definitions[statement.target.name]
                    definitions[definitions.index(test)] = statement.value
                    changed = True
        return changed


def result_of(state, test):
    """Return what ``a is None`` or ``a is not None`` gives; None where it is not known yet."""
    try:
        other = get_definition(state.func_ir, test.rhs)
        if not (isinstance(other, ir.Const) and other.value is None):
            return None
        kind = type_of(state, test.lhs)
    except GuardException:
        return None
    if isinstance(kind, types.NoneType):
        return TESTS[test.fn]
    return not TESTS[test.fn] if isinstance(kind, types.Array | types.BaseTuple) else None


def type_of(state, variable):
    """Return the type of an argument, or of a field of one, however deep; None for others."""
    definition = unpacked(state, variable)
    if isinstance(definition, ir.Arg):
        return state.args[definition.index]
    if getattr(definition, "op", None) == "static_getitem":
        source, place = unpacked(state, definition.value), definition.index
        if getattr(source, "op", None) == "build_tuple":  # of a, b = x.a, x.b
            return type_of(state, source.items[place])
        holder = type_of(state, definition.value)
        return holder.types[place] if isinstance(holder, types.BaseTuple) else None
    if getattr(definition, "op", None) == "getattr":
        holder = type_of(state, definition.value)
        known = isinstance(holder, types.BaseNamedTuple) and definition.attr in holder.fields
        return holder.types[holder.fields.index(definition.attr)] if known else None
    return None


def unpacked(state, variable):
    """Return the one definition of a variable, without the step that unpacks a tuple."""
    definition = get_definition(state.func_ir, variable)
    if getattr(definition, "op", None) == "exhaust_iter":
        return get_definition(state.func_ir, definition.value)
    return definition


class PruningCompiler(CompilerBase):
    """Numba's compiler, with such tests decided before each of its looks for dead branches."""

    def define_pipelines(self):
        pipeline = DefaultPassBuilder.define_nopython_pipeline(self.state)
        pipeline.add_pass_after(NoneTests, InlineInlinables)
        pipeline.add_pass_after(NoneTests, RewriteSemanticConstants)
        pipeline.finalize()
        return [pipeline]
