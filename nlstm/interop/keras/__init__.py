"""Files of Keras, all versions of them, read and written with h5py (``pip install nlstm[keras]``).

`nlstm.models.load_model`, `model.save`, `load_weights` and `save_weights` come here by themselves.
"""

from nlstm.interop.keras.origin import origin as origin
from nlstm.interop.keras.origin import shapes as shapes
from nlstm.interop.keras.reading import load_model as load_model
from nlstm.interop.keras.reading import load_weights as load_weights
from nlstm.interop.keras.writing import save_model as save_model
from nlstm.interop.keras.writing import save_weights as save_weights

__all__ = ["load_model", "load_weights", "origin", "save_model", "save_weights", "shapes"]
