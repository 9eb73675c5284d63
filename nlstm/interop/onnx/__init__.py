"""Models of ONNX in and out, with the onnx package (``pip install nlstm[onnx]``).

`nlstm.models.load_model` and `model.save("m.onnx")` come here by themselves.
"""

import os
from typing import Any

from nlstm.arguments.checks import checked_flag, checked_path
from nlstm.interop.onnx.reading import load_model as load_model
from nlstm.interop.onnx.writing import save as _write

__all__ = ["load_model", "load_weights", "save", "save_model", "save_weights"]


def save(model: Any, path: str | os.PathLike[str], *, lengths: bool = False) -> None:
    """Write what a model predicts as ONNX, whole or not at all.

    Parameters
    ----------
    model : Sequential or Model
        With weights. Its optimizer and losses are left out.
    path : path
        By custom "<name>.onnx".
    lengths : bool, default False
        Whether each input of sequences gets another one behind it, ``<name>_lengths``, int64
        (batch,): how many of its steps count, as `predict` takes them.

    Raises
    ------
    ValueError
        Something in the model has no form in ONNX; the error names it, and nothing was written.

    Notes
    -----
    The batch has any size, and so have steps whose number the model leaves open. Indices for an
    `Embedding` are int64. Masks of `Masking`, `Embedding` and `mask=` are computed in the graph,
    wherever the masked steps lie.

    Examples
    --------
    >>> nlstm.interop.onnx.save(model, "m.onnx")  # doctest: +SKIP
    >>> session = onnxruntime.InferenceSession("m.onnx")  # doctest: +SKIP
    >>> session.run(None, {"input": x})  # doctest: +SKIP
    """
    _write(model, checked_path("path", path), checked_flag("lengths", lengths))


def save_model(model: Any, path: str, include_optimizer: bool) -> None:
    """Write a model; what was compiled is not part of such files."""
    _write(model, path, False)


def save_weights(model: Any, path: str) -> None:
    """Raise: such files hold whole models."""
    raise ValueError(f"{path}: ONNX has no files of weights alone; model.save writes all of it.")


def load_weights(model: Any, path: str, by_name: bool, skip_mismatch: bool) -> None:
    """Raise: such files hold whole models."""
    raise ValueError(
        f"{path} is a file of ONNX's, which say nothing of layers: load_model(path) makes the "
        "model, and set_weights(loaded.get_weights()) takes its weights where they fit."
    )
