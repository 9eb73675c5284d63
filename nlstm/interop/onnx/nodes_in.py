"""Nodes and arrays of a file, looked at before anything is made of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nlstm.interop.onnx.package import DOMAIN, onnx
from nlstm.interop.onnx.steps import Unsupported

__all__ = ["NodeOf", "array_of", "type_name"]

NUMBERS = (*range(1, 8), 9, 10, 11, 12, 13, 16)  # as ONNX numbers types; no strings, no complex


def type_name(kind: int) -> str:
    """Return what ONNX calls a type."""
    names = onnx().TensorProto.DataType
    return str(names.Name(kind)) if kind in names.values() else f"type {kind}"


def array_of(proto: Any, name: str) -> np.ndarray:
    """Return an array; bfloat16, which NumPy does not have, in float32.

    Raises
    ------
    Unsupported
        It holds no numbers, or not as many as it says.
    """
    shape = tuple(proto.dims)
    if proto.data_type not in NUMBERS:
        raise Unsupported(f"array {name!r} holds {type_name(proto.data_type)}; expected numbers")
    if min(shape, default=0) < 0:
        raise Unsupported(f"array {name!r} has shape {shape}")
    try:
        found = onnx().numpy_helper.to_array(proto)
    except Exception as error:
        raise Unsupported(f"array {name!r} of shape {shape} is damaged ({error})") from error
    return np.asarray(found if found.dtype.kind in "biuf" else found.astype(np.float32))


class NodeOf:
    """A node of a graph.

    Attributes
    ----------
    op : str
        What it does; functions of nlstm's begin with "nlstm.".
    inputs, outputs : list of str
    attributes : dict
    name : str
    plain : bool
        Whether it has no graph inside.
    """

    def __init__(self, proto: Any) -> None:
        helper = onnx().helper
        self.proto = proto
        self.op = f"{DOMAIN}.{proto.op_type}" if proto.domain == DOMAIN else proto.op_type
        self.known_domain = proto.domain in ("", "ai.onnx", DOMAIN)
        self.inputs, self.outputs = list(proto.input), list(proto.output)
        self.name = proto.name
        inner = any(one.HasField("g") or one.graphs for one in proto.attribute)
        self.plain = not inner and proto.op_type not in ("If", "Loop", "Scan")
        self.attributes = {one.name: helper.get_attribute_value(one) for one in proto.attribute}

    def __str__(self) -> str:
        """Return what an error calls it."""
        op = self.op if self.known_domain else f"{self.proto.domain}.{self.op}"
        return f"{op} {self.name!r}" if self.name else op

    def get(self, name: str, otherwise: Any = None) -> Any:
        """Return an attribute; strings as such."""
        value = self.attributes.get(name, otherwise)
        if isinstance(value, bytes):
            return value.decode()
        if isinstance(value, list) and value and isinstance(value[0], bytes):
            return [one.decode() for one in value]
        return value

    def one_of(self, name: str, usual: Any, known: Sequence[Any]) -> Any:
        """Return an attribute that has one of several values."""
        value = self.get(name, usual)
        value = value.lower() if isinstance(value, str) else value
        if value not in known:
            expected = ", ".join(map(str, known))
            raise Unsupported(f"its {name} is {value!r}; expected one of {expected}")
        return value

    def tensor(self, name: str) -> np.ndarray | None:
        """Return an attribute that is an array."""
        value = self.attributes.get(name)
        return None if value is None else array_of(value, name)
