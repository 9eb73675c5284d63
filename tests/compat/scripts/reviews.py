# Sentiment of reviews, which are numbers of words; half the words are kind, half are not.
import numpy as np
from keras.layers import LSTM, Dense, Embedding, SpatialDropout1D
from keras.models import Sequential
from keras.preprocessing import sequence

max_features, maxlen = 50, 12
rng = np.random.RandomState(7)
lengths = rng.randint(3, 20, size=120)
reviews = [list(rng.randint(1, max_features, size=n)) for n in lengths]
labels = np.array([np.mean(np.array(one) > max_features / 2) > 0.5 for one in reviews])
x_train = sequence.pad_sequences(reviews[:100], maxlen=maxlen)
x_test = sequence.pad_sequences(reviews[100:], maxlen=maxlen)

model = Sequential()
model.add(Embedding(max_features, 8, mask_zero=True))
model.add(SpatialDropout1D(0.1))
model.add(LSTM(8, dropout=0.1, recurrent_dropout=0.1))
model.add(Dense(1, activation="sigmoid"))
model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
history = model.fit(
    x_train,
    labels[:100],
    batch_size=32,
    epochs=2,
    validation_data=(x_test, labels[100:]),
    verbose=0,
)
score, accuracy = model.evaluate(x_test, labels[100:], batch_size=32, verbose=0)
loss = history.history["loss"][-1]
