"""What the tests of checkpoints start by mpiexec: one fit, the same line each time.

`--die` is where: "epoch" (rank 1, in the middle of the second epoch), "rename" (rank 0, between
writing the second checkpoint and its name).
"""

import argparse
import os
import signal
import time

import numpy as np

import nlstm
from nlstm import Sequential, layers, optimizers
from nlstm.callbacks import EarlyStopping
from nlstm.distributed import MPI

RANK = int(os.environ.get("PMI_RANK", "0"))


def die():
    print("dies", time.time(), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def plant(place):
    if place == "epoch" and RANK == 1:
        from nlstm.distributed.share import Share

        take, taken = Share.take, []

        def take_or_die(self, index):
            taken.append(0)
            if len(taken) == 7:  # of 4 batches and a validation each epoch
                die()
            return take(self, index)

        Share.take = take_or_die
    if place == "rename" and RANK == 0:
        replace, renamed = os.replace, []

        def replace_or_die(source, target):
            if str(source).endswith(".partial"):
                renamed.append(0)
                if len(renamed) == 2:
                    die()
            replace(source, target)

        os.replace = replace_or_die


def model_of():
    nlstm.set_random_seed(3)
    model = Sequential(
        [
            layers.LSTM(6, stateful=True, dropout=0.2, input_shape=(5, 2)),
            layers.Dense(1),
        ]
    )
    model.compile(optimizers.Adam(1e-2), "mse", metrics=["mae"])
    return model


def data():
    x = np.random.default_rng(0).normal(size=(160, 5, 2)).astype(np.float32)
    return x, x[:, -1].sum(1, keepdims=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--out")
    parser.add_argument("--die")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--every", type=int)
    parser.add_argument("--verbose", type=int, default=0)
    parser.add_argument("--timeout", type=float, default=60.0)
    given = parser.parse_args()
    plant(given.die)
    model, (x, y) = model_of(), data()
    stop = EarlyStopping("val_loss", patience=50, restore_best_weights=True)
    history = model.fit(
        x, y, batch_size=40, epochs=given.epochs, validation_data=(x[:40], y[:40]),
        callbacks=[stop], verbose=given.verbose, distribute=MPI(given.timeout),
        checkpoint=given.folder, checkpoint_every=given.every,
    )  # fmt: skip
    found = {f"weight/{n}": weight for n, weight in enumerate(model.get_weights())}
    found |= {f"log/{name}": np.array(one) for name, one in history.history.items()}
    found |= {f"state/{n}": one for n, one in enumerate(model.layers[0].states)}
    if given.out and RANK == 0:
        np.savez(given.out, **found)


if __name__ == "__main__":
    main()
