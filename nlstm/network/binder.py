"""From a network and its weights to the calls of a step: plans, losses, optimizer."""

import contextlib
import os
import weakref
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from nlstm.data.sources import Data
from nlstm.data.step import Step
from nlstm.kernels.operations import Call, Cell, Operations
from nlstm.layers import Layer
from nlstm.network.form import Form
from nlstm.network.network import Network
from nlstm.network.scoring import Scoring, SumsOf, Trained
from nlstm.network.undo import undoable
from nlstm.network.weights import Weights
from nlstm.optimizers import copying
from nlstm.plan.cache import PlanCache
from nlstm.plan.parameters import ParameterBuffer
from nlstm.plan.plan import Plan, Tensor
from nlstm.plan.recompute import Recompute
from nlstm.plan.symbols import Node
from nlstm.plan.turns import turn

__all__ = ["COUNTERS", "Bench", "Binder"]

COUNTERS = 4


class Bench:
    """What one call of fit, evaluate or predict writes: memory, plans in it, totals.

    Attributes
    ----------
    plans : PlanCache
    training : Training or None
        The one that it serves.
    beside : dict
        What bound calls keep outside the arena, from one plan to the next, by its use.
    """

    def __init__(self, plans: PlanCache) -> None:
        self.plans = plans
        self.beside: dict[Any, Any] = {}
        self.training: Trained | None = None
        self._goal: Any = None

    def serve(self, training: Trained) -> None:
        """Forget what was bound for an earlier loss or optimizer."""
        if self.training is not training:
            self.plans.clear()
            self.training, self._goal = training, None

    def goal(self, network: Network) -> Any:
        """Return the totals of losses and metrics, for the outputs of a network."""
        if self._goal is None:
            assert self.training is not None
            self._goal = self.training.goal(network.output_features, network.ops)
        return self._goal


class Loan:
    """A bench that goes back to those that are free."""

    __slots__ = ("_bench", "_free", "_ops")

    def __init__(self, bench: Bench, free: list[Bench], ops: Operations) -> None:
        self._bench, self._free, self._ops = bench, free, ops

    def __enter__(self) -> Bench:
        return self._bench

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self._free.append(self._bench)
        if kind is not None:
            self._ops.recover()


NOT_IN_TURN = contextlib.nullcontext()


class Binder:
    """Binds a network's layers for batches of a shape.

    Parameters
    ----------
    network : Network
    weights : Weights
    counter : Cell of int64, size COUNTERS
        The training steps so far, which choose dropout's masks; then which rows of a batch are
        here, and of how many, where other processes have the rest, else zeros.
    """

    def __init__(self, network: Network, weights: Weights, counter: Cell) -> None:
        self.network, self.weights, self.counter = network, weights, counter
        self._free: list[Bench] = []  # a call takes one and gives it back
        # All; one that an interrupt keeps from coming back is kept by nobody.
        self._benches: weakref.WeakSet[Bench] = weakref.WeakSet()
        self._updates: tuple[Trained, list[Call]] | None = None
        self._binding = turn()  # layers, weights and optimizer are bound by one thread at a time
        _binders.add(self)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        """Refuse: plans hold views, which a copy would not have."""
        raise TypeError("A Binder cannot be copied or pickled: copy the model.")

    def counter_on(self, ops: Operations) -> Cell:
        """Return the counter as a network has it that goes on from here, maybe elsewhere."""
        if ops is self.network.ops:
            return self.counter
        self.counter.pull()
        counter = ops.cell(np.int64, COUNTERS)
        counter.host[:] = self.counter.host
        counter.push()
        return counter

    def turn(self, alone: bool = False) -> Any:
        """Return what a with statement holds around the one of a bench.

        What keeps something from batch to batch outside its bench, such as a stateful layer, has to
        be used by one thread at a time: so it is for a network of such layers, and if `alone`. It
        is a lock itself: no interrupt falls between its closing and the with statement.
        """
        return self.weights.in_turn if alone or self.network.stateful else NOT_IN_TURN

    def bench(self, training: Trained) -> "Loan":
        """Lend a bench for as long as a with statement lasts; several write different memory."""
        self.network.ops.enter()
        try:
            bench = self._free.pop()
        except IndexError:
            bench = self._new_bench()
        bench.serve(training)
        return Loan(bench, self._free, self.network.ops)

    def _new_bench(self) -> Bench:
        bench = Bench(self._plan_cache())
        self._benches.add(bench)
        return bench

    def _plan_cache(self) -> PlanCache:
        network = self.network
        return PlanCache(network.ops, network.dtype, self.counter.device, network.matmul_precision)

    def forget(self) -> None:
        """Forget all plans: bound calls hold what has changed, such as the keys of seeds."""
        for bench in list(self._benches):
            bench.plans.clear()

    def step(
        self,
        bench: Bench,
        rows: int,
        data: Data,
        goal: Scoring | None = None,
        training: Trained | None = None,
        form: Form | None = None,
        sums_of: SumsOf | None = None,
    ) -> Step:
        """Return a bound step for batches of `rows` rows of data like `data`.

        Without `goal` it predicts; with it alone it evaluates; with `training` too it trains. A
        `form` makes another step of it: one on a piece of sequences. What `sums_of` returns adds up
        over several processes what the step makes, before the update.
        """

        def bind(plan: Plan) -> Step:
            plan.sums = None if sums_of is None else sums_of(plan)
            if form is not None:
                form.prepare(plan)
            step = self._bound(plan, data.key, goal, frozen)
            back = [] if training is None else plan.backward()
            step.calls = [*plan.forward, *back]
            if plan.sums is not None and goal is not None:
                gradients = [] if training is None else self._gradients(training)
                totals, metrics = goal.totals.device, 2 + 2 * len(goal.aims)
                step.calls = plan.sums.around(totals, metrics, plan.forward, back, gradients)
            if goal is not None:
                step.calls = step.calls + plan.penalties
            if goal is not None and plan.penalised:
                value = plan.penalty_value
                step.calls = [
                    (plan.ops.fill, (value, 0.0)),
                    *step.calls,
                    goal.penalty_count(plan),
                ]
            if training is not None:
                step.update = [*self._update(training, plan.constraints), *plan.averages]
                assert training.optimizer is not None
                step.beforehand = [*step.beforehand, *training.optimizer.beforehand]
            return step if form is None else form.of(plan, step)

        steps, trains = data.x[0].shape[1], training is not None
        frozen: tuple[Layer, ...] = () if bench.training is None else bench.training.frozen
        key: Any = (rows, trains, goal is not None, data.key, sums_of)
        if form is not None:
            key = (key, form.key)
        found = bench.plans.kept(key)
        if found is not None:
            return found
        with self._binding:
            step: Step = bench.plans.get(key, rows, steps, trains, bind, training)
            step.calls = self.network.ops.bound(step.calls)
            return step

    def observed(
        self, bench: Bench, key: Any, rows: int, steps: int, bind: Callable[[Plan], Any]
    ) -> Any:
        """Return what `bind` makes of a plan in training's form that changes nothing.

        It is kept on the bench by `key`, which has to tell what it depends on but rows and steps.
        """
        every = tuple(one for layer in self.network.layers for one in (layer, *layer.inside))

        def observe(plan: Plan) -> Any:
            plan.observe()
            plan.frozen = every
            return bind(plan)

        found = bench.plans.kept(("observed", rows, steps, key))
        if found is not None:
            return found
        with self._binding:
            return bench.plans.get(("observed", rows, steps, key), rows, steps, True, observe)

    def made(
        self, bench: Bench, key: Any, rows: int, steps: int, bind: Any, training: bool = False
    ) -> Any:
        """Return what `bind` makes of a plan, kept on the bench by `key`."""
        with self._binding:
            return bench.plans.get(key, rows, steps, training, bind)

    def bytes_of(self, shapes: Any, rows: int, steps: int, recompute: Recompute = None) -> int:
        """Return the memory of a training step on inputs of these shapes (steps, features)."""

        def bind(plan: Plan) -> Step:
            return self._bound(plan, (shapes, (), (), ()), None)

        size, _ = self._plan_cache().measure(rows, steps, True, bind, recompute)
        return size * self.network.dtype.itemsize

    def serves(self, training: Trained) -> bool:
        """Whether the optimizer has moments for the weights here, and not for another model's."""
        optimizer = training.optimizer
        trained = self.weights.trained(training.frozen).values()
        return optimizer is not None and copying.trains(optimizer, trained)

    def optimized(self, training: Trained) -> ParameterBuffer:
        """Return what the optimizer changes, once it has its moments."""
        self._update(training)
        return self.weights.buffer(training.frozen)[0]

    def _gradients(self, training: Trained) -> list[Any]:
        """Return the gradients of all weights that are trained: one array if they lie in one."""
        buffer, fetch, _ = self.weights.buffer(training.frozen)
        trained = self.weights.trained(training.frozen).values()
        return [one.gradient for one in trained] if fetch else [buffer.gradient]

    def _update(self, training: Trained, constraints: Sequence[Call] = ()) -> list[Call]:
        """Return the calls that fetch the weights, change them and give them back."""
        optimizer = training.optimizer
        assert optimizer is not None
        if self._updates is None or self._updates[0] is not training:
            buffer, fetch, give_back = self.weights.buffer(training.frozen)
            if not buffer.parameters:
                raise ValueError("The model has no weights to train.")
            update = optimizer.bind(self.network.ops, buffer)
            self._updates = training, [*fetch, *update, *give_back]
        calls = self._updates[1]
        if not constraints:
            return calls
        values = [home.value for home in self.weights.homes]
        changed = [*values, *optimizer.changes()]
        return [undoable(self.network.ops, changed, [*calls, *constraints])]

    def _bound(
        self, plan: Plan, key: tuple[Any, ...], goal: Scoring | None, frozen: Sequence[Layer] = ()
    ) -> Step:
        """Bind layers and losses for data of shapes `key`: see `Data`."""
        graph = self.network.graph
        x_shapes, measured, y_shapes, weight_shapes = key
        inputs = []
        for number, ((steps, features), symbol) in enumerate(
            zip(x_shapes, graph.inputs, strict=True)
        ):
            value = plan.array((steps, plan.rows, features))
            mask = plan.mask(steps, plan.rows) if measured and measured[number] else None
            inputs.append(Tensor(value, features, len(symbol.sample) == 2, mask=mask))
        plan.scored, plan.frozen = goal is not None, tuple(frozen)
        activations, fused = self._fusions(plan.training, goal)
        for limit, given in zip(graph.limits, inputs, strict=True):
            given.limit = limit  # which was looked at in the data
        outputs = graph.bind(plan, inputs, fused)
        targets: list[Any] = []
        weights: list[Any] = []
        if goal is not None:
            for arrays, shapes in ((targets, y_shapes), (weights, weight_shapes)):
                for shape in shapes:
                    whole = None if shape is None else (shape[0], plan.rows, shape[1])
                    arrays.append(None if whole is None else plan.array(whole))
            goal.bind(plan, targets, outputs, weights, activations)
            for parameter in self.weights.trained(frozen).values():
                parameter.bind_rules(plan)
        index = plan.ops.cell(np.int64, plan.rows)
        return Step(index, inputs, outputs, targets, weights, [], plan.beforehand)

    def _fusions(self, training: bool, goal: Scoring | None) -> tuple[list[str | None], list[Node]]:
        """Return the activation of each output that its loss may take over, and the calls of them.

        Only where nothing else takes the output: a loss gives the gradient before the activation.
        """
        graph = self.network.graph
        activations: list[str | None] = []
        fused: list[Node] = []
        for aim, symbol in zip(goal.aims if goal else (), graph.outputs, strict=goal is not None):
            layer = symbol.node.layer
            alone = graph.users(symbol) == 1 and len(symbol.node.inputs) == 1
            free = layer.fuses_loss and alone and symbol.node in graph.nodes
            activation = getattr(layer, "activation", None) if free and aim.loss else None
            activations.append(activation)
            if training and aim.loss is not None and aim.loss.fuses(activation):
                fused.append(symbol.node)
        return activations, fused


_binders: "weakref.WeakSet[Binder]" = weakref.WeakSet()


def _after_fork() -> None:
    """Forget what was bound for threads that stayed in the parent, and what they were using."""
    for binder in _binders:
        binder.forget()
        binder._updates = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
