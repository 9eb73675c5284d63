"""One network in both libraries: outputs and all gradients, from the same weights.

A network is a function of (layers, *symbols): `layers` is `nlstm.layers` or `keras.layers`.
"""

from contextlib import contextmanager

import numpy as np

import nlstm
from nlstm.plan import run
from tests.layers.binding import PoisonedPlan, seen
from tests.parity.peers import keras, torch
from tests.tolerances import agreement

SCRATCH = 1 << 17


@contextmanager
def keras_in(dtype):
    """Let Keras compute in `dtype`."""
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")


def flat(values):
    return list(values) if isinstance(values, list | tuple) else [values]


def kind_of(array, dtype):
    return dtype if array.dtype.kind == "f" else array.dtype.name


def outputs_of(made):
    return list(made) if isinstance(made, tuple | list) else made


class Ours:
    """nlstm's side, bound to a plan whose memory is NaN, so that inputs have gradients too."""

    def __init__(self, network, arrays, dtype):
        symbols = [nlstm.Input(a.shape[1:], dtype=kind_of(a, dtype)) for a in arrays]
        made = outputs_of(network(nlstm.layers, *symbols))
        self.model = nlstm.Model(symbols, made, dtype=dtype)
        self.model.build()
        self.dtype = np.dtype(dtype)
        self.parameters = [one for layer in self.model.layers for one in layer.parameters]

    def start(self, arrays):
        """Bind for `arrays`, and run forward; return the outputs."""
        steps = max(a.shape[1] if a.ndim == 3 else 1 for a in arrays)
        self.plan = plan = PoisonedPlan(
            self.model.ops, None, self.dtype, len(arrays[0]), steps, True,
            np.zeros(1, np.int64), SCRATCH,
        )  # fmt: skip
        self.inputs = [self._tensor(a) for a in arrays]
        self.outputs = self.model._graph.bind(plan, self.inputs)
        run(plan.forward)
        return [seen(y, y.value) for y in self.outputs]

    def _tensor(self, x):
        major = np.swapaxes(x, 0, 1) if x.ndim == 3 else x[None]
        differentiable = x.dtype.kind == "f"
        width = x.shape[-1]
        if differentiable:
            width = self.model.ops.padded(width, self.dtype)
        value = np.zeros((*major.shape[:2], width), self.dtype)
        value[..., : x.shape[-1]] = major
        tensor = self.plan.tensor(value, x.shape[-1], x.ndim == 3, gradient=differentiable)
        if differentiable:
            self.plan.call_back(tensor)
        return tensor

    def back(self, slopes):
        """Return the gradients of the inputs (None for whole numbers) and of the weights."""
        for parameter in self.parameters:
            parameter.gradient.fill(np.nan)
        targets = [self.plan.input_gradient(y) for y in self.outputs]
        for y, target, slope in zip(self.outputs, targets, slopes, strict=True):
            target.fill(0)
            target[..., : y.features] = np.swapaxes(slope, 0, 1) if y.sequence else slope[None]
        run(self.plan.backward())
        inputs = [None if x.gradient is None else seen(x, x.gradient) for x in self.inputs]
        return inputs, [one.get_gradient() for one in self.parameters]


class Theirs:
    """Keras's side, on PyTorch."""

    def __init__(self, network, arrays, dtype):
        self.dtype = dtype
        with keras_in(dtype):
            symbols = [keras.Input(a.shape[1:], len(a), dtype=kind_of(a, dtype)) for a in arrays]
            made = outputs_of(network(keras.layers, *symbols))
            self.model = keras.Model(symbols, made)

    def start(self, arrays):
        self.inputs = [
            torch.tensor(a, dtype=getattr(torch, self.dtype), requires_grad=True)
            if a.dtype.kind == "f"
            else torch.tensor(a)
            for a in arrays
        ]
        with keras_in(self.dtype):
            self.outputs = flat(self.model(self.inputs))
        return self.outputs

    def back(self, slopes):
        loss = sum(
            (y * torch.tensor(slope, dtype=y.dtype)).sum()
            for y, slope in zip(self.outputs, slopes, strict=True)
        )
        variables = [one.value for one in self.model.trainable_variables]
        wanted = [x for x in self.inputs if x.requires_grad]
        found = torch.autograd.grad(loss, [*wanted, *variables], allow_unused=True)
        found = [
            torch.zeros_like(x) if g is None else g for g, x in zip(found, [*wanted, *variables])
        ]
        gradients = iter(found)
        inputs = [next(gradients) if x.requires_grad else None for x in self.inputs]
        return inputs, list(gradients)


def weights_for(shapes, seed):
    rng = np.random.default_rng(seed)
    return [rng.normal(0.0, 0.5, shape) for shape in shapes]


def activation_limit(name):
    """Return the tolerance of an activation's gradients, or None for that of the dtype.

    PyTorch's gradient of hard_sigmoid has float32's 1 / 6 in it, in float64 too.
    """
    return 1e-6 if name == "hard_sigmoid" else None


def titled(layer, name):
    """Return the feature that the record counts."""
    return f"{layer}, activations" if activation_limit(name) is None else f"{layer}, {name}"


def compare(
    parity,
    feature,
    network,
    arrays,
    dtype="float64",
    seed=0,
    calls=1,
    backward=True,
    tolerance=None,
):
    """Compare a network's outputs and gradients on `arrays`, one call after the other.

    With several calls (of stateful layers) the gradients are those of the last one.
    """
    theirs, ours = Theirs(network, arrays, dtype), Ours(network, arrays, dtype)
    shapes = [one.shape for one in theirs.model.get_weights()]
    assert [one.shape for one in ours.parameters] == shapes
    weights = weights_for(shapes, seed)
    theirs.model.set_weights(weights)
    ours.model.set_weights(weights)
    steps = max((a.shape[1] for a in arrays if a.ndim > 1), default=1)
    units = max((max(shape) for shape in shapes if shape), default=1)
    limit = tolerance or agreement(dtype, steps, units)
    rng = np.random.default_rng(seed + 1)
    with parity.configuration(feature, dtype, limit) as agree:
        for _ in range(calls):
            found, wanted = ours.start(arrays), theirs.start(arrays)
            assert len(found) == len(wanted)
            for number, (one, other) in enumerate(zip(found, wanted)):
                agree(f"output {number}", one, other)
        if not backward:
            return
        slopes = [rng.normal(size=y.shape) for y in found]
        inputs, gradients = ours.back(slopes)
        wanted_inputs, wanted_gradients = theirs.back(slopes)
        for number, (one, other) in enumerate(zip(inputs, wanted_inputs, strict=True)):
            if other is not None:
                agree(f"gradient of input {number}", one, other)
        for parameter, one, other in zip(ours.parameters, gradients, wanted_gradients, strict=True):
            agree(f"gradient of {parameter.name}", one, other)
