"""Writes the files of one version of Keras, with what it answers; runs on Python 3.6 and newer.

    python tests/interop/files/make.py NAME [tf]

In a throw-away environment with that version (see README.md beside it); `tf` takes tf.keras.
NAME.zip gets CASE.h5 of each case and, where the version has them, .keras and .weights.h5, and
CASE.npz with what went in (x_0, x_1, ...) and came out (y_0, ...); and where nothing is drawn, what
`train_on_batch` on target_0, ... gave after the file was written (`loss`), and the prediction after
it (later_0, ...).
"""

import os
import sys
import tempfile
import zipfile

import numpy as np

NAME = sys.argv[1]
if sys.argv[2:] == ["tf"]:
    from tensorflow import keras
else:
    import keras
L = keras.layers
VERSION = tuple(int(part) for part in keras.__version__.split("-")[0].split(".")[:2])
FOLDER = tempfile.mkdtemp()
NORMALISATION = hasattr(L, "LayerNormalization")


def adam():
    return keras.optimizers.Adam(0.01)


def stack():
    """What most files hold."""
    model = keras.models.Sequential()
    if VERSION[0] == 3:
        model.add(L.Input((5, 3)))
        model.add(L.LSTM(4, return_sequences=True))
    else:
        model.add(L.LSTM(4, return_sequences=True, input_shape=(5, 3)))
    model.add(L.Dropout(0.2))
    model.add(L.LSTM(3, activation="relu"))
    model.add(L.Dense(6, activation="relu"))
    model.add(L.Dense(1))
    model.compile(optimizer=adam(), loss="mean_squared_error", metrics=["mae"])
    return model, [random(7, 5, 3)], random(7, 1)


def words():
    """Slopes of hard_sigmoid, penalties, masks, an RNN, wrappers, layers of shapes."""
    value = L.Input(shape=(4, 3), name="value")
    h = L.Masking(mask_value=0.0)(L.Reshape((6, 2))(value))
    h = L.LSTM(
        3,
        recurrent_activation="hard_sigmoid",
        return_sequences=True,
        recurrent_dropout=0.1,
        kernel_regularizer=keras.regularizers.l2(0.01),
        recurrent_constraint=keras.constraints.max_norm(2.0),
        unit_forget_bias=False,
    )(h)
    if NORMALISATION:
        h = L.LayerNormalization()(h)
    h = L.SimpleRNN(2, return_sequences=True, go_backwards=True)(h)
    h = L.TimeDistributed(L.Dense(4, activation="hard_sigmoid"))(h)
    h = L.Activation("softsign")(h)
    h = L.LeakyReLU(0.2)(L.Bidirectional(L.LSTM(2), merge_mode="sum")(h))
    h = L.RepeatVector(3)(h)
    h = L.Dense(3, activation="softmax")(L.Flatten()(h))
    model = keras.models.Model(value, h)
    model.compile(
        optimizer=keras.optimizers.RMSprop(0.01, rho=0.8),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
    )
    x = random(5, 4, 3)
    x.reshape(5, 6, 2)[1, 4:] = 0.0
    return model, [x], np.eye(3, dtype="float32")[[0, 1, 2, 1, 0]]


def branches():
    """Two inputs, an Embedding with a mask, shared layers, states handed over, a model inside."""
    index = L.Input(shape=(4,), name="index", dtype="int32")
    number = L.Input(shape=(5, 3), name="number")
    embedded = L.Embedding(7, 3, mask_zero=True)(index)
    shared = L.Dense(3, name="shared")
    first = L.LSTM(4, return_state=True, name="encoder")
    _, h, c = first(shared(number))
    decoded = L.LSTM(4, return_sequences=True, name="decoder")(
        shared(embedded), initial_state=[h, c]
    )
    part = L.Input(shape=(4,), name="part")
    inside = keras.models.Model(part, L.Dense(2, activation="tanh")(part), name="inside")
    last = L.GlobalMaxPooling1D()(L.LSTM(4, return_sequences=True)(number))
    both = L.Concatenate()([inside(h), inside(last)])
    model = keras.models.Model(
        [index, number], [L.Dense(1, name="mean")(both), L.Dense(2, name="steps")(decoded)]
    )
    model.compile(
        optimizer=keras.optimizers.SGD(0.05, momentum=0.9),
        loss={"mean": "mse", "steps": "mae"},
        loss_weights={"mean": 1.0, "steps": 0.5},
    )
    x = np.array([[1, 2, 0, 0], [3, 4, 5, 6], [6, 1, 1, 0]], "int32")
    return model, [x, random(3, 5, 3)], [random(3, 1), random(3, 4, 2)]


def stateful():
    """A batch of one size, and states that go on."""
    model = keras.models.Sequential()
    if VERSION[0] == 3:
        model.add(L.Input(batch_shape=(2, 3, 2)))
        model.add(L.LSTM(3, stateful=True))
    else:
        model.add(L.LSTM(3, stateful=True, batch_input_shape=(2, 3, 2)))
    model.add(L.Dense(2, activation="sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model, [random(2, 3, 2)], (random(2, 2) > 0).astype("float32")


def cudnn():
    """Layers of GPUs: their weights are written here, and read into an LSTM for the answer."""
    model = keras.models.Sequential([L.CuDNNLSTM(3, input_shape=(4, 2)), L.Dense(1)])
    return model, [random(3, 4, 2)], None


def of_keras_1():
    """What Keras 1 called otherwise: arrays of each gate, two kinds of LSTM, former arguments."""
    model = keras.models.Sequential()
    model.add(L.Masking(0.0, input_shape=(6, 2)))
    model.add(
        L.LSTM(3, return_sequences=True, consume_less="gpu", W_regularizer="l2", dropout_U=0.1)
    )
    model.add(L.Bidirectional(L.LSTM(2, return_sequences=True), "sum"))
    model.add(L.SimpleRNN(2, return_sequences=True, dropout_U=0.1))
    model.add(L.TimeDistributed(L.Dense(4, activation="hard_sigmoid")))
    model.add(L.LSTM(3, inner_activation="sigmoid", init="uniform"))
    model.add(L.Dense(2, activation="softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="rmsprop", metrics=["accuracy"])
    x = random(4, 6, 2)
    x[1, 4:] = 0.0
    return model, [x], np.eye(2, dtype="float32")[[0, 1, 0, 1]]


RANDOM = np.random.RandomState(len(NAME))


def random(*shape):
    return RANDOM.uniform(-1, 1, shape).astype("float32")


def path(case, ending):
    return os.path.join(FOLDER, case + ending)


def fill(model):
    """Give weights that no initializer gives: biases differ for each gate."""
    model.set_weights([random(*weight.shape) for weight in model.get_weights()])


def answer_of_cudnn(model, x):
    model.save_weights("cudnn-weights.h5")
    plain = keras.models.Sequential(
        [L.LSTM(3, recurrent_activation="sigmoid", input_shape=(4, 2)), L.Dense(1)]
    )
    plain.load_weights("cudnn-weights.h5")
    os.remove("cudnn-weights.h5")
    return plain.predict(x)


def flat(one):
    return one if isinstance(one, list) else [one]


def reset(model):
    if VERSION[0] == 3:
        model.layers[-2].reset_state()
    else:
        model.reset_states()


def write(case, make):
    model, x, target = make()
    fill(model)
    found = {f"x_{number}": one for number, one in enumerate(x)}
    x = x[0] if len(x) == 1 else x
    if case == "cudnn":
        found["y_0"] = answer_of_cudnn(model, x)
        model.save(path(case, ".h5"))
    else:
        for _ in range(3):
            model.train_on_batch(x, target)
        if case == "stateful":
            reset(model)
        found.update((f"y_{n}", one) for n, one in enumerate(flat(model.predict(x))))
        if case == "stateful":
            reset(model)
        if VERSION >= (2, 12):
            model.save(path(case, ".keras"))  # first: the other writing takes the optimizer away
        try:
            model.save(path(case, ".h5"))
        except ValueError as error:  # Keras 3.0 gives two arrays one name
            os.remove(path(case, ".h5"))
            print(case, error)
        if case == "branches":
            model.save_weights(path(case, ".weights.h5"))
        elif case == "stack" and VERSION[0] < 3:
            model.save_weights(path(case, "_weights.h5"))
        # Dropout is drawn anew; before 2.11 the losses of masked steps were other ones.
        if case == "stateful" or (case == "branches" and VERSION >= (2, 11)):
            found.update((f"target_{n}", one) for n, one in enumerate(flat(target)))
            found["loss"] = np.ravel(model.train_on_batch(x, target))[0]
            if case == "stateful":
                reset(model)
            found.update((f"later_{n}", one) for n, one in enumerate(flat(model.predict(x))))
    np.savez_compressed(path(case, ".npz"), **found)
    print(case, keras.__version__)


if __name__ == "__main__":
    former = (stack, of_keras_1, stateful)
    for make in former if VERSION[0] == 1 else (stack, words, branches, stateful, cudnn):
        gpu = make is cudnn
        if gpu and (not hasattr(L, "CuDNNLSTM") or keras.__version__.startswith(("2.2.4", "2.3"))):
            continue  # TensorFlow 1.15 has no kernel for a processor
        write(make.__name__, make)
    here = os.path.dirname(os.path.abspath(__file__))
    with zipfile.ZipFile(os.path.join(here, NAME + ".zip"), "w", zipfile.ZIP_LZMA) as archive:
        for name in sorted(os.listdir(FOLDER)):
            archive.write(os.path.join(FOLDER, name), name)
