"""Files of models, and the names by which they know users' classes; as `keras.saving`."""

from nlstm.arguments.config import deserialize as deserialize_keras_object
from nlstm.arguments.config import register
from nlstm.arguments.config import register as register_keras_serializable
from nlstm.arguments.config import serialize as serialize_keras_object
from nlstm.files.model_file import load_model, save_model

__all__ = [
    "deserialize_keras_object",
    "load_model",
    "register",
    "register_keras_serializable",
    "save_model",
    "serialize_keras_object",
]
