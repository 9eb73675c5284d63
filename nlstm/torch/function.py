"""What autograd sees of a level: a function, its derivative, and an error behind that."""

from typing import Any

import torch
from torch.autograd import Function

__all__ = ["Recurrence"]

SAVED = 5  # tensors: x, y, then what `Level.kept` names


class Recurrence(Function):
    """A level: y and the last states, of x, initial states and weights.

    What the backward pass needs is saved as tensors, which autograd lets go as soon as it has run.
    """

    @staticmethod
    def forward(level: Any, *given: Any) -> Any:
        """Compute, and keep for the backward pass."""
        return level.forward(given, training=True)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Hand over to autograd what was kept."""
        level, x, *_ = inputs
        ctx.set_materialize_grads(False)
        ctx.level = level
        ctx.save_for_backward(*level.handed_over(x, output[0]))

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """Compute the gradients of what needs some."""
        level, saved, wanted = ctx.level, ctx.saved_tensors, ctx.needs_input_grad[1:]
        if torch.is_grad_enabled():  # a graph of this pass is asked for, too
            return None, *FirstDerivative.apply(level, wanted, *saved, *gradients)
        return None, *level.backward(saved, gradients, wanted)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        """Say what to do instead."""
        raise _lacking(ctx.level.cell.name, "derivatives in forward mode (jvp)")

    @staticmethod
    def vmap(info: Any, in_dims: Any, level: Any, *given: Any) -> Any:
        """Say what to do instead."""
        raise _lacking(level.cell.name, "torch.func.vmap, which jacrev takes too")


class FirstDerivative(Function):
    """The backward pass of a level, as a function of what went in; it has no derivative."""

    @staticmethod
    def forward(level: Any, wanted: Any, *given: Any) -> Any:
        """Compute the gradients."""
        return tuple(level.backward(given[:SAVED], given[SAVED:], wanted))

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Remember who was asked."""
        ctx.name = inputs[0].cell.name

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """Say what to do instead."""
        raise NotImplementedError(
            f"nlstm.torch.{ctx.name} has first derivatives alone, and this asks for a second one "
            f"(create_graph=True): use torch.nn.{ctx.name} for it, with the same state dict."
        )

    @staticmethod
    def vmap(info: Any, in_dims: Any, level: Any, *given: Any) -> Any:
        """Say what to do instead."""
        raise _lacking(level.cell.name, "torch.func.vmap, which jacrev takes too")


def _lacking(name: str, what: str) -> NotImplementedError:
    return NotImplementedError(
        f"nlstm.torch.{name} has no {what}: use torch.nn.{name} for it, with the same state dict."
    )
