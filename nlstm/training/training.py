"""What compile chose, and what training has made besides weights."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from nlstm import losses, optimizers
from nlstm.arguments.config import encode
from nlstm.arguments.copies import found_again, plain_state
from nlstm.arguments.seeds import SeedStream
from nlstm.arguments.warned import warn_user
from nlstm.kernels.operations import Operations
from nlstm.layers import Layer
from nlstm.metrics import KernelMetric, Metric
from nlstm.plan.recompute import AUTO, Recompute
from nlstm.training.goal import Aim, Goal, aims
from nlstm.training.recompute import checked_recompute

__all__ = ["Training"]

MANY = 1 << 20  # rows


class Training:
    """How a model is trained.

    Parameters
    ----------
    seeds : SeedStream
        The model's, which shuffles rows.
    epochs_shuffled : int
        How many orders of rows were drawn.

    Attributes
    ----------
    optimizer : Optimizer or None
        None before `compile`.
    aims : list of Aim
        One for each output; empty before `compile`.
    frozen : tuple of Layer
        Those that were not trainable when `compile` looked.
    recompute : int, AUTO or None
        See `nlstm.plan.recompute`.
    recomputes : bool
        Whether it is done, by AUTO for one batch at least.
    """

    def __init__(self, seeds: SeedStream, epochs_shuffled: int = 0) -> None:
        self.seeds, self.epochs_shuffled = seeds, epochs_shuffled
        self.optimizer: optimizers.Optimizer | None = None
        self.aims: list[Aim] = []
        self.frozen: tuple[Layer, ...] = ()
        self.recompute: Recompute = AUTO
        self.recomputes = False
        self._arguments: Mapping[str, Any] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Return what copies and pickles hold: first what was given, since errors name it."""
        given = None if self._arguments is None else plain_state(self._arguments, "compile")
        return {"_arguments": given} | plain_state(
            {name: one for name, one in vars(self).items() if name != "_arguments"}, "compile"
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what `__getstate__` gave."""
        vars(self).update(found_again(state))

    def without_aims(self) -> "Training":
        """Return a training that is not compiled and goes on with the same orders of rows."""
        return Training(self.seeds, self.epochs_shuffled)

    def compiled(
        self,
        names: Sequence[str],
        layers: Sequence[Layer],
        optimizer: Any,
        loss: Any,
        loss_weights: Any,
        metrics: Any,
        weighted_metrics: Any,
        *,
        recompute: Any = AUTO,
    ) -> Self:
        """Return a training with aims for the outputs `names`; arguments as of `compile`."""
        made = type(self)(self.seeds, self.epochs_shuffled)
        made.aims = aims(names, loss, loss_weights, metrics, weighted_metrics)
        made.optimizer = optimizers.get(optimizer)
        every = [one for layer in layers for one in (layer, *layer.inside)]
        made.frozen = tuple(one for one in every if not one.trainable)
        made.recompute = checked_recompute(recompute, layers)
        made.recomputes = made.recompute not in (None, AUTO)
        arguments = {
            "optimizer": made.optimizer,
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
        }
        if made.recompute != AUTO:
            arguments["recompute"] = made.recompute
        made._arguments = arguments
        return made

    def tell_of_recompute(self, wanted: int | None, taken: int) -> None:
        """Say once that gates are computed again, since a batch would take `wanted` bytes."""
        if self.recomputes:
            return
        self.recomputes = True
        size = "" if wanted is None else f" ({wanted / 2**30:.2f} GiB in all)"
        warn_user(
            f"There is no memory for all gates of a batch{size}: recurrences keep a state now and "
            "then, and compute gates again on the way back. So it takes "
            f"{taken / 2**30:.2f} GiB, and more time; the numbers are the same. "
            "compile(recompute=None) forbids it."
        )

    @property
    def is_chosen(self) -> bool:
        """Whether this comes from `compile`."""
        return self._arguments is not None

    @property
    def given(self) -> Mapping[str, Any]:
        """What `compile` was given, with the optimizer that it chose; empty before it."""
        return self._arguments or {}

    @property
    def loss(self) -> losses.Loss | list[losses.Loss | None] | None:
        """The loss, or a list of those of all outputs."""
        found = [aim.loss for aim in self.aims]
        return found[0] if len(found) == 1 else found or None

    def get_config(self) -> dict[str, Any] | None:
        """Return the arguments of `compile`, as JSON can hold them; None before it."""
        if self._arguments is None:
            return None
        return {
            name: encode(value, f"{name} of compile") for name, value in self._arguments.items()
        }

    @property
    def in_numpy(self) -> bool:
        """Whether a metric keeps its sums in itself, so that one thread at a time may use it."""
        return any(
            isinstance(one, Metric) and not isinstance(one, KernelMetric)
            for aim in self.aims
            for one in (*aim.metrics, *aim.weighted_metrics)
        )

    def check_compiled(self, action: str, trains: bool = False) -> None:
        """Raise a ValueError that names `action` where compile has not given what it needs.

        Training needs a loss and an optimizer, a measurement a loss or a metric.
        """
        if not any(aim.trains if trains else aim.needs_target for aim in self.aims):
            raise ValueError(f"{action} needs a loss: call compile(optimizer, loss) first.")
        if trains and self.optimizer is None:
            raise ValueError(f"{action} needs an optimizer: call compile(optimizer, loss) first.")

    def goal(self, features: Sequence[int], ops: Operations) -> Goal:
        """Return new totals for outputs of so many features."""
        return Goal(self.aims, features, ops)

    def order(self, rows: int) -> np.ndarray:
        """Return a new random order of rows, or of batches."""
        self.epochs_shuffled += 1
        generator = self.seeds.generator(self.epochs_shuffled)
        if not MANY < rows <= np.iinfo(np.int32).max:
            return generator.permutation(rows)
        found = np.arange(rows, dtype=np.int32)  # the same order in half the memory
        generator.shuffle(found)
        return found
