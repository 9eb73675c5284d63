"""Networks drawn at random, for Keras or nlstm alike: what people put around LSTMs."""

import numpy as np

ACTIVATIONS = ["tanh", "relu", "sigmoid", "elu", "softsign", "hard_sigmoid", "swish", None]
OPTIMIZERS = {
    "Adam": {"amsgrad": [False, True]},
    "AdamW": {"weight_decay": [0.01]},
    "Nadam": {},
    "Adamax": {},
    "RMSprop": {"momentum": [0.0, 0.5], "centered": [False, True]},
    "SGD": {"momentum": [0.0, 0.9], "nesterov": [False, True]},
    "Adagrad": {},
    "Adadelta": {},
    "Lion": {},
}
VARIANCE = 0.6  # so much above 0, since tests draw moving variances from -0.5 on
LOSSES = ["mse", "mae", "huber", "log_cosh"]


class Drawn:
    """A network of a seed; `L` is a library's layers.

    Attributes
    ----------
    x : list of array
        A batch.
    masked : bool
        Whether steps at the end of rows are masked.
    """

    def __init__(self, seed):
        self.seed = seed
        self.rows, self.steps, self.features = 3, 5, 2
        rng = np.random.default_rng(seed)
        self.kind = ["stack", "branches", "states", "nested"][seed % 4]
        self.indices = self.kind in ("stack", "branches") and bool(rng.integers(2))
        self.masked = bool(rng.integers(2)) and self.kind != "states"
        shape = (self.rows, self.steps)
        if self.indices:
            x = rng.integers(1, 6, shape).astype("int32")
        else:
            x = rng.uniform(-1, 1, (*shape, self.features)).astype("float32")
        if self.masked:
            x[1, 3:] = 0
        self.x = [x]
        if self.kind == "branches":
            self.x.append(rng.uniform(-1, 1, (self.rows, 4)).astype("float32"))

    def model(self, keras, compiled=True):
        """Return the network in a library, which `keras` is the name of."""
        self.rng = rng = np.random.default_rng(self.seed + 1)
        L = keras.layers
        make = {
            "stack": self._stack,
            "branches": self._branches,
            "states": self._states,
            "nested": self._nested,
        }
        model = make[self.kind](keras, L)
        if compiled:
            name = list(OPTIMIZERS)[rng.integers(len(OPTIMIZERS))]
            options = {key: self._one(values) for key, values in OPTIMIZERS[name].items()}
            if options.get("nesterov") and not options["momentum"]:
                del options["nesterov"]
            rate = 0.01
            if rng.integers(3) == 0:
                rate = keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9)
            optimizer = getattr(keras.optimizers, name)(rate, **options)
            several = len(model.outputs) > 1
            metrics = [["mae"], ["mae"]] if several else ["mae"]
            model.compile(optimizer=optimizer, loss=self._one(LOSSES), metrics=metrics)
        return model

    def _one(self, values):
        return values[self.rng.integers(len(values))]

    def _begin(self, L):
        """Return the first layers, whose input is given apart."""
        if self.indices:
            return [L.Embedding(7, 3, mask_zero=self.masked)]
        return [L.Masking()] if self.masked else []

    def _recurrent(self, L, sequences, units=None):
        units = units or int(self.rng.integers(1, 5))
        common = {
            "return_sequences": sequences,
            "use_bias": self._one([True, True, False]),
            "dropout": self._one([0.0, 0.2]),
            "go_backwards": self._one([False, False, True]),
        }
        kind = self._one(["LSTM", "LSTM", "LSTM", "GRU", "GRU", "SimpleRNN", "Bidirectional"])
        if kind == "SimpleRNN":
            return L.SimpleRNN(units, **common)
        more = {
            "activation": self._one(["tanh", "relu", "softsign"]),
            "recurrent_activation": self._one(["sigmoid", "hard_sigmoid"]),
            "kernel_regularizer": self._one([None, "l2"]),
            "recurrent_constraint": self._one([None, "unit_norm"]),
        }
        if kind == "GRU" or (kind == "Bidirectional" and self._one([False, True])):
            cell, more["reset_after"] = L.GRU, self._one([True, False])
        else:
            cell, more["unit_forget_bias"] = L.LSTM, self._one([True, False])
        if kind != "Bidirectional":
            return cell(units, **common, **more)
        common["go_backwards"] = False
        merge = self._one(["concat", "sum", "mul", "ave"])
        return L.Bidirectional(cell(units, **common, **more), merge_mode=merge)

    def _between(self, L, steps):
        choices = [
            lambda: L.Dropout(0.3),
            lambda: L.Dense(3, activation=self._one(ACTIVATIONS)),
            lambda: L.LayerNormalization(epsilon=0.01),
            lambda: L.Activation(self._one(["tanh", "relu"])),
            lambda: L.LeakyReLU(negative_slope=0.2),
            lambda: L.GaussianNoise(0.1),
            lambda: L.BatchNormalization(epsilon=VARIANCE),
            lambda: L.PReLU(shared_axes=[1] if steps else None),
        ]
        if steps:
            choices.append(lambda: L.TimeDistributed(L.Dense(2, activation="tanh")))
            choices.append(lambda: L.SpatialDropout1D(0.2))
        if steps and not self.masked:
            choices += [
                lambda: L.Conv1D(4, 2, padding="causal", activation=self._one(ACTIVATIONS)),
                lambda: L.AveragePooling1D(2, padding="same"),
                lambda: L.MaxPooling1D(2),
                lambda: L.Cropping1D((1, 0)),
                lambda: L.ZeroPadding1D(1),
                lambda: L.UpSampling1D(2),
                lambda: L.Permute((2, 1)),
            ]
        return self._one(choices)()

    def _ending(self, L):
        """Return what makes flat values of sequences."""
        if self.masked:
            return [self._recurrent(L, False)]
        return self._one(
            [
                lambda: [self._recurrent(L, False)],
                lambda: [L.GlobalAveragePooling1D()],
                lambda: [L.GlobalMaxPooling1D()],
                lambda: [L.Flatten()],
            ]
        )()

    def _members(self, L):
        found = self._begin(L)
        for _ in range(self.rng.integers(1, 3)):
            found.append(self._recurrent(L, True))
            found.append(self._between(L, True))
        found += self._ending(L)
        found.append(self._between(L, False))
        return found

    def _input(self, L, number=0):
        shape = self.x[number].shape[1:]
        return L.Input(shape, name=f"x_{number}")

    def _stack(self, keras, L):
        return keras.Sequential([self._input(L), *self._members(L), L.Dense(2)])

    def _branches(self, keras, L):
        x, other = self._input(L), self._input(L, 1)
        h = x
        for layer in self._begin(L):
            h = layer(h)
        shared = L.Dense(3, activation=self._one(ACTIVATIONS))
        h = shared(h)
        one = self._recurrent(L, False, 3)(self._recurrent(L, True)(h))
        two = L.LSTM(3)(h)
        three = L.Dense(3, activation="tanh")(other)
        merged = [L.Dense(3)(one), L.Dense(3)(two), three]
        kind = self._one(["Add", "Concatenate", "Multiply", "Average", "Maximum", "Minimum"])
        y = L.Dense(2)(getattr(L, kind)()(merged))
        if self._one([False, True]) and not self.masked:
            return keras.Model([x, other], [y, L.Dense(1)(three)])
        return keras.Model([x, other], y)

    def _states(self, keras, L):
        x = self._input(L)
        cell = self._one([L.LSTM, L.GRU])
        _, *states = cell(3, return_state=True)(x)
        decoded = cell(3, return_sequences=self._one([True, False]))(x, initial_state=states)
        return keras.Model(x, L.Dense(2)(decoded))

    def _nested(self, keras, L):
        # In HDF5 the moving averages come behind all that is trained.
        norm = self._one([[], [L.BatchNormalization(epsilon=VARIANCE)]])
        inner = keras.Sequential(
            [L.Input((self.steps, 3)), L.Dense(3), *norm, self._recurrent(L, True, 2)]
        )
        begin = self._begin(L)
        first = [L.Dense(3)]
        return keras.Sequential(
            [self._input(L), *begin, *first, inner, *self._ending(L), L.Dense(2)]
        )
