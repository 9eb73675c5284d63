"""The onnx package, imported when it is needed, and the versions that are written."""

from typing import Any

__all__ = ["DOMAIN", "FORMAT", "OPSET", "onnx"]

OPSET, FORMAT = 17, 8  # the first with LayerNormalization; what runtimes of 2022 read
DOMAIN = "nlstm"  # of the functions for masks, which a file brings with it


def onnx() -> Any:
    """Return the module."""
    try:
        import onnx as module  # type: ignore[import-untyped,unused-ignore]
        import onnx.helper
        import onnx.numpy_helper
        import onnx.parser  # noqa: F401
    except ImportError:
        raise ImportError(
            "Files of ONNX take the onnx package: pip install 'nlstm[onnx]'"
        ) from None
    return module
