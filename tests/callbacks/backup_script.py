"""A fit that its test kills: says each batch that it has trained, and at the end its weights."""

import hashlib
import sys

import numpy as np

import nlstm
from nlstm.callbacks import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    EarlyStopping,
    LearningRateScheduler,
    ReduceLROnPlateau,
)
from nlstm.layers import LSTM, Dense, Dropout

AHEAD = 1  # batches it may be further when it is killed


class Say(Callback):
    def __init__(self, lines):
        super().__init__()
        self.lines = lines

    def on_train_batch_end(self, batch, logs=None):
        print("batch", batch, logs["loss"], flush=True)
        self.lines -= 1
        if self.lines == -AHEAD:
            sys.stdin.read()  # does not end before it is killed, however late that is


def main(folder, save_freq, lines):
    nlstm.set_random_seed(7)
    rng = np.random.default_rng(0)
    x, y = rng.random((50, 4, 3)), rng.random((50, 1))
    model = nlstm.Sequential([LSTM(4, dropout=0.2, input_shape=(4, 3)), Dropout(0.3), Dense(1)])
    model.compile(nlstm.optimizers.Adam(0.05), "mse", metrics=["mae"])
    callbacks = [
        EarlyStopping(monitor="loss", patience=3, restore_best_weights=True),
        Say(int(lines)),
        BackupAndRestore(f"{folder}/backup", int(save_freq) if save_freq.isdigit() else save_freq),
        LearningRateScheduler(lambda epoch, rate: rate * 0.95),
        ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=1),
        CSVLogger(f"{folder}/log.csv"),
    ]
    history = model.fit(
        x, y, batch_size=8, epochs=8, verbose=0, callbacks=callbacks, validation_split=0.2
    )
    digest = hashlib.sha256(b"".join(weight.tobytes() for weight in model.get_weights()))
    print("weights", digest.hexdigest())
    print("history", history.epoch, history.history)


main(*sys.argv[1:])
