"""What ends a trial of Optuna's."""

from typing import Any

__all__ = ["pruned"]


def pruned() -> Any:
    """Return the exception."""
    try:
        from optuna import TrialPruned
    except ImportError:
        raise ImportError("OptunaPruning takes optuna: pip install 'nlstm[optuna]'") from None
    return TrialPruned
