"""From a model's graph to the calls of a step: kernels of its dtype, plans, losses, optimizer."""

from typing import Any

import numpy as np

from nlstm import kernels
from nlstm.arguments.seeds import SeedStream
from nlstm.data.step import Step
from nlstm.kernels.operations import Cell, Operations
from nlstm.network.weights import Weights
from nlstm.optimizers import Optimizer
from nlstm.plan.cache import PlanCache
from nlstm.plan.graph import Graph, Node
from nlstm.plan.plan import Call, Plan, Tensor
from nlstm.training.goal import Goal

__all__ = ["Binder"]

DTYPES = ("float32", "float64")


class Binder(Weights):
    """The part of a model that binds its layers for batches of a shape."""

    def __init__(self, dtype: Any = None) -> None:
        super().__init__()
        self._dtype = None if dtype is None else checked_dtype(dtype)
        self._seeds = SeedStream()
        self._ops: Operations | None = None
        self._steps_counted: Cell | None = None
        self._plans: PlanCache | None = None
        self._width = 1

    @property
    def dtype(self) -> np.dtype:  # type: ignore[override]
        """The dtype of weights and computation."""
        return self._dtype or np.dtype(np.float32)

    @property
    def ops(self) -> Operations:
        """The kernels, loaded when first needed."""
        if self._ops is None:
            self._ops = kernels.load(None, self.dtype)
        return self._ops

    @property
    def _counter(self) -> Cell:
        """The training steps, which choose dropout's masks."""
        if self._steps_counted is None:
            self._steps_counted = self.ops.cell(np.int64, 1)
        return self._steps_counted

    def _forget_steps(self) -> None:
        super()._forget_steps()
        if self._plans is not None:
            self._plans.clear()

    def _plan_cache(self) -> PlanCache:
        if self._plans is None:
            self._plans = PlanCache(self.ops, self.dtype, self._counter.device)
        return self._plans

    def _bind_step(self, plan: Plan, key: tuple[Any, ...], goal: Goal | None) -> Step:
        """Bind layers and losses for data of shapes `key`: see `Data`."""
        graph = self._graph_for(None, None)
        x_shapes, measured, y_shapes, weight_shapes = key
        inputs = []
        for number, ((steps, features), symbol) in enumerate(
            zip(x_shapes, graph.inputs, strict=True)
        ):
            value = plan.array((steps, plan.rows, features))
            mask = plan.mask(steps, plan.rows) if measured and measured[number] else None
            inputs.append(Tensor(value, features, len(symbol.sample) == 2, mask=mask))
        plan.scored = goal is not None
        activations, fused = self._fusions(graph, plan.training, goal)
        outputs = graph.bind(plan, inputs, fused)
        targets: list[Any] = []
        weights: list[Any] = []
        if goal is not None:
            for arrays, shapes in ((targets, y_shapes), (weights, weight_shapes)):
                for shape in shapes:
                    whole = None if shape is None else (shape[0], plan.rows, shape[1])
                    arrays.append(None if whole is None else plan.array(whole))
            goal.bind(plan, targets, outputs, weights, activations)
            for parameter in self._trained_by_name().values():
                parameter.bind_rules(plan)
        index = plan.ops.cell(np.int64, plan.rows)
        return Step(index, inputs, outputs, targets, weights, [], plan.beforehand)

    def _fusions(
        self, graph: Graph, training: bool, goal: Goal | None
    ) -> tuple[list[str | None], list[Node]]:
        """Return the activation of each output that its loss may take over, and the calls of them.

        Only where nothing else takes the output: a loss gives the gradient before the activation.
        """
        activations: list[str | None] = []
        fused: list[Node] = []
        for aim, symbol in zip(goal.aims if goal else (), graph.outputs, strict=goal is not None):
            layer = symbol.node.layer
            free = layer.fuses_loss and graph.users(symbol) == 1 and symbol.node in graph.nodes
            activation = layer.activation if free and aim.loss is not None else None
            activations.append(activation)
            if training and aim.loss is not None and aim.loss.fuses(activation):
                fused.append(symbol.node)
        return activations, fused

    def _bind_optimizer(self, optimizer: Optimizer) -> tuple[list[Call], list[Call]]:
        """Return the calls that fetch the weights, and those that change them."""
        buffer = self._buffer
        if not buffer.parameters:
            raise ValueError("The model has no weights to train.")
        update = optimizer.bind(self.ops, buffer)
        if self._mirror is None:
            return [], update
        _, pull, push = self._mirror
        return pull, update + push

    def _shuffler(self, epoch: int) -> np.random.Generator:
        return self._seeds.generator(epoch)

    def _widest(self) -> int:
        return self._width


def checked_dtype(dtype: Any) -> np.dtype:
    """Return the dtype of a model, or raise an error that names those that there are."""
    found = np.dtype(dtype)
    if found.name not in DTYPES:
        raise ValueError(f"dtype must be one of {DTYPES}; got {found.name!r}.")
    return found
