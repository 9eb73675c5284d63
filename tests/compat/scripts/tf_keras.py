# Everything through tf.
import numpy as np
import tensorflow as tf

print("TensorFlow", tf.__version__, "GPUs:", len(tf.config.list_physical_devices("GPU")))
tf.random.set_seed(3)
np.random.seed(3)
for gpu in tf.config.experimental.list_physical_devices("GPU"):
    tf.config.experimental.set_memory_growth(gpu, True)
series = np.sin(np.arange(120) / 8).astype("float32")
data = tf.keras.utils.timeseries_dataset_from_array(
    series[:-1, None], series[10:], sequence_length=10, batch_size=16
)
for batch, target in data.take(1):
    print(batch.numpy().shape, target.numpy().shape)
model = tf.keras.Sequential(
    [
        tf.keras.layers.LSTM(8, input_shape=(10, 1), return_sequences=True),
        tf.keras.layers.LSTM(8),
        tf.keras.layers.Dense(1),
    ]
)
model.compile(
    loss=tf.keras.losses.Huber(),
    optimizer=tf.keras.optimizers.SGD(learning_rate=0.05, momentum=0.9),
    metrics=["mae"],
)
history = model.fit(data, epochs=2, verbose=0)
loss = history.history["loss"][-1]
