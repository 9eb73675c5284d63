"""One network in both libraries: outputs and all gradients, from the same weights.

A network is a function of (layers, *symbols): `layers` is `nlstm.layers` or `keras.layers`.
"""

from contextlib import contextmanager

import numpy as np

import nlstm
from nlstm.plan.plan import run
from tests.layers.binding import seen
from tests.layers.poison import host, poisoned_plan
from tests.parity.peers import keras, torch
from tests.tolerances import agreement


@contextmanager
def keras_in(dtype):
    """Let Keras compute in `dtype`."""
    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_floatx(before[0])
        keras.config.set_dtype_policy(before[1])


def flat(values):
    return list(values) if isinstance(values, list | tuple) else [values]


def kind_of(array, dtype):
    return dtype if array.dtype.kind == "f" else array.dtype.name


def outputs_of(made):
    return list(made) if isinstance(made, tuple | list) else made


def in_order(layers, by_name):
    return sorted(layers, key=lambda layer: layer.name) if by_name else layers


def reset(model):
    """Let the stateful layers of either library forget."""
    for layer in model.layers:
        if getattr(layer, "stateful", False):
            layer.reset_state()


class Ours:
    """nlstm's side, bound to a plan whose memory is NaN, so that inputs have gradients too."""

    def __init__(self, network, arrays, dtype, by_name=False):
        symbols = [nlstm.Input(a.shape[1:], dtype=kind_of(a, dtype)) for a in arrays]
        made = outputs_of(network(nlstm.layers, *symbols))
        self.model = nlstm.Model(symbols, made, dtype=dtype)
        self.model.build()
        self.ops, self.dtype = self.model.binder.network.ops, np.dtype(dtype)
        layers = in_order(self.model.layers, by_name)
        self.parameters = [one for layer in layers for one in layer.trainable_weights]

    def take(self, weights):
        """Set the weights, in the order of `parameters`."""
        found = {id(one): weight for one, weight in zip(self.parameters, weights, strict=True)}
        order = [one for layer in self.model.layers for one in layer.parameters]
        self.model.set_weights([found.get(id(one), one.get()) for one in order])

    def start(self, arrays):
        """Bind for `arrays`, and run forward; return the outputs."""
        steps = max(a.shape[1] if a.ndim == 3 else 1 for a in arrays)
        self.plan, (self.inputs, self.outputs) = poisoned_plan(
            lambda plan: self._bind(plan, arrays),
            self.ops,
            self.dtype,
            len(arrays[0]),
            steps,
            True,
            self.ops.zeros(1, np.int64),
        )
        self.plan.run_forward()
        return [seen(y, y.value) for y in self.outputs]

    def _bind(self, plan, arrays):
        plan.scored = True
        inputs = [self._tensor(plan, a) for a in arrays]
        outputs = self.model.design.graph.bind(plan, inputs)
        for parameter in self.parameters:
            parameter.bind_rules(plan)
        # While the arena is measured: an output with consumers takes one more buffer.
        self.targets = [plan.input_gradient(y) for y in outputs]
        return inputs, outputs

    def _tensor(self, plan, x):
        major = np.swapaxes(x, 0, 1) if x.ndim == 3 else x[None]
        differentiable = x.dtype.kind == "f"
        width = x.shape[-1]
        if differentiable:
            width = self.ops.padded(width, self.dtype)
        value = np.zeros((*major.shape[:2], width), self.dtype)
        value[..., : x.shape[-1]] = major
        there = self.ops.to_device(value)
        tensor = plan.tensor(there, x.shape[-1], x.ndim == 3, gradient=differentiable)
        if differentiable:
            plan.call_back(tensor)
        return tensor

    def dropped(self):
        """Return the dropout masks of the recurrent layers, (rows, features), as they were drawn.

        Of an LSTM's masks for the four gates the rows follow one another.
        """
        draw = self.ops.dropout_mask
        drawn = [arguments for function, arguments in self.plan.forward if function is draw]
        return [host(out)[:, :features] for *_, features, out in drawn]

    def back(self, slopes):
        """Return the gradients of the inputs (None for whole numbers) and of the weights."""
        for parameter in self.parameters:
            self.ops.fill(parameter.gradient, np.nan)
        for y, target, slope in zip(self.outputs, self.targets, slopes, strict=True):
            self.ops.fill(target, 0)
            major = np.swapaxes(slope, 0, 1) if y.sequence else slope[None]
            self.ops.write(target[..., : y.features], major)
        self.plan.run_backward()
        run(self.plan.penalties)
        inputs = [None if x.gradient is None else seen(x, x.gradient) for x in self.inputs]
        return inputs, [one.get_gradient() for one in self.parameters]

    @property
    def penalty(self):
        """What regularizers add to the loss; known after `back`."""
        return host(self.plan.penalty_value)[0]


class Theirs:
    """Keras's side, on PyTorch."""

    def __init__(self, network, arrays, dtype, by_name=False):
        self.dtype = dtype
        with keras_in(dtype):
            symbols = [keras.Input(a.shape[1:], len(a), dtype=kind_of(a, dtype)) for a in arrays]
            made = outputs_of(network(keras.layers, *symbols))
            self.model = keras.Model(symbols, made)
        layers = in_order(self.model.layers, by_name)
        self.variables = [one for layer in layers for one in layer.trainable_weights]

    def take(self, weights):
        """Set the weights, in the order of `variables`."""
        for variable, weight in zip(self.variables, weights, strict=True):
            variable.assign(weight)

    def inputs_for(self, arrays):
        return [
            torch.tensor(a, dtype=getattr(torch, self.dtype), requires_grad=True)
            if a.dtype.kind == "f"
            else torch.tensor(a)
            for a in arrays
        ]

    def start(self, arrays, dropped=()):
        """Return the outputs; `dropped` are the dropout masks that recurrent layers shall use."""
        self.inputs = self.inputs_for(arrays)
        masks = iter(dropped)
        for cell in cells(self.model):
            drop(cell, masks)
        with keras_in(self.dtype):
            self.outputs = flat(self.model(self.inputs, training=True))
            self.penalty = sum(self.model.losses)
        return self.outputs

    def back(self, slopes):
        loss = self.penalty + sum(
            (y * torch.tensor(slope, dtype=y.dtype)).sum()
            for y, slope in zip(self.outputs, slopes, strict=True)
        )
        variables = [one.value for one in self.variables]
        wanted = [x for x in self.inputs if x.requires_grad]
        found = torch.autograd.grad(loss, [*wanted, *variables], allow_unused=True)
        found = [
            torch.zeros_like(x) if g is None else g for g, x in zip(found, [*wanted, *variables])
        ]
        gradients = iter(found)
        inputs = [next(gradients) if x.requires_grad else None for x in self.inputs]
        return inputs, list(gradients)


def cells(model):
    """Return the cells of the recurrent layers of a Keras model, in the order of nlstm's plan."""
    found = []
    for layer in model.layers:
        both = [getattr(layer, f"{way}_layer", None) for way in ("forward", "backward")]
        found += [one.cell for one in ([layer] if None in both else both) if hasattr(one, "cell")]
    return found


def drop(cell, masks):
    """Let a cell take its dropout masks from `masks` instead of drawing them."""

    def taken(gates):
        mask = torch.tensor(next(masks))
        parts = list(mask.chunk(gates)) if gates else mask
        if after and gates:  # nlstm's parts of the candidate, by inputs and by states
            first = next(drawn) == "inputs"
            parts = [*parts[:2], parts[2 if first else 3]]
        return parts

    after = getattr(cell, "reset_after", False)
    kinds = ["inputs"] * (cell.dropout > 0) + ["states"] * (cell.recurrent_dropout > 0)
    drawn = iter(kinds)
    gates = 0
    if cell.recurrent_dropout > 0 and hasattr(cell, "unit_forget_bias"):
        gates = 4
    elif cell.recurrent_dropout > 0 and hasattr(cell, "reset_after"):
        gates = 4 if after else 3
    if cell.dropout:
        inputs = taken(gates)
        cell.get_dropout_mask = lambda x: inputs
    if cell.recurrent_dropout:
        states = taken(gates)
        cell.get_recurrent_dropout_mask = lambda h: states


def weights_for(shapes, seed, scale=0.5):
    rng = np.random.default_rng(seed)
    return [rng.normal(0.0, scale, shape) for shape in shapes]


class Both:
    """A network in both libraries, with the same weights."""

    def __init__(self, network, arrays, dtype="float64", seed=0, scale=0.5, by_name=False):
        self.arrays, self.seed = arrays, seed
        self.theirs = Theirs(network, arrays, dtype, by_name)
        self.ours = Ours(network, arrays, dtype, by_name)
        shapes = [tuple(one.shape) for one in self.theirs.variables]
        assert [one.shape for one in self.ours.parameters] == shapes
        weights = weights_for(shapes, seed, scale)
        self.theirs.take(weights)
        self.ours.take(weights)
        steps = max((a.shape[1] for a in arrays if a.ndim > 1), default=1)
        units = max((max(shape) for shape in shapes if shape), default=1)
        self.limit = agreement(dtype, steps, units)

    def forward(self, agree):
        """Compare the outputs."""
        found = self.ours.start(self.arrays)
        wanted = self.theirs.start(self.arrays, self.ours.dropped())
        assert len(found) == len(wanted)
        for number, (one, other) in enumerate(zip(found, wanted)):
            agree(f"output {number}", one, other)

    def back(self, agree):
        """Compare the gradients, of the inputs and of the weights, of the last `forward`."""
        rng = np.random.default_rng(self.seed + 1)
        slopes = [rng.normal(size=y.shape) for y in self.theirs.outputs]
        inputs, gradients = self.ours.back(slopes)
        wanted_inputs, wanted = self.theirs.back(slopes)
        agree("penalty", self.ours.penalty, self.theirs.penalty)
        for number, (one, other) in enumerate(zip(inputs, wanted_inputs, strict=True)):
            if other is not None:
                agree(f"gradient of input {number}", one, other)
        for parameter, one, other in zip(self.ours.parameters, gradients, wanted, strict=True):
            agree(f"gradient of {parameter.name}", one, other)

    def predict(self, agree):
        """Compare what comes out in prediction: other kernels for nlstm, and no dropout."""
        found = flat(self.ours.model.predict(self.arrays, verbose=0))
        with keras_in(self.theirs.dtype):
            wanted = flat(self.theirs.model(self.theirs.inputs_for(self.arrays), training=False))
        for number, (one, other) in enumerate(zip(found, wanted, strict=True)):
            agree(f"predicted output {number}", one, other)

    def reset(self):
        """Let stateful layers start anew."""
        reset(self.ours.model)
        reset(self.theirs.model)


def compare(
    parity, feature, network, arrays, dtype="float64", seed=0, scale=0.5, predicted=False,
    by_name=False,
):  # fmt: skip
    """Compare a network's outputs and gradients on `arrays`, and perhaps its predictions.

    `scale` is that of the weights. With `by_name` the layers may come in an order of their own in
    each library.
    """
    both = Both(network, arrays, dtype, seed, scale, by_name)
    with parity.configuration(feature, dtype, both.limit) as agree:
        both.forward(agree)
        both.back(agree)
        if predicted:
            both.predict(agree)
