"""Models, under Keras's path."""

from nlstm.files.model_file import load_model as load_model
from nlstm.files.model_file import save_model as save_model
from nlstm.models.cloning import clone_model as clone_model
from nlstm.models.cloning import model_from_json as model_from_json
from nlstm.models.model import Model as Model
from nlstm.models.sequential import Sequential as Sequential

__all__ = ["Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]
