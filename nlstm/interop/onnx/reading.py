"""Models read from ONNX."""

from collections.abc import Mapping
from typing import Any

from nlstm.interop.onnx import (
    branches_in,
    layers_in,
    parts_in,
    pointwise_in,
    recurrent_in,
    shapes_in,
)
from nlstm.interop.onnx.fusing import fused
from nlstm.interop.onnx.making import model_from
from nlstm.interop.onnx.masks_in import with_masks
from nlstm.interop.onnx.package import onnx
from nlstm.interop.onnx.resolving import resolved
from nlstm.interop.onnx.steps import Ref, Step
from nlstm.interop.onnx.tracing import LOOPS, Handler, TimeMajor, Tracer

__all__ = ["HANDLERS", "load_model"]

INSTEAD = (
    "Recurrences are read where they are LSTM, GRU or RNN nodes. A model of Keras is read from its "
    "own .keras or .h5 file, and load_torch_state takes the weights of PyTorch's modules."
)
HANDLERS: dict[str, Handler] = {
    **branches_in.HANDLERS,
    **shapes_in.HANDLERS,
    **parts_in.HANDLERS,
    **pointwise_in.HANDLERS,
    **layers_in.HANDLERS,
    **recurrent_in.HANDLERS,
}


def load_model(path: str, custom_objects: Mapping[str, Any] | None, compile: bool) -> Any:
    """Return the model that a graph is; see `nlstm.models.load_model`. It comes uncompiled."""
    module = onnx()
    try:
        proto = module.load(path)
        steps, outputs = _read(proto)
        return model_from(steps, outputs, proto.graph.name)
    except (ImportError, OSError, MemoryError):
        raise
    except Exception as error:
        text = str(error) or type(error).__name__
        raise ValueError(f"{path} cannot be loaded: {text}") from error


def _read(proto: Any) -> tuple[list[Step], list[Ref]]:
    """Return the layers of a graph, and its outputs."""
    versions = [one.version for one in proto.opset_import if one.domain in ("", "ai.onnx")]
    swapped: set[str] = set()
    while True:
        try:
            tracer = Tracer(proto.graph, max(versions, default=1), HANDLERS, swapped)
            outputs = tracer.run()
            break
        except TimeMajor as found:
            swapped |= found.args[0]
    steps: list[Step] = []
    if not tracer.problems:
        steps, outputs = resolved(tracer.steps, outputs, tracer.problems)
    if tracer.problems:
        loops = any(one.startswith(LOOPS) for one in tracer.problems)
        raise ValueError(
            "it holds what nlstm does not have:\n  "
            + "\n  ".join(tracer.problems)
            + "\ndocs/interop.md has a list of what is read."
            + (f" {INSTEAD}" if loops else "")
        )
    if not outputs:
        raise ValueError("it has no output.")
    steps = [*tracer.inputs, *(step for step in steps if step.kind != "Input")]
    outputs = [_through(steps, ref) for ref in outputs]
    steps, outputs = fused(steps, outputs)
    return with_masks(steps, outputs), outputs


def _through(steps: list[Step], ref: Ref) -> Ref:
    """Return an output that a layer gives, as a model's are."""
    if ref.step.kind != "Input":
        return ref
    steps.append(Step("Identity", {}, [ref], [ref.shape]))
    return Ref(steps[-1])
