"""A layer on its own: bound to a plan whose memory is NaN, run forward and back, differentiated."""

import numpy as np

from nlstm import kernels
from nlstm.kernels.operations import default_device
from nlstm.plan.parameters import ParameterBuffer
from tests.layers.poison import host, poisoned_plan
from tests.reference.finite_differences import gradient


class Bound:
    """A layer with its inputs, (N, T, F) or (N, F); each input gets a gradient.

    With `arena`, the plan's buffers and its one scratch lie in a block, as those of a model do.
    """

    def __init__(
        self, layer, *inputs, masks=(), dtype="float64", training=True, padded=True, arena=True
    ):
        self.layer, self.dtype = layer, np.dtype(dtype)
        self.ops = kernels.load(None, dtype)
        rows, self.counter = inputs[0].shape[0], self.ops.zeros(1, np.int64)
        shapes = [x.shape[1:] for x in inputs]
        self.shape = layer.output_shape(*shapes)
        layer.build(self.ops, *shapes, self.dtype)
        self.buffer = ParameterBuffer(layer.parameters, self.ops)
        rng = np.random.default_rng(3)
        for parameter in layer.parameters:
            parameter.set(rng.normal(0.0, 0.5, parameter.shape))
        self.ops.fill(self.buffer.gradient, np.nan)
        for parameter in layer.parameters:
            self.ops.fill(parameter.gradient, np.nan)
        steps = inputs[0].shape[1] if inputs[0].ndim == 3 else 1
        self.plan, (self.inputs, made) = poisoned_plan(
            lambda plan: self._bind(plan, inputs, masks, padded),
            self.ops, self.dtype, rows, steps, training, self.counter, arena,
        )  # fmt: skip
        self.outputs = made if isinstance(made, tuple) else (made,)
        self.calls_back = None

    def _bind(self, plan, inputs, masks, padded):
        tensors = [self._tensor(plan, x, padded) for x in inputs]
        found = {
            id(mask): self.ops.to_device(np.ascontiguousarray(mask.T, np.uint8))
            for mask in masks
            if mask is not None
        }
        for tensor, mask in zip(tensors, masks):
            tensor.mask = found.get(id(mask))
        return tensors, self.layer.bind(plan, *tensors)

    def _tensor(self, plan, x, padded):
        major = np.swapaxes(x, 0, 1) if x.ndim == 3 else x[None]
        width = self.ops.padded(x.shape[-1], self.dtype) if padded else x.shape[-1]
        value = np.zeros((*major.shape[:2], width), self.dtype)
        value[..., : x.shape[-1]] = major
        there = self.ops.to_device(value)
        tensor = plan.tensor(there, x.shape[-1], x.ndim == 3, gradient=True)
        if tensor.gradient is not None:
            plan.call_back(tensor)
        return tensor

    def forward(self):
        """Return the outputs, (N, T, F) or (N, F)."""
        self.ops.fill(self.counter, 0)
        self.plan.run_forward()
        for y in self.outputs:
            assert not host(y.value)[..., y.features :].any(), "padding of an output"
        return [seen(y, y.value) for y in self.outputs]

    def backward(self, *slopes):
        """Return the gradients of the inputs and of the weights."""
        if self.calls_back is None:
            targets = [self.plan.input_gradient(y) for y in self.outputs]
            self.calls_back = targets, self.plan.backward()
        targets, calls = self.calls_back
        for y, target, slope in zip(self.outputs, targets, slopes, strict=True):
            self.ops.fill(target, 0)
            major = np.swapaxes(slope, 0, 1) if y.sequence else slope[None]
            self.ops.write(target[..., : y.features], major)
        self.plan.run_backward(calls)
        for x in self.inputs:
            assert not host(x.gradient)[..., x.features :].any(), "padding of a gradient"
        weights = [parameter.get_gradient() for parameter in self.layer.parameters]
        return [seen(x, x.gradient) for x in self.inputs], weights

    def check_gradients(self, skip=(), tolerance=1e-6):
        """Compare all gradients with central differences; `skip` names inputs without one."""
        rng = np.random.default_rng(4)
        slopes = [rng.normal(size=y.shape) for y in self.forward()]
        dx, dweights = self.backward(*slopes)

        def loss():
            return sum((y * slope).sum() for y, slope in zip(self.forward(), slopes))

        for place, (x, found) in enumerate(zip(self.inputs, dx)):
            if place not in skip:
                value = host(x.value).copy()

                def loss_of_input(x=x, value=value):
                    self.ops.write(x.value, value)
                    return loss()

                part = value[..., : x.features]
                wanted = seen(x, gradient(loss_of_input, part, places=some(part.shape, rng)))
                self.ops.write(x.value, value)
                wanted = np.where(np.isnan(wanted), found, wanted)
                np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)
        for parameter, found in zip(self.layer.parameters, dweights):
            if not parameter.trainable:
                continue
            value = parameter.get()

            def moved(change, parameter=parameter, value=value):
                parameter.set(value + change)
                result = loss()
                parameter.set(value)
                return result

            wanted = found.copy()
            for index in some(value.shape, rng):
                change = np.zeros_like(value)
                change[index] = 1e-5
                wanted[index] = (moved(change) - moved(-change)) / 2e-5
            np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


def some(shape, rng):
    """Return where differences are taken: everywhere, but few places on a simulated device."""
    places = list(np.ndindex(shape))
    if default_device() != "cuda":
        return places
    return [places[k] for k in rng.choice(len(places), min(2, len(places)), replace=False)]


def seen(tensor, array):
    """Return what a user would see of a tensor's value or gradient: a copy."""
    array = host(array)[..., : tensor.features]
    return (np.swapaxes(array, 0, 1) if tensor.sequence else array[0]).copy()
