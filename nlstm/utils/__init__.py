"""What scripts take from `keras.utils`: names alone, each from the room that has it."""

from typing import Any

from nlstm.arguments.config import deserialize as deserialize_keras_object
from nlstm.arguments.config import register as register_keras_serializable
from nlstm.arguments.config import serialize as serialize_keras_object
from nlstm.arguments.seeds import set_random_seed
from nlstm.data.py_dataset import PyDataset
from nlstm.data.py_dataset import PyDataset as Sequence
from nlstm.files.local_copy import get_file
from nlstm.preprocessing.categories import normalize, to_categorical
from nlstm.preprocessing.sequence import pad_sequences
from nlstm.windows import timeseries_dataset_from_array

__all__ = [
    "PyDataset",
    "Sequence",
    "deserialize_keras_object",
    "get_file",
    "normalize",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "serialize_keras_object",
    "set_random_seed",
    "timeseries_dataset_from_array",
    "to_categorical",
]


def __getattr__(name: str) -> Any:
    """Load the room of pictures when its function is asked for."""
    if name == "plot_model":
        from nlstm.plotting import plot_model

        return plot_model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
