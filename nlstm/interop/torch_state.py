"""Weights of PyTorch's state dicts into layers and out again. PyTorch itself is not needed.

`nn.LSTM` adds two biases, of which only the sum matters: it is taken in, and handed back as
``bias_ih`` beside a ``bias_hh`` of zeros. Gates are in the same order there. A state dict may hold
arrays, tensors, or lie in a safetensors file.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nlstm.arguments.numbers import as_array
from nlstm.layers import LSTM, Bidirectional, Dense, Embedding, SimpleRNN
from nlstm.layers.layer import Layer

__all__ = ["load_torch_state", "torch_state"]

# Of a recurrent layer: PyTorch's name, nlstm's, whether it lies transposed.
RECURRENT = (
    ("weight_ih_l{}", "kernel", True),
    ("weight_hh_l{}", "recurrent_kernel", True),
    ("bias_ih_l{}", "bias", False),
    ("weight_hr_l{}", "projection_kernel", True),
)
PLAIN = {
    Dense: (("weight", "kernel", True), ("bias", "bias", False)),
    Embedding: (("weight", "embeddings", False),),
}
KINDS = {  # of safetensors files, as NumPy has them
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2",
    "I8": "i1", "U8": "u1", "BOOL": "?",
}  # fmt: skip
Names = Iterator[tuple[str, Any, bool]]


def load_torch_state(
    layer: Layer, state: Mapping[str, Any] | str | Path, prefix: str = "", level: int = 0
) -> None:
    """Give a layer the weights of the module of PyTorch that does the same.

    Parameters
    ----------
    layer : LSTM, SimpleRNN, Bidirectional of these, Dense or Embedding
        Built: its model knows its input.
    state : mapping of str to array_like, module, or path
        A state dict, a module that has one, or a safetensors file that holds one.
    prefix : str, optional
        What the module's names begin with, such as ``"encoder.lstm"``.
    level : int, default 0
        Which of the module's layers a layer of one level is; one with `num_layers` takes as many
        from there on.

    Raises
    ------
    KeyError
        A name is missing; it says which there are.
    OSError
        There is no such file.
    TypeError, ValueError
        The layer has no counterpart, no weights yet, weights that PyTorch has not, or a shape is
        another; nothing was changed.

    Examples
    --------
    >>> load_torch_state(model.layers[0], "lstm.safetensors", "lstm")  # doctest: +SKIP
    """
    found = _read(state)
    start = f"{prefix}." if prefix else ""
    values = []
    for theirs, parameter, turned in _names(layer, level):
        value = _array(found, start + theirs)
        if theirs.startswith("bias_ih"):
            value = value + _array(found, start + theirs.replace("_ih", "_hh"))
        expected = parameter.shape[::-1] if turned else parameter.shape
        if value.shape != expected:
            raise ValueError(
                f"{start}{theirs} has shape {value.shape}; {layer.name} of nlstm needs {expected}."
            )
        values.append((parameter, value.T if turned else value))
    for parameter, value in values:
        parameter.set(np.ascontiguousarray(value))


def torch_state(layer: Layer, prefix: str = "", level: int = 0) -> dict[str, np.ndarray]:
    """Return a layer's weights under the names of PyTorch's module.

    With ``torch.from_numpy`` around each array, ``load_state_dict`` takes them. The bias is
    ``bias_ih``; ``bias_hh`` is zero.

    Parameters
    ----------
    layer, prefix, level
        As in `load_torch_state`.
    """
    start, found = f"{prefix}." if prefix else "", {}
    for theirs, parameter, turned in _names(layer, level):
        value = parameter.get()
        found[start + theirs] = np.ascontiguousarray(value.T if turned else value)
        if theirs.startswith("bias_ih"):
            found[start + theirs.replace("_ih", "_hh")] = np.zeros_like(value)
    return found


def _names(layer: Layer, level: int) -> Names:
    """Give PyTorch's names of a layer's weights, the weights, and which lie transposed."""
    if not layer.built:
        raise ValueError(f"{layer.name} has no weights yet: call build() of its model first.")
    if isinstance(layer, Bidirectional):
        yield from _recurrent(layer.forward_layer, level, "")
        yield from _recurrent(layer.backward_layer, level, "_reverse")
    elif isinstance(layer, LSTM | SimpleRNN):
        yield from _recurrent(layer, level, "")
    elif type(layer) in PLAIN:
        own = dict(layer.named_parameters())
        for theirs, ours, turned in PLAIN[type(layer)]:
            if ours in own:
                yield theirs, own[ours], turned
    else:
        raise TypeError(
            f"{layer.name} is a {type(layer).__name__}; LSTM, SimpleRNN, Bidirectional of these, "
            "Dense and Embedding have counterparts in PyTorch."
        )


def _recurrent(layer: Any, level: int, suffix: str) -> Names:
    """Give the names of a recurrent layer's weights."""
    if not isinstance(layer, LSTM | SimpleRNN):
        raise TypeError(f"{layer.name} is a {type(layer).__name__}, which PyTorch has not.")
    # A part of Bidirectional has its name before those of its weights.
    own = {name.rpartition("/")[2]: one for name, one in layer.named_parameters()}
    known = set()
    for number in range(getattr(layer, "num_layers", 1)):
        ending = f"_{number}" if number else ""
        for theirs, ours, turned in RECURRENT:
            if ours + ending in own:
                known.add(ours + ending)
                yield theirs.format(level + number) + suffix, own[ours + ending], turned
    strange = sorted(set(own) - known)
    if strange:
        raise ValueError(f"{layer.name} has {', '.join(strange)}, which PyTorch has not.")


def _read(state: Any) -> Mapping[str, Any]:
    if isinstance(state, Mapping):
        return state
    if hasattr(state, "state_dict"):
        found: Mapping[str, Any] = state.state_dict()
        return found
    if not isinstance(state, str | os.PathLike):
        raise TypeError(
            "state must be a state dict, a module, or the path of a safetensors file; got "
            f"{type(state).__name__}."
        )
    with open(state, "rb") as file:
        content = file.read()
    if content.startswith((b"PK", b"\x80")):
        raise ValueError(
            f"{state} is a file of torch.save's, which is code to run and is not read: hand over "
            "the dict that torch.load(path, weights_only=True) makes of it."
        )
    from safetensors import SafetensorError, deserialize

    try:
        return {name: _stored(one) for name, one in deserialize(content)}
    except (SafetensorError, KeyError, ValueError) as error:
        raise ValueError(f"{state} is not a safetensors file of numbers: {error}.") from error


def _stored(entry: Mapping[str, Any]) -> np.ndarray:
    """Return an array of a file; bfloat16, which NumPy does not have, as float32."""
    data, shape = entry["data"], entry["shape"]
    if entry["dtype"] == "BF16":
        bits = np.frombuffer(data, "<u2").astype(np.uint32) << 16
        return bits.view(np.float32).reshape(shape)
    return np.frombuffer(data, KINDS[entry["dtype"]]).reshape(shape)


def _array(state: Mapping[str, Any], name: str) -> np.ndarray:
    if name not in state:
        raise KeyError(f"{name!r} is not among the state's names: {', '.join(sorted(state))}.")
    value = state[name]
    if hasattr(value, "detach"):
        try:
            value = value.detach().cpu()
            value = (value.float() if str(value.dtype) == "torch.bfloat16" else value).numpy()
        except (TypeError, RuntimeError) as error:  # no data, sparse, quantized
            raise TypeError(f"{name} is no plain tensor of numbers: {error}") from error
    found = as_array(name, value)
    if found.dtype.kind not in "biuf":
        raise TypeError(f"{name} holds {found.dtype}; expected real numbers.")
    return found
