"""The layers of a model."""

from typing import Any

from nlstm.layers import arithmetic as _arithmetic  # noqa: F401  (what symbols do by operators)
from nlstm.layers import mask_passing as _mask_passing  # noqa: F401  (known to files)
from nlstm.layers.activation import Activation as Activation
from nlstm.layers.activation import Identity as Identity
from nlstm.layers.activation import Softmax as Softmax
from nlstm.layers.batch_normalization import BatchNormalization as BatchNormalization
from nlstm.layers.bidirectional import Bidirectional as Bidirectional
from nlstm.layers.concatenate import Concatenate as Concatenate
from nlstm.layers.conv1d import Conv1D as Conv1D
from nlstm.layers.conv1d import Convolution1D as Convolution1D
from nlstm.layers.dense import Dense as Dense
from nlstm.layers.dropout import Dropout as Dropout
from nlstm.layers.embedding import Embedding as Embedding
from nlstm.layers.functions import add as add
from nlstm.layers.functions import average as average
from nlstm.layers.functions import concatenate as concatenate
from nlstm.layers.functions import maximum as maximum
from nlstm.layers.functions import minimum as minimum
from nlstm.layers.functions import multiply as multiply
from nlstm.layers.functions import subtract as subtract
from nlstm.layers.gaussian_noise import GaussianNoise as GaussianNoise
from nlstm.layers.gru import GRU as GRU
from nlstm.layers.input import Input as Input
from nlstm.layers.input import InputLayer as InputLayer
from nlstm.layers.layer import Layer as Layer
from nlstm.layers.layer_normalization import LayerNormalization as LayerNormalization
from nlstm.layers.lstm import LSTM as LSTM
from nlstm.layers.masking import Masking as Masking
from nlstm.layers.merging import Add as Add
from nlstm.layers.merging import Average as Average
from nlstm.layers.merging import Maximum as Maximum
from nlstm.layers.merging import Minimum as Minimum
from nlstm.layers.merging import Multiply as Multiply
from nlstm.layers.merging import Subtract as Subtract
from nlstm.layers.pooling import GlobalAveragePooling1D as GlobalAveragePooling1D
from nlstm.layers.pooling import GlobalAvgPool1D as GlobalAvgPool1D
from nlstm.layers.pooling import GlobalMaxPool1D as GlobalMaxPool1D
from nlstm.layers.pooling import GlobalMaxPooling1D as GlobalMaxPooling1D
from nlstm.layers.prelu import PReLU as PReLU
from nlstm.layers.rectifiers import ELU as ELU
from nlstm.layers.rectifiers import LeakyReLU as LeakyReLU
from nlstm.layers.rectifiers import ReLU as ReLU
from nlstm.layers.repeat_vector import RepeatVector as RepeatVector
from nlstm.layers.reshape import Flatten as Flatten
from nlstm.layers.reshape import Reshape as Reshape
from nlstm.layers.simple_rnn import SimpleRNN as SimpleRNN
from nlstm.layers.spatial_dropout import SpatialDropout1D as SpatialDropout1D
from nlstm.layers.steps import Cropping1D as Cropping1D
from nlstm.layers.steps import Permute as Permute
from nlstm.layers.steps import UpSampling1D as UpSampling1D
from nlstm.layers.steps import ZeroPadding1D as ZeroPadding1D
from nlstm.layers.time_distributed import TimeDistributed as TimeDistributed
from nlstm.layers.window_pooling import AveragePooling1D as AveragePooling1D
from nlstm.layers.window_pooling import AvgPool1D as AvgPool1D
from nlstm.layers.window_pooling import MaxPool1D as MaxPool1D
from nlstm.layers.window_pooling import MaxPooling1D as MaxPooling1D

__all__ = [
    "Activation",
    "Add",
    "Average",
    "AveragePooling1D",
    "AvgPool1D",
    "BatchNormalization",
    "Bidirectional",
    "Concatenate",
    "Conv1D",
    "Convolution1D",
    "Cropping1D",
    "Dense",
    "Dropout",
    "ELU",
    "Embedding",
    "Flatten",
    "GRU",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAvgPool1D",
    "GlobalMaxPool1D",
    "GlobalMaxPooling1D",
    "Identity",
    "Input",
    "InputLayer",
    "LSTM",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Masking",
    "MaxPool1D",
    "MaxPooling1D",
    "Maximum",
    "Minimum",
    "Multiply",
    "PReLU",
    "Permute",
    "ReLU",
    "RepeatVector",
    "Reshape",
    "SimpleRNN",
    "Softmax",
    "SpatialDropout1D",
    "Subtract",
    "TimeDistributed",
    "UpSampling1D",
    "ZeroPadding1D",
    "add",
    "average",
    "concatenate",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]


def __getattr__(name: str) -> Any:
    if name == "merge":  # of Keras 1
        from nlstm.arguments.former import warn_former
        from nlstm.layers.former import merge

        warn_former("merge is now add, multiply, average, maximum or concatenate, by its mode.")
        globals()[name] = merge  # an import asks twice
        return merge
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
