# The best weights are kept, and training ends when nothing gets better.
import os
import tempfile

import numpy as np
from tensorflow import keras

rng = np.random.default_rng(2)
x = rng.normal(size=(80, 6, 2))
y = x.sum(axis=(1, 2)).reshape(-1, 1)
model = keras.models.Sequential(
    [keras.layers.Input((6, 2)), keras.layers.LSTM(6), keras.layers.Dense(1)]
)
model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.01), loss="mse", metrics=["mae"])
with tempfile.TemporaryDirectory() as folder:
    best = os.path.join(folder, "best.weights.h5")
    callbacks = [
        keras.callbacks.EarlyStopping(monitor="val_loss", patience=2, restore_best_weights=True),
        keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=1),
    ]
    history = model.fit(
        x, y, validation_split=0.25, epochs=4, batch_size=20, callbacks=callbacks, verbose=0
    )
loss = history.history["loss"][-1]
