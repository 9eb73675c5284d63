# The state goes on from batch to batch; it is reset between epochs.
import numpy as np
from keras.layers import LSTM, Dense
from keras.models import Sequential

batch_size, timesteps = 4, 5
wave = np.sin(np.arange(batch_size * 10 * timesteps + 1) / 6)
x = wave[:-1].reshape(-1, timesteps, 1)
y = wave[timesteps::timesteps].reshape(-1, 1)

model = Sequential()
model.add(LSTM(6, batch_input_shape=(batch_size, timesteps, 1), stateful=True))
model.add(Dense(1))
model.compile(loss="mse", optimizer="adam")
losses = []
for _ in range(3):
    history = model.fit(x, y, batch_size=batch_size, epochs=1, verbose=0, shuffle=False)
    losses.append(history.history["loss"][0])
    model.reset_states()
predicted = model.predict(x, batch_size=batch_size, verbose=0)
loss = losses[-1]
