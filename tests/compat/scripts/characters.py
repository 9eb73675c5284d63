# Writes on, letter by letter.
import random
import sys

import numpy as np
from keras.callbacks import LambdaCallback
from keras.layers import LSTM, Dense
from keras.models import Sequential
from keras.optimizers import RMSprop

text = "the rain in the plain falls mainly on the plain, and then the sun shines again. " * 3
chars = sorted(set(text))
char_indices = {c: i for i, c in enumerate(chars)}
indices_char = {i: c for i, c in enumerate(chars)}
maxlen, step = 10, 3
sentences, next_chars = [], []
for i in range(0, len(text) - maxlen, step):
    sentences.append(text[i : i + maxlen])
    next_chars.append(text[i + maxlen])
x = np.zeros((len(sentences), maxlen, len(chars)), dtype=bool)
y = np.zeros((len(sentences), len(chars)), dtype=bool)
for i, sentence in enumerate(sentences):
    for t, char in enumerate(sentence):
        x[i, t, char_indices[char]] = 1
    y[i, char_indices[next_chars[i]]] = 1

model = Sequential()
model.add(LSTM(16, input_shape=(maxlen, len(chars))))
model.add(Dense(len(chars), activation="softmax"))
model.compile(loss="categorical_crossentropy", optimizer=RMSprop(learning_rate=0.01))


def sample(preds, temperature=1.0):
    preds = np.log(np.asarray(preds).astype("float64")) / temperature
    preds = np.exp(preds) / np.sum(np.exp(preds))
    return np.argmax(np.random.multinomial(1, preds, 1))


def on_epoch_end(epoch, _):
    start = random.randint(0, len(text) - maxlen - 1)
    sentence = text[start : start + maxlen]
    for _ in range(5):
        x_pred = np.zeros((1, maxlen, len(chars)))
        for t, char in enumerate(sentence):
            x_pred[0, t, char_indices[char]] = 1.0
        sentence = sentence[1:] + indices_char[sample(model.predict(x_pred, verbose=0)[0], 0.5)]
        sys.stdout.write(sentence[-1])
    print()


writer = LambdaCallback(on_epoch_end=on_epoch_end)
history = model.fit(x, y, batch_size=32, epochs=2, callbacks=[writer], verbose=0)
loss = history.history["loss"][-1]
