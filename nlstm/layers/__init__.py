"""The layers of a model."""

from nlstm.layers.dense import Dense as Dense
from nlstm.layers.dropout import Dropout as Dropout
from nlstm.layers.input import Input as Input
from nlstm.layers.input import InputLayer as InputLayer
from nlstm.layers.layer import Layer as Layer
from nlstm.layers.lstm import LSTM as LSTM

__all__ = ["LSTM", "Dense", "Dropout", "Input", "InputLayer", "Layer"]
