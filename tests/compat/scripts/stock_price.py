# Closing prices scaled to 0..1; sixty days in, the next one out.
import numpy as np
from tensorflow.keras.layers import LSTM, Dense, Dropout
from tensorflow.keras.models import Sequential

walk = np.random.RandomState(1)
close = 100 + np.cumsum(walk.randn(300))
low, high = close.min(), close.max()
scaled = ((close - low) / (high - low)).reshape(-1, 1)
window = 60
X_train, y_train = [], []
for i in range(window, len(scaled)):
    X_train.append(scaled[i - window : i, 0])
    y_train.append(scaled[i, 0])
X_train, y_train = np.array(X_train), np.array(y_train)
X_train = np.reshape(X_train, (X_train.shape[0], X_train.shape[1], 1))

regressor = Sequential()
regressor.add(LSTM(units=16, return_sequences=True, input_shape=(X_train.shape[1], 1)))
regressor.add(Dropout(0.2))
regressor.add(LSTM(units=16))
regressor.add(Dense(units=1))
regressor.compile(optimizer="adam", loss="mean_squared_error")
history = regressor.fit(X_train, y_train, epochs=2, batch_size=32, verbose=0)
predicted = regressor.predict(X_train[-20:], verbose=0) * (high - low) + low
loss = history.history["loss"][-1]
