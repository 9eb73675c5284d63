# Batches that are made as they are needed, as Keras 2 took them.
import numpy as np
from keras.layers import LSTM, Dense
from keras.models import Sequential
from keras.preprocessing.sequence import TimeseriesGenerator
from keras.utils import Sequence

series = np.sin(np.arange(100) / 7).reshape(-1, 1)


class Batches(Sequence):
    def __init__(self, data, size):
        super().__init__()
        self.data, self.size, self.epochs = data, size, 0

    def __len__(self):
        return (len(self.data) - 11) // self.size

    def __getitem__(self, index):
        starts = range(index * self.size, (index + 1) * self.size)
        x = np.array([self.data[i : i + 10] for i in starts])
        return x, np.array([self.data[i + 10] for i in starts])

    def on_epoch_end(self):
        self.epochs += 1


def endless(batches):
    while True:
        for index in range(len(batches)):
            yield batches[index]


model = Sequential()
model.add(LSTM(5, input_shape=(10, 1)))
model.add(Dense(1))
model.compile(loss="mse", optimizer="adam")
batches = Batches(series, 16)
model.fit_generator(batches, epochs=2, verbose=0, workers=2, use_multiprocessing=False)
model.fit_generator(endless(batches), steps_per_epoch=5, epochs=1, verbose=0)
windows = TimeseriesGenerator(series, series, length=10, batch_size=8)
history = model.fit_generator(windows, epochs=1, verbose=0)
model.evaluate_generator(windows)
predicted = model.predict_generator(windows)
assert len(predicted) == 90 and batches.epochs == 2
loss = history.history["loss"][-1]
