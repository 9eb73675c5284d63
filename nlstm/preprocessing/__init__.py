"""Sequences and texts made into arrays, by Keras's names."""

from nlstm.preprocessing import sequence as sequence
from nlstm.preprocessing import text as text
from nlstm.windows import timeseries_dataset_from_array as timeseries_dataset_from_array

__all__ = ["sequence", "text", "timeseries_dataset_from_array"]
