"""A layer on its own in a plan: inputs with masks and states, and all gradients."""

import numpy as np

from nlstm import kernels
from nlstm.plan.parameters import ParameterBuffer
from nlstm.plan.plan import Tensor
from tests.layers.poison import host, poisoned_plan


class Planned:
    """A built layer with random weights and a plan for batches like `x`.

    Parameters
    ----------
    layer : Layer
    x : ndarray, shape (N, T, F).
    mask : ndarray(bool), shape (N, T), optional
    states : sequence of ndarray, shape (N, H)
    arena : bool
        Whether buffers lie in a block, as those of a model do.
    """

    def __init__(self, layer, x, mask=None, states=(), training=True, dtype="float64", arena=True):
        ops, self.dtype = kernels.load(None, dtype), np.dtype(dtype)
        N, T, F = x.shape
        if not layer.built:
            shapes = [(T, F), *[state.shape[1:] for state in states]]
            layer.build(ops, *shapes, self.dtype)
            ParameterBuffer(layer.parameters, ops)
        self.layer, self.ops = layer, ops
        rng = np.random.default_rng(5)
        for parameter in layer.parameters:
            parameter.set(rng.normal(0.0, 0.5, parameter.shape))
        self.plan, (self.x, self.states, found) = poisoned_plan(
            lambda plan: self._bind(plan, x, mask, states),
            ops, self.dtype, N, T, training, ops.zeros(1, np.int64), arena,
        )  # fmt: skip
        self.outputs = found if isinstance(found, tuple) else (found,)

    def _bind(self, plan, x, mask, states):
        (N, T, F), training = x.shape, plan.training
        steps = np.ascontiguousarray(x.swapaxes(0, 1), self.dtype)
        there = self.ops.to_device
        inputs = Tensor(there(steps), F, True, self._gradient(T, N, F, training))
        if mask is not None:
            inputs.mask = there(np.ascontiguousarray(mask.T).astype(np.uint8))
        begun = [
            Tensor(
                there(s[None].astype(self.dtype)),
                s.shape[1],
                False,
                self._gradient(1, *s.shape, training),
            )
            for s in states
        ]
        return inputs, begun, self.layer.bind(plan, inputs, *begun)

    def _gradient(self, T, N, F, training):
        if not training:
            return None
        found = self.ops.empty((T, N, self.ops.padded(F, self.dtype)))
        self.ops.fill(found, np.nan)
        return found

    def forward(self):
        """Return the outputs, batch first."""
        self.plan.run_forward()
        return [batch_first(one, one.value) for one in self.outputs]

    def backward(self, slopes):
        """Return the gradients of x, the states and the weights; a slope of None is unused."""
        for output, slope in zip(self.outputs, slopes, strict=True):
            if slope is not None:
                gradient = self.plan.input_gradient(output)
                self.ops.fill(gradient, 0)
                major = slope.swapaxes(0, 1) if output.sequence else slope[None]
                self.ops.write(gradient[..., : output.features], major)
        self.plan.run_backward()
        inputs = [batch_first(one, one.gradient) for one in (self.x, *self.states)]
        return inputs, [parameter.get_gradient() for parameter in self.layer.parameters]


def batch_first(tensor, array):
    """Return (N, T, F), or (N, F) of a flat tensor."""
    array = host(array)[:, :, : tensor.features].swapaxes(0, 1)
    return (array if tensor.sequence else array[:, 0]).copy()
