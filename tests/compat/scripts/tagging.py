# A tag for each word of a sentence.
import numpy as np
from tensorflow import keras
from tensorflow.keras import layers

words, tags, max_len = 30, 4, 9
rng = np.random.default_rng(3)
sentences = [rng.integers(1, words, rng.integers(4, 12)) for _ in range(64)]
X = keras.utils.pad_sequences(sentences, maxlen=max_len, padding="post")
y = keras.utils.to_categorical(X % tags, num_classes=tags)

inputs = keras.Input(shape=(max_len,))
hidden = layers.Embedding(input_dim=words, output_dim=6)(inputs)
hidden = layers.Bidirectional(layers.LSTM(8, return_sequences=True))(hidden)
outputs = layers.TimeDistributed(layers.Dense(tags, activation="softmax"))(hidden)
model = keras.Model(inputs, outputs)
model.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
history = model.fit(X, y, batch_size=16, epochs=2, verbose=0)
guessed = np.argmax(model.predict(X[:3], verbose=0), axis=-1)
loss = history.history["loss"][-1]
