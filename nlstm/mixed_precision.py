"""Keras's names for what `nlstm.set_matmul_precision` chooses."""

from typing import NamedTuple

from nlstm.arguments.checks import checked_choice
from nlstm.plan.precision import BFLOAT16, FLOAT32, get_matmul_precision, set_matmul_precision

__all__ = ["DTypePolicy", "dtype_policy", "global_policy", "set_dtype_policy", "set_global_policy"]

POLICIES = {FLOAT32: FLOAT32, "mixed_bfloat16": BFLOAT16}


class DTypePolicy(NamedTuple):
    """What a policy of Keras's says.

    Attributes
    ----------
    name : str
        "float32" or "mixed_bfloat16".
    compute_dtype : str
        What products multiply; all else is computed in `variable_dtype`.
    variable_dtype : str
        What weights are kept in.
    """

    name: str
    compute_dtype: str
    variable_dtype: str = FLOAT32


def set_global_policy(policy: "str | DTypePolicy") -> None:
    """Choose what the matrix products of models that are made from now on multiply.

    Parameters
    ----------
    policy : {"float32", "mixed_bfloat16"} or DTypePolicy
        As `nlstm.set_matmul_precision` of "float32" and "bfloat16". Keras computes everything
        between layers in bfloat16 too; here the operands of products alone are rounded.

    Raises
    ------
    ValueError
        It is another policy, such as "mixed_float16": the range of float16 needs losses scaled.
    """
    name = policy.name if isinstance(policy, DTypePolicy) else policy
    set_matmul_precision(POLICIES[checked_choice("policy", name, tuple(POLICIES))])


def global_policy() -> DTypePolicy:
    """Return the policy of new models."""
    chosen = get_matmul_precision()
    name = next(name for name, precision in POLICIES.items() if precision == chosen)
    return DTypePolicy(name, chosen)


set_dtype_policy, dtype_policy = set_global_policy, global_policy
