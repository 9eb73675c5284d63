"""Callbacks, by Keras's names."""

from nlstm.callbacks.backup_and_restore import BackupAndRestore
from nlstm.callbacks.csv_logger import CSVLogger
from nlstm.callbacks.early_stopping import EarlyStopping
from nlstm.callbacks.lambda_callback import LambdaCallback
from nlstm.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from nlstm.callbacks.model_checkpoint import ModelCheckpoint
from nlstm.callbacks.optuna_pruning import OptunaPruning
from nlstm.callbacks.stochastic_weight_averaging import StochasticWeightAveraging
from nlstm.callbacks.swap_ema_weights import SwapEMAWeights
from nlstm.callbacks.tensor_board import TensorBoard
from nlstm.callbacks.terminate_on_nan import TerminateOnNaN
from nlstm.training.history import History
from nlstm.training.hooks import Callback, CallbackList

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "OptunaPruning",
    "ReduceLROnPlateau",
    "StochasticWeightAveraging",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]
