"""What each layer is in ONNX: one function for each, of the names of what comes in."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nlstm import layers
from nlstm.interop.onnx.activations_out import activated, ramp
from nlstm.interop.onnx.merging_out import (
    arithmetic,
    averaged,
    compared,
    concatenated,
    folded,
    multiplied,
)
from nlstm.interop.onnx.nodes import Form, Given, Nodes
from nlstm.interop.onnx.recurrent_out import bidirectional, recurrent
from nlstm.layers.arithmetic import Arithmetic, Linear
from nlstm.layers.mask_passing import MaskOf, Unmasked
from nlstm.layers.parts import GetItem

__all__ = ["FORMS"]

END = np.iinfo(np.int64).max


def _dense(to: Nodes, layer: Any, given: Given) -> str:
    y = to.add("MatMul", given.one, to.weight(layer.kernel))
    if layer.bias is not None:
        y = to.add("Add", y, to.weight(layer.bias))
    return activated(to, layer.activation, y)


def _activation(to: Nodes, layer: Any, given: Given) -> str:
    return activated(to, layer.activation, given.one)


def _relu(to: Nodes, layer: Any, given: Given) -> str:
    if layer.kernel_name is not None:
        return activated(to, layer.kernel_name, given.one)
    return ramp(to, given.one, layer.negative_slope, layer.threshold, layer.max_value)


def _leaky_relu(to: Nodes, layer: Any, given: Given) -> str:
    return to.add("LeakyRelu", given.one, alpha=layer.negative_slope)


def _elu(to: Nodes, layer: Any, given: Given) -> str:
    return to.add("Elu", given.one, alpha=layer.alpha)


def _softmax(to: Nodes, layer: Any, given: Given) -> str | list[str]:
    if len(given.names) > 1:
        return to.function("MaskedSoftmax", 1, *given.names)
    return _activation(to, layer, given)


def _prelu(to: Nodes, layer: Any, given: Given) -> str:
    return to.add("PRelu", given.one, to.weight(layer.alpha))


def _same(to: Nodes, layer: Any, given: Given) -> str:
    return given.one


def _embedding(to: Nodes, layer: Any, given: Given) -> str:
    index = to.add("Cast", given.one, to=7)
    return to.add("Gather", to.weight(layer.embeddings), index, axis=0)


def _masking(to: Nodes, layer: Any, given: Given) -> str:
    return to.function("Masking", 2, given.one, mask_value=layer.mask_value)[0]


# Recurrent layers


def _recurrent(to: Nodes, layer: Any, given: Given) -> list[str]:
    y, states = recurrent(to, layer, given.one, given.masks[0], given.names[1:])
    return [y, *states] if layer.return_state else [y]


def _bidirectional(to: Nodes, layer: Any, given: Given) -> list[str]:
    return bidirectional(to, layer, given.one, given.masks[0], given.names[1:])


# Normalisation


def _layer_norm(to: Nodes, layer: Any, given: Given) -> str:
    features = given.samples[0][-1] or 1
    ones = to.constant(np.ones(features)) if layer.gamma is None else to.weight(layer.gamma)
    shift = [] if layer.beta is None else [to.weight(layer.beta)]
    return to.add("LayerNormalization", given.one, ones, *shift, axis=-1, epsilon=layer.epsilon)


def _batch_norm(to: Nodes, layer: Any, given: Given) -> str:
    features = given.samples[0][-1] or 1
    gamma, beta = (
        to.constant(np.full(features, float(number))) if one is None else to.weight(one)
        for one, number in ((layer.gamma, 1), (layer.beta, 0))
    )
    averages = to.weight(layer.moving_mean), to.weight(layer.moving_variance)
    return _by_channels(
        to,
        given,
        lambda x: to.add("BatchNormalization", x, gamma, beta, *averages, epsilon=layer.epsilon),
    )


def _by_channels(to: Nodes, given: Given, form: Callable[[str], str]) -> str:
    """Append nodes that take features before steps."""
    if given.rank < 3:
        return form(given.one)
    turned = form(to.add("Transpose", given.one, perm=[0, 2, 1]))
    return to.add("Transpose", turned, perm=[0, 2, 1])


# Windows


def _conv(to: Nodes, layer: Any, given: Given) -> str:
    size, stride, dilation = layer.kernel_size[0], layer.strides[0], layer.dilation_rate[0]
    kernel = to.array(layer.kernel, "W", lambda: to.value(layer.kernel).transpose(2, 1, 0))
    inputs = [kernel] + ([] if layer.bias is None else [to.weight(layer.bias)])
    more = {"kernel_shape": [size], "group": layer.groups, "dilations": [dilation]}
    more |= {"strides": [stride], **_padding(layer.padding, dilation * (size - 1), stride)}
    y = _by_channels(to, given, lambda x: to.add("Conv", x, *inputs, **more))
    return activated(to, layer.activation, y)


def _padding(padding: str, reach: int, stride: int) -> dict[str, Any]:
    """Return the attributes for windows of `reach` + 1 steps."""
    if padding == "causal":
        return {"pads": [reach, 0]}
    if padding == "same" and stride == 1:
        return {"pads": [reach // 2, reach - reach // 2]}
    return {"auto_pad": "SAME_UPPER"} if padding == "same" else {}


def _pool(to: Nodes, layer: Any, given: Given) -> str:
    size, stride = layer.pool_size[0], layer.strides[0]
    op = "MaxPool" if isinstance(layer, layers.MaxPooling1D) else "AveragePool"
    more = {"kernel_shape": [size], "strides": [stride]}
    more |= _padding(layer.padding, size - 1, stride)
    return _by_channels(to, given, lambda x: to.add(op, x, **more))


def _average(to: Nodes, layer: Any, given: Given) -> str:
    if given.masks[0] is None:
        return to.add("ReduceMean", given.one, axes=[1], keepdims=int(layer.keepdims))
    (y,) = to.function("MeanOfSteps", 1, given.one, given.masks[0])
    return to.add("Unsqueeze", y, to.constant([1])) if layer.keepdims else y


def _largest(to: Nodes, layer: Any, given: Given) -> str:
    return to.add("ReduceMax", given.one, axes=[1], keepdims=int(layer.keepdims))


# Shapes


def _reshape(to: Nodes, layer: Any, given: Given) -> str:
    return to.add("Reshape", given.one, to.constant([0, *layer.target_shape]))


def _permute(to: Nodes, layer: Any, given: Given) -> str:
    return to.add("Transpose", given.one, perm=[0, *layer.dims])


def _repeat(to: Nodes, layer: Any, given: Given) -> str:
    one = to.add("Unsqueeze", given.one, to.constant([1]))
    return to.add("Expand", one, to.constant([1, layer.n, 1]))


def _up(to: Nodes, layer: Any, given: Given) -> str:
    one = to.add("Unsqueeze", given.one, to.constant([2]))
    whole = to.add("Expand", one, to.constant([1, 1, layer.size, 1]))
    return to.add("Reshape", whole, to.constant([0, -1, given.samples[0][-1]]))


def _pad(to: Nodes, layer: Any, given: Given) -> str:
    before, after = layer.padding
    return to.add("Pad", given.one, to.constant([0, before, 0, 0, after, 0]))


def _cut(to: Nodes, x: str, axis: int, start: int, stop: int, step: int = 1) -> str:
    return to.add("Slice", x, *(to.constant([one]) for one in (start, stop, axis, step)))


def _crop(to: Nodes, layer: Any, given: Given) -> str:
    before, after = layer.cropping
    return _cut(to, given.one, 1, before, -after or END)


def _part(to: Nodes, layer: GetItem, given: Given) -> str:
    key = [_entry(one) for one in layer.get_config()["key"]]
    if "..." in key:
        place = key.index("...")
        key[place : place + 1] = [slice(None)] * (1 + given.rank - len(key))
    x, taken = given.one, []
    for axis, one in enumerate(key):
        if isinstance(one, int):
            taken.append((axis, one))
        elif one.step == -1:
            start = -1 if one.start is None else one.start
            x = _cut(to, x, axis, start, -END if one.stop is None else one.stop, -1)
        elif (one.start, one.stop) != (None, None):
            x = _cut(to, x, axis, one.start or 0, END if one.stop is None else one.stop)
    for axis, number in reversed(taken):
        x = to.add("Gather", x, to.constant(number), axis=axis)
    return x


def _entry(one: Any) -> Any:
    return slice(one["start"], one["stop"], one["step"]) if isinstance(one, dict) else one


def _linear(to: Nodes, layer: Linear, given: Given) -> str:
    x = given.one
    if layer.factor != 1.0 or not layer.offset:
        x = to.add("Mul", x, to.constant(layer.factor))
    return to.add("Add", x, to.constant(layer.offset)) if layer.offset else x


FORMS: dict[type, Form] = {
    layers.Activation: _activation,
    layers.Add: folded("Add"),
    layers.Average: averaged,
    layers.AveragePooling1D: _pool,
    layers.BatchNormalization: _batch_norm,
    layers.Bidirectional: _bidirectional,
    layers.Concatenate: concatenated,
    layers.Conv1D: _conv,
    layers.Cropping1D: _crop,
    layers.Dense: _dense,
    layers.Dropout: _same,
    layers.ELU: _elu,
    layers.Embedding: _embedding,
    layers.Flatten: _reshape,
    layers.GRU: _recurrent,
    layers.GaussianNoise: _same,
    layers.GlobalAveragePooling1D: _average,
    layers.GlobalMaxPooling1D: _largest,
    layers.Identity: _same,
    layers.LSTM: _recurrent,
    layers.LayerNormalization: _layer_norm,
    layers.LeakyReLU: _leaky_relu,
    layers.Masking: _masking,
    layers.MaxPooling1D: _pool,
    layers.Maximum: compared("Max"),
    layers.Minimum: compared("Min"),
    layers.Multiply: multiplied,
    layers.PReLU: _prelu,
    layers.Permute: _permute,
    layers.ReLU: _relu,
    layers.RepeatVector: _repeat,
    layers.Reshape: _reshape,
    layers.SimpleRNN: _recurrent,
    layers.Softmax: _softmax,
    layers.SpatialDropout1D: _same,
    layers.Subtract: folded("Sub"),
    layers.UpSampling1D: _up,
    layers.ZeroPadding1D: _pad,
    Arithmetic: arithmetic,
    GetItem: _part,
    Linear: _linear,
    MaskOf: _same,
    Unmasked: _same,
}
