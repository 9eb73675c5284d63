import numpy as np
from keras.layers import LSTM, Dense
from keras.models import Sequential
from keras.utils import set_random_seed

np.random.seed(0)
set_random_seed(0)
input_dim, output_dim, sequence_length, batch_size, hidden_units = 10, 1, 20, 32, 50
model = Sequential(
    [
        LSTM(hidden_units, input_shape=(sequence_length, input_dim), return_sequences=True),
        Dense(output_dim, activation="linear"),
    ]
)
model.compile(optimizer="adam", loss="mean_squared_error")
X_train = np.random.rand(1000, sequence_length, input_dim)
y_train = np.random.rand(1000, output_dim)
model.fit(X_train, y_train, epochs=100, batch_size=batch_size)
X_test = np.random.rand(200, sequence_length, input_dim)
y_pred = model.predict(X_test)  # (200, 20, 1)
