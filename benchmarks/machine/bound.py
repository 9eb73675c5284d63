"""A model's bound steps, timed as they run, kernel by kernel, and without their kernels."""

import math
import time
from unittest.mock import patch

import numpy as np

from benchmarks.grid import Shape
from benchmarks.machine.models import compiled_model

KINDS = "training", "predict"
FORWARD, BACKWARD, OTHERS = PARTS = "forward", "backward", "other kernels"
OF_LSTM = {"run_forward": FORWARD, "run_backward": BACKWARD}
FORGET_BIAS = {"linear": 1.0, "sigmoid": 8.0}  # by recurrent activation: nothing is forgotten


class Bound:
    """A model of a shape with some activations of its LSTM, and its steps.

    Weights stay as they are, since the learning rate is zero.

    Attributes
    ----------
    steps : dict of Step
        By kind: those that `fit` and `predict` run.
    lists : dict of tuple of list of Call
        By kind: what gathers a batch, what follows, the update, and what copies outputs.
    """

    def __init__(self, shape: Shape, activation: str, recurrent_activation: str):
        names = {"activation": activation, "recurrent_activation": recurrent_activation}
        self.shape, (self.x, self.y) = shape, shape.data()
        self.seen = self.x[: shape.N]
        self.model = compiled_model(shape, **names)
        self.model.optimizer.learning_rate = 0.0
        for layer in self.model.layers[:-1]:
            self._keep_in_bounds(layer, FORGET_BIAS[recurrent_activation])
        self.public = {"training": self.fit, "predict": self.predict}
        for run in self.public.values():
            run(1)
        self._bind()

    def _keep_in_bounds(self, layer, forget):
        """Let states and gradients neither grow without end nor go to zero in T steps."""
        rng, (W, U, _) = np.random.default_rng(0), layer.get_weights()
        scale = 1 / (self.shape.T * math.sqrt(len(W) + len(U)))
        W, U = (scale * rng.standard_normal(one.shape) for one in (W, U))
        layer.set_weights([W, U, np.repeat([0.5, forget, 0.0, 0.5], len(U))])

    def _bind(self):
        from nlstm.training.reader import Reader

        model, training, N = self.model, self.model.training, self.shape.N
        network = model.design.network("fit")
        binder, reader, ops = model.binder_of(network), Reader(network, training.aims), network.ops
        data = {"training": reader.data(self.x, self.y, None, "fit")}
        data["predict"] = reader.inputs(self.seen)
        with binder.bench(training) as bench:  # which `fit` and `predict` have just given back
            trained = binder.step(bench, N, data["training"], bench.goal(network), training)
            self.steps = {"training": trained, "predict": binder.step(bench, N, data["predict"])}
        self.ops, self.lists = ops, {}
        for kind, step in self.steps.items():
            self.lists[kind] = step.gathering(ops, data[kind]), step.calls, step.update, []
        for output in self.steps["predict"].outputs:
            copied = ops.empty((N, output.steps, output.features))
            self.lists["predict"][-1].append((ops.scatter_steps, (output.value, 0, copied)))

    def fit(self, epochs: int) -> int:
        """Train; return how many steps it took."""
        self.model.fit(self.x, self.y, batch_size=self.shape.N, epochs=epochs, verbose=0)
        return epochs * self.shape.steps_per_epoch

    def predict(self, calls: int) -> int:
        """Predict one batch so many times; return how many."""
        for _ in range(calls):
            self.model.predict(self.seen, batch_size=self.shape.N, verbose=0)
        return calls

    def whole(self, kind: str, seconds: float) -> float:
        """Return the seconds of a step by the public door, in a run of about `seconds`."""
        start = time.perf_counter()
        self.public[kind](1)
        more = max(1, math.ceil(seconds / (time.perf_counter() - start)))
        start = time.perf_counter()
        count = self.public[kind](more)
        return (time.perf_counter() - start) / count

    def python(self, kind: str, seconds: float) -> float:
        """Return the same with functions that do nothing in the place of kernels."""
        gathering, calls, update, _ = map(_idle, self.lists[kind])
        without = {"calls": calls, "update": update, "gathering": lambda *_: list(gathering)}
        with (
            patch.multiple(self.steps[kind], **without),
            patch.object(self.ops, "scatter_steps", _nothing),
        ):
            return self.whole(kind, seconds)

    def kernels(self, kind: str, seconds: float) -> dict[str, float]:
        """Return the seconds of each part of a step's kernels, which run one after the other."""
        self.ops.enter()  # with the number of threads that was set
        step, rng = self.steps[kind], np.random.default_rng(0)
        rows = len(self.x) if kind == "training" else self.shape.N
        calls = [call for part in self.lists[kind] for call in part]
        names = [part_of(function) for function, _ in calls]
        found, count, clock = dict.fromkeys(PARTS, 0.0), 0, time.perf_counter
        while count == 0 or sum(found.values()) < seconds:
            step.take(rng.permutation(rows)[: self.shape.N])  # from all of the data, as `fit` does
            count += 1
            before = clock()
            for name, (function, arguments) in zip(names, calls):
                function(*arguments)
                after = clock()
                found[name] += after - before
                before = after
        return {name: total / count for name, total in found.items()}

    def check(self):
        """Raise an error where gradients are not finite, or too small to be normal numbers."""
        for parameter in (one for layer in self.model.layers for one in layer.parameters):
            size = np.abs(parameter.get_gradient()).max()
            if not np.finfo(np.float32).tiny < size < np.inf:
                raise AssertionError(f"{self.shape}: a gradient of {parameter.name} is {size}")


def part_of(function) -> str:
    """Return the part that a bound call belongs to: it is a compiled function, with a name."""
    return OF_LSTM.get(getattr(function, "__name__", "").rpartition(".")[2], OTHERS)


def _nothing(*_):
    """Stand in the place of a kernel."""


def _idle(calls):
    return [(_nothing, arguments) for _, arguments in calls]
