# Reads five steps, writes the next three.
import numpy as np
from tensorflow.keras.layers import LSTM, Dense, RepeatVector, TimeDistributed
from tensorflow.keras.models import Sequential

n_in, n_out, n_features = 5, 3, 2
time = np.arange(90)
series = np.stack([np.sin(time / 5), np.cos(time / 7)], axis=1)
starts = range(len(series) - n_in - n_out)
X = np.array([series[i : i + n_in] for i in starts])
y = np.array([series[i + n_in : i + n_in + n_out] for i in starts])

model = Sequential()
model.add(LSTM(12, activation="relu", input_shape=(n_in, n_features)))
model.add(RepeatVector(n_out))
model.add(LSTM(12, activation="relu", return_sequences=True))
model.add(TimeDistributed(Dense(n_features)))
model.compile(optimizer="adam", loss="mse")
history = model.fit(X, y, epochs=2, verbose=0)
yhat = model.predict(X[:1], verbose=0)
assert yhat.shape == (1, n_out, n_features)
loss = history.history["loss"][-1]
