"""All other layers beside Keras."""

import numpy as np
import pytest
from hypothesis import assume, given

import nlstm
from nlstm import activations
from tests.parity.draws import FLAG, cases, examples, random, random_mask
from tests.parity.pairs import Both, compare
from tests.parity.peers import keras

# hard_sigmoid is in test_jax.py, which says why.
BOTH_HAVE = sorted(
    name
    for name in activations.FUNCTIONS
    if hasattr(keras.activations, name) and name != "hard_sigmoid"
)
MERGERS = ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"]


def rows(sizes, seed, steps):
    """Return sequences or, without steps, plain rows."""
    N, T, F, _ = sizes
    return random(seed, N, T, F) if steps else random(seed, N, F)


def padded(sizes, seed, value=0.0):
    """Return sequences of which some steps hold `value` alone: what `Masking` masks."""
    x = rows(sizes, seed, True)
    x[~random_mask(seed, sizes.N, sizes.T)] = value
    return x


# --- Dense and activations ------------------------------------------------------------------------


@examples(30)
@given(cases(use_bias=FLAG, steps=FLAG))
def test_dense(parity, case):
    sizes, options, seed = case
    arrays = [rows(sizes, seed, options.pop("steps"))]
    compare(parity, "Dense", lambda L, x: L.Dense(sizes.H, **options)(x), arrays, seed=seed)


@examples(15)
@given(cases(steps=FLAG))
def test_dense_in_float32(parity, case):
    sizes, options, seed = case

    def network(L, x):
        return L.Dense(sizes.H, "tanh")(x)

    arrays = [rows(sizes, seed, options["steps"])]
    compare(parity, "Dense", network, arrays, dtype="float32", seed=seed)


@pytest.mark.parametrize("name", BOTH_HAVE)
def test_activations_of_dense(parity, name):
    @examples(5)
    @given(cases(steps=FLAG))
    def check(case):
        sizes, options, seed = case
        x = 2.0 * rows(sizes, seed, options["steps"])

        def network(L, x):
            return L.Dense(sizes.H, name)(x)

        compare(parity, "Dense, activations", network, [x], seed=seed)

    check()


@pytest.mark.parametrize("name", BOTH_HAVE)
def test_activation(parity, name):
    @examples(5)
    @given(cases(steps=FLAG))
    def check(case):
        sizes, options, seed = case
        x = 3.0 * rows(sizes, seed, options["steps"])
        compare(parity, "Activation", lambda L, x: L.Activation(name)(x), [x], seed=seed)

    check()


@examples(20)
@given(cases(layer=["ReLU", "ReLU6", "leaky ReLU", "Softmax"], steps=FLAG))
def test_activation_layers(parity, case):
    sizes, options, seed = case

    def network(L, x):
        return {
            "ReLU": lambda: L.ReLU(),
            "ReLU6": lambda: L.ReLU(max_value=6.0),
            "leaky ReLU": lambda: L.ReLU(negative_slope=0.2),
            "Softmax": lambda: L.Softmax(),
        }[options["layer"]]()(x)

    x = 5.0 * rows(sizes, seed, options["steps"])
    compare(parity, "ReLU, Softmax", network, [x], seed=seed)


# --- masks ----------------------------------------------------------------------------------------


@examples(25)
@given(cases(mask_zero=FLAG, return_sequences=FLAG))
def test_embedding(parity, case):
    sizes, options, seed = case
    words = np.random.default_rng(seed).integers(0, 6, (sizes.N, sizes.T)).astype(np.int32)

    def network(L, x):
        vectors = L.Embedding(6, sizes.F, mask_zero=options["mask_zero"])(x)
        return [vectors, L.LSTM(sizes.H, return_sequences=options["return_sequences"])(vectors)]

    compare(parity, "Embedding", network, [words], seed=seed)


@examples(25)
@given(cases(mask_value=[0.0, -1.5], return_sequences=FLAG))
def test_masking(parity, case):
    sizes, options, seed = case

    def network(L, x):
        seen = L.Masking(options["mask_value"])(x)
        return [seen, L.LSTM(sizes.H, return_sequences=options["return_sequences"])(seen)]

    arrays = [padded(sizes, seed, options["mask_value"])]
    compare(parity, "Masking", network, arrays, seed=seed)


THROUGH = {
    "Activation": lambda L, x: L.Activation("tanh")(x),
    "Dropout": lambda L, x: L.Dropout(0.0)(x),
    "GaussianNoise": lambda L, x: L.GaussianNoise(0.0)(x),
    "SpatialDropout1D": lambda L, x: L.SpatialDropout1D(0.0)(x),
    "Dense": lambda L, x: L.Dense(3)(x),
    "LayerNormalization": lambda L, x: L.LayerNormalization()(x),
    "TimeDistributed": lambda L, x: L.TimeDistributed(L.Dense(3))(x),
    "LSTM": lambda L, x: L.LSTM(3, return_sequences=True, go_backwards=True)(x),
    "SimpleRNN": lambda L, x: L.SimpleRNN(3, return_sequences=True)(x),
    "Bidirectional": lambda L, x: L.Bidirectional(L.LSTM(2, return_sequences=True), None)(x)[1],
    "GRU": lambda L, x: L.GRU(3, return_sequences=True)(x),
    "BatchNormalization": lambda L, x: L.BatchNormalization(epsilon=1.0)(x),
    "PReLU": lambda L, x: L.PReLU()(x),
    "Conv1D": lambda L, x: L.Conv1D(3, 2, padding="same")(x),
    "MaxPooling1D": lambda L, x: L.MaxPooling1D(2, padding="same")(x),
    "ZeroPadding1D": lambda L, x: L.ZeroPadding1D()(x),
    "UpSampling1D": lambda L, x: L.UpSampling1D()(x),
    "Permute": lambda L, x: L.Permute((1, 2))(x),
    "Reshape": lambda L, x: L.Reshape((-1, 1))(x),
    "Flatten": lambda L, x: L.RepeatVector(2)(L.Flatten()(x)),
    "GlobalMaxPooling1D": lambda L, x: L.RepeatVector(2)(L.GlobalMaxPooling1D()(x)),
    "keepdims": lambda L, x: L.GlobalMaxPooling1D(keepdims=True)(x),
}


@examples(90)
@given(cases(layer=list(THROUGH)))
def test_which_layers_pass_a_mask_on(parity, case):
    """Seen by the LSTM after them."""
    sizes, options, seed = case
    # Of one feature Keras's masked BatchNormalization squeezes the axis away.
    assume(options["layer"] != "BatchNormalization" or sizes.F > 1)

    def network(L, x):
        y = THROUGH[options["layer"]](L, L.Masking()(x))
        return [y, L.LSTM(sizes.H, return_sequences=True)(y)]

    compare(parity, "masks passed on", network, [padded(sizes, seed)], seed=seed)


@examples(60)
@given(cases(name=[*MERGERS, "Concatenate", "one after the other"], first=FLAG, second=FLAG))
def test_masks_that_meet(parity, case):
    """Of two values, each masked or not, that become one."""
    sizes, options, seed = case
    name, masked = options["name"], (options["first"], options["second"])

    def network(L, *inputs):
        values = [L.Masking()(x) if on else x for x, on in zip(inputs, masked)]
        if name == "Concatenate":
            y = L.Concatenate()(values)
        elif name == "one after the other":
            y = L.Concatenate(axis=1)(values)
        else:
            y = getattr(L, name)()(values)
        return [y, L.LSTM(sizes.H)(y)]

    arrays = [padded(sizes, seed + place) for place in range(2)]
    compare(parity, "masks that meet", network, arrays, seed=seed)


# --- what is the same for every step --------------------------------------------------------------

INNER = {
    "Dense": lambda L: L.Dense(4, "tanh"),
    "Activation": lambda L: L.Activation("tanh"),
    "LayerNormalization": lambda L: L.LayerNormalization(),
    "Dropout": lambda L: L.Dropout(0.0),
}


@examples(25)
@given(cases(layer=list(INNER), masked=FLAG))
def test_time_distributed(parity, case):
    sizes, options, seed = case

    def network(L, x):
        seen = L.Masking()(x) if options["masked"] else x
        return L.TimeDistributed(INNER[options["layer"]](L))(seen)

    compare(parity, "TimeDistributed", network, [padded(sizes, seed)], seed=seed)


@examples(25)
@given(cases(steps=FLAG, center=FLAG, scale=FLAG, epsilon=[1e-3, 1e-2]))
def test_layer_normalization(parity, case):
    sizes, options, seed = case
    x = rows(sizes, seed, options.pop("steps"))

    def network(L, x):
        return L.LayerNormalization(**options)(x)

    compare(parity, "LayerNormalization", network, [x], seed=seed)


# --- shapes ---------------------------------------------------------------------------------------


@examples(30)
@given(cases(kind=["Average", "Max"], keepdims=FLAG))
def test_pooling(parity, case):
    sizes, options, seed = case

    def network(L, x):
        return getattr(L, f"Global{options['kind']}Pooling1D")(keepdims=options["keepdims"])(x)

    compare(parity, "GlobalPooling1D", network, [rows(sizes, seed, True)], seed=seed)


@examples(20)
@given(cases(given=FLAG, keepdims=FLAG))
def test_pooling_with_a_mask(parity, case):
    """Given to the layer, or from one before it."""
    sizes, options, seed = case
    mask = random_mask(seed, sizes.N, sizes.T)
    mask[:, 0] = True  # a mean over no step is 0 / 0
    x = rows(sizes, seed, True)
    x[~mask] = 0.0

    def network(L, x, *mask):
        layer = L.GlobalAveragePooling1D(keepdims=options["keepdims"])
        return layer(x, mask=mask[0]) if mask else layer(L.Masking()(x))

    arrays = [x, mask] if options["given"] else [x]
    compare(parity, "GlobalPooling1D, mask", network, arrays, seed=seed)


@examples(15)
@given(cases(n=[1, 2, 5]))
def test_shapes(parity, case):
    sizes, options, seed = case
    T, F = sizes.T, sizes.F

    def network(L, x, z):
        return [
            L.Flatten()(x),
            L.Flatten()(z),
            L.Reshape((F, T))(x),
            L.Reshape((-1, T))(x),
            L.Reshape((T * F,))(x),
            L.Reshape((F, 1))(z),
            L.RepeatVector(options["n"])(z),
        ]

    arrays = [rows(sizes, seed, True), rows(sizes, seed + 1, False)]
    compare(parity, "Flatten, Reshape, RepeatVector", network, arrays, seed=seed)


@examples(50)
@given(cases(name=MERGERS, count=[2, 3, 4], steps=FLAG))
def test_mergers(parity, case):
    sizes, options, seed = case
    name, count = options["name"], options["count"]

    def network(L, *inputs):
        return getattr(L, name)()(list(inputs))

    count = 2 if name == "Subtract" else count
    arrays = [rows(sizes, seed + place, options["steps"]) for place in range(count)]
    compare(parity, "Add, Multiply, Maximum, ...", network, arrays, seed=seed)


@examples(25)
@given(cases(name=MERGERS, steps=FLAG))
def test_mergers_of_unlike_shapes(parity, case):
    sizes, options, seed = case

    def network(L, x, z):
        return getattr(L, options["name"])()([x, L.RepeatVector(1)(z) if options["steps"] else z])

    arrays = [rows(sizes, seed, True), rows(sizes, seed + 1, False)]
    compare(parity, "Add, Multiply, Maximum, ...", network, arrays, seed=seed)


@examples(25)
@given(cases(axis=[-1, 1, 2], count=[2, 3], steps=FLAG))
def test_concatenate(parity, case):
    sizes, options, seed = case
    axis = options["axis"] if options["steps"] else min(options["axis"], 1)
    arrays = [rows(sizes, seed + place, options["steps"]) for place in range(options["count"])]

    def network(L, *inputs):
        return L.Concatenate(axis=axis)(list(inputs))

    compare(parity, "Concatenate", network, arrays, seed=seed)


# --- penalties, and what is for training alone ----------------------------------------------------

PENALTIES = [None, ("L1", 0.25), ("L2", 0.125), ("OrthogonalRegularizer", 0.0625)]
VECTORS = PENALTIES[:3]


@examples(25)
@given(cases(kernel=PENALTIES, bias=VECTORS, activity=VECTORS, table=PENALTIES, gamma=VECTORS,
             beta=VECTORS))  # fmt: skip
def test_regularizers(parity, case):
    """The penalties, and what they add to the gradients."""
    sizes, options, seed = case
    words = np.random.default_rng(seed).integers(0, 6, (sizes.N, sizes.T)).astype(np.int32)

    def network(L, x):
        library = nlstm if L is nlstm.layers else keras

        def rules(*names, **others):
            drawn = {name: options[name] for name in names} | others
            return {
                f"{name}_regularizer": rule and getattr(library.regularizers, rule[0])(rule[1])
                for name, rule in drawn.items()
            }

        # At least two rows: of one, Keras's OrthogonalRegularizer is 0 / 0.
        y = L.Embedding(6, max(sizes.F, 2), **rules(embeddings=options["table"]))(x)
        y = L.LayerNormalization(**rules("gamma", "beta"))(y)
        return L.TimeDistributed(L.Dense(max(sizes.H, 2), **rules("kernel", "bias")))(
            L.Dense(3, "tanh", **rules("kernel", "activity"))(y)
        )

    compare(parity, "regularizers", network, [words], seed=seed)


@examples(10)
@given(cases(rate=[0.3, 0.6]))
def test_dropout_and_noise_are_for_training(parity, case):
    sizes, options, seed = case
    x, rate = rows(sizes, seed, True), options["rate"]

    def network(L, x):
        y = L.GaussianNoise(1.0)(L.SpatialDropout1D(rate)(L.Dropout(rate)(x)))
        return L.LSTM(sizes.H, dropout=rate, recurrent_dropout=rate)(y)

    both = Both(network, [x], seed=seed)
    with parity.configuration("dropout in prediction", "float64", both.limit) as agree:
        both.predict(agree)
