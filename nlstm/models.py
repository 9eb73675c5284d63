"""Models, under Keras's path."""

from nlstm.network import Model as Model
from nlstm.sequential import Sequential as Sequential

__all__ = ["Model", "Sequential"]
