"""The layers that files may hold: one line for each."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nlstm import layers
from nlstm.interop.keras.arrays import of_conv, of_gru, of_lstm

__all__ = ["LAYERS", "ROWS", "Row", "plain_name", "row_of", "snake"]


@dataclass(frozen=True)
class Row:
    """How one of Keras's layers is one of nlstm's.

    Attributes
    ----------
    made : type
        nlstm's class. Arguments of the same name are the same.
    fixed : dict
        Arguments that the class in the file does not say.
    renamed : dict
        Today's names of arguments, by those of Keras 1 and 2.
    ignored : tuple of str
        Arguments, of any version, that have no effect on the numbers.
    here : dict
        Arguments that Keras does not have, and the values that are nothing but Keras's layer.
    cell : bool
        Whether `.keras` files have the weights in a cell of the layer.
    parts : tuple of str
        Attributes that hold layers with weights.
    taken : callable, optional
        Turns the arrays of any version's HDF5 into those of today.
    """

    made: type[layers.Layer]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    here: Mapping[str, Any] = field(default_factory=dict)
    cell: bool = False
    parts: tuple[str, ...] = ()
    taken: Any = None


RECURRENT = (
    "implementation", "unroll", "use_cudnn", "consume_less", "forget_bias_init", "input_dim",
    "input_length",
)  # fmt: skip
FLAT = ("data_format",)  # its other value is an error of the layer's own
OWN_LSTM = {
    "peephole": (False,), "zoneout": (0.0, (0.0, 0.0)), "num_layers": (1,), "layer_norm": (False,),
    "proj_size": (None, 0),
}  # fmt: skip

LSTM = Row(layers.LSTM, ignored=RECURRENT, here=OWN_LSTM, cell=True, taken=of_lstm)
# Keras up to 2.1 does not say `reset_after`.
GRU = Row(layers.GRU, {"reset_after": False}, ignored=RECURRENT, cell=True, taken=of_gru)
CONV = Row(
    layers.Conv1D,
    renamed={"nb_filter": "filters", "filter_length": "kernel_size", "border_mode": "padding",
             "subsample_length": "strides"},
    ignored=("input_dim", "input_length"),
    taken=of_conv,
)  # fmt: skip
POOL = {"pool_length": "pool_size", "stride": "strides", "border_mode": "padding"}
NORM = {"gamma_init": "gamma_initializer", "beta_init": "beta_initializer"}
CUDNN = {"activation": "tanh", "recurrent_activation": "sigmoid"}
LAYERS: dict[str, Row] = {
    "Activation": Row(layers.Activation),
    "Add": Row(layers.Add),
    "Average": Row(layers.Average),
    "AveragePooling1D": Row(layers.AveragePooling1D, renamed=POOL),
    "BatchNormalization": Row(layers.BatchNormalization, renamed=NORM, ignored=("fused",)),
    "Bidirectional": Row(layers.Bidirectional, parts=("forward_layer", "backward_layer")),
    "Concatenate": Row(layers.Concatenate),
    "Conv1D": CONV,
    "Convolution1D": CONV,
    "Cropping1D": Row(layers.Cropping1D),
    "CuDNNGRU": replace(GRU, fixed={**CUDNN, "reset_after": True}),
    "CuDNNLSTM": Row(layers.LSTM, CUDNN, ignored=RECURRENT, cell=True, taken=of_lstm),
    "Dense": Row(layers.Dense, ignored=("input_dim",)),
    "Dropout": Row(layers.Dropout),
    "ELU": Row(layers.ELU),
    "Embedding": Row(layers.Embedding, ignored=("input_length", "dropout")),
    "Flatten": Row(layers.Flatten),
    "GRU": GRU,
    "GaussianNoise": Row(layers.GaussianNoise),
    "GlobalAveragePooling1D": Row(layers.GlobalAveragePooling1D),
    "GlobalMaxPooling1D": Row(layers.GlobalMaxPooling1D),
    "Identity": Row(layers.Identity),
    "LSTM": LSTM,
    "LayerNormalization": Row(layers.LayerNormalization),
    "LeakyReLU": Row(layers.LeakyReLU, renamed={"alpha": "negative_slope"}),
    "Masking": Row(layers.Masking),
    "MaxPooling1D": Row(layers.MaxPooling1D, renamed=POOL),
    "Maximum": Row(layers.Maximum),
    "Minimum": Row(layers.Minimum),
    "Multiply": Row(layers.Multiply),
    "PReLU": Row(layers.PReLU),
    "Permute": Row(layers.Permute),
    "ReLU": Row(layers.ReLU),
    "RepeatVector": Row(layers.RepeatVector),
    "Reshape": Row(layers.Reshape),
    "SimpleRNN": Row(layers.SimpleRNN, ignored=RECURRENT, cell=True),
    "Softmax": Row(layers.Softmax),
    "SpatialDropout1D": Row(layers.SpatialDropout1D),
    "Subtract": Row(layers.Subtract),
    "TimeDistributed": Row(layers.TimeDistributed, parts=("layer",)),
    "TimeDistributedDense": Row(layers.Dense, ignored=("input_dim", "input_length")),
    "UpSampling1D": Row(layers.UpSampling1D, renamed={"length": "size"}),
    "ZeroPadding1D": Row(layers.ZeroPadding1D),
}
# By nlstm's class: the name that Keras 3 knows, and the row.
ROWS: dict[type, tuple[str, Row]] = {
    row.made: (name, row) for name, row in LAYERS.items() if name == row.made.__name__
}
MODELS = ("Sequential", "Functional", "Model")
_PACKAGE = re.compile(r"^[^>]*>")
_VERSION = re.compile(r"V[12]$")


def plain_name(name: Any) -> str:
    """Return a class's name without its package, "Custom>Adam", and TensorFlow's V1 and V2."""
    return _VERSION.sub("", _PACKAGE.sub("", str(name)))


def row_of(layer: layers.Layer) -> Row:
    """Return the row of a layer; one of a user's class has its weights in itself."""
    for cls in type(layer).__mro__:
        if cls in ROWS:
            return ROWS[cls][1]
    return Row(type(layer))


def snake(name: str) -> str:
    """Return a class's name as paths in `.keras` files spell it."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def parts_of(layer: layers.Layer, row: Row) -> Sequence[tuple[str, layers.Layer]]:
    """Return the layers in a layer that have its weights, with the attributes' names."""
    return [(name, getattr(layer, name)) for name in row.parts]
