# A title and some numbers beside it; two things to say about both.
import numpy as np
from keras.layers import LSTM, Dense, Embedding, Input, concatenate
from keras.models import Model

rng = np.random.RandomState(5)
titles = rng.randint(0, 40, size=(48, 7))
numbers = rng.rand(48, 3)
price = titles.mean(axis=1, keepdims=True) / 40
sold = (numbers.sum(axis=1, keepdims=True) > 1.5).astype("float32")

title_in = Input(shape=(7,), dtype="int32", name="title")
numbers_in = Input(shape=(3,), name="numbers")
read = LSTM(8)(Embedding(40, 5)(title_in))
joined = Dense(8, activation="relu")(concatenate([read, numbers_in]))
price_out = Dense(1, name="price")(joined)
sold_out = Dense(1, activation="sigmoid", name="sold")(joined)
model = Model(inputs=[title_in, numbers_in], outputs=[price_out, sold_out])
model.compile(
    optimizer="adam",
    loss={"price": "mse", "sold": "binary_crossentropy"},
    loss_weights={"price": 1.0, "sold": 0.5},
)
history = model.fit(
    {"title": titles, "numbers": numbers}, {"price": price, "sold": sold},
    epochs=2, batch_size=16, verbose=0,
)  # fmt: skip
loss = history.history["loss"][-1]
