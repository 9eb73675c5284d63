# As it was written for Keras 1.
import numpy as np
from keras.layers.core import Activation, Dense, Dropout
from keras.layers.embeddings import Embedding
from keras.layers.recurrent import LSTM
from keras.models import Sequential
from keras.optimizers import Adam
from keras.utils import np_utils

rng = np.random.RandomState(4)
X = rng.randint(0, 20, size=(60, 8))
labels = X[:, -1] % 3
Y = np_utils.to_categorical(labels, 3)

model = Sequential()
model.add(Embedding(20, 6, input_length=8))
model.add(LSTM(output_dim=8, init="glorot_uniform", inner_activation="hard_sigmoid"))
model.add(Dropout(0.2))
model.add(Dense(3))
model.add(Activation("softmax"))
model.compile(loss="categorical_crossentropy", optimizer=Adam(lr=0.01), metrics=["accuracy"])
hist = model.fit(X, Y, batch_size=20, nb_epoch=2, validation_split=0.1, verbose=0)
print(hist.history["acc"], hist.history["val_acc"])
classes = model.predict_classes(X[:5])
loss = hist.history["loss"][-1]
