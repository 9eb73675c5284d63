# Monthly passengers: one month in, the next one out.
import math

import numpy
from keras.layers import LSTM, Dense
from keras.models import Sequential

month = numpy.arange(144)
passengers = 110 + 2.5 * month + (20 + 0.2 * month) * numpy.sin(month * 2 * math.pi / 12)
dataset = passengers.astype("float32").reshape(-1, 1)
dataset = (dataset - dataset.min()) / (dataset.max() - dataset.min())
train_size = int(len(dataset) * 0.67)
train, test = dataset[:train_size, :], dataset[train_size:, :]


def create_dataset(dataset, look_back=1):
    dataX, dataY = [], []
    for i in range(len(dataset) - look_back - 1):
        dataX.append(dataset[i : (i + look_back), 0])
        dataY.append(dataset[i + look_back, 0])
    return numpy.array(dataX), numpy.array(dataY)


look_back = 1
trainX, trainY = create_dataset(train, look_back)
testX, testY = create_dataset(test, look_back)
trainX = numpy.reshape(trainX, (trainX.shape[0], 1, trainX.shape[1]))
testX = numpy.reshape(testX, (testX.shape[0], 1, testX.shape[1]))
model = Sequential()
model.add(LSTM(4, input_shape=(1, look_back)))
model.add(Dense(1))
model.compile(loss="mean_squared_error", optimizer="adam")
history = model.fit(trainX, trainY, epochs=3, batch_size=1, verbose=0)
trainScore = math.sqrt(numpy.mean((trainY - model.predict(trainX, verbose=0)[:, 0]) ** 2))
testScore = math.sqrt(numpy.mean((testY - model.predict(testX, verbose=0)[:, 0]) ** 2))
loss = history.history["loss"][-1]
